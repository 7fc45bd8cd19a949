"""The name that an export is saved under."""

from __future__ import annotations

import re
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetra.entrypoints.http.exports.filenames import attachment


@pytest.mark.parametrize(
    ("stream_id", "told"),
    [
        ("demo", 'attachment; filename="demo-metrics.csv"'),
        ("a b", "attachment; filename=\"a_b-metrics.csv\"; filename*=UTF-8''a%20b-metrics.csv"),
        ("naïve", "attachment; filename=\"na_ve-metrics.csv\"; filename*=UTF-8''na%C3%AFve-metrics.csv"),
        ("../../etc/passwd", 'attachment; filename="__.._etc_passwd-metrics.csv"'),
        ('a";b\\c', "attachment; filename=\"a__b_c-metrics.csv\"; filename*=UTF-8''a_%3Bb_c-metrics.csv"),
        ("x\r\nSet-Cookie: a=b", None),
        ("🎮" * 200, None),
        (".bashrc", 'attachment; filename="_bashrc-metrics.csv"'),
        ("CON:1|2?*<>", 'attachment; filename="CON_1_2____-metrics.csv"'),
    ],
)
def test_a_stream_s_name_becomes_a_file_s(stream_id: str, told: str | None) -> None:
    found = attachment(stream_id, "metrics.csv")
    assert found.isascii()
    assert found.isprintable()
    if told:
        assert found == told


@given(st.text(min_size=1))
def test_any_name_is_one_header_that_a_reader_understands(stream_id: str) -> None:
    told = attachment(stream_id, "moments.ndjson")
    assert re.fullmatch(r"[\x20-\x7e]+", told)
    message = EmailMessage()
    message["Content-Disposition"] = told
    name = message.get_filename()
    assert name
    assert name.endswith("-moments.ndjson")
    assert not re.search(r'[/\\:*?"<>|\x00-\x1f]', name)
    assert len(name.encode()) <= 255
    assert not name.startswith(".")
