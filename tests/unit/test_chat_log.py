from __future__ import annotations

import gzip
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telemetra.domain.aggregation import ChatMessage, ViewerSample
from telemetra.entrypoints.cli.chat_log import MAX_LINE_BYTES, BadLine, Entry, open_chat_log

START = datetime(2025, 1, 1, tzinfo=UTC)
GOOD = b'{"t":1.5,"user":"ann","text":"hi <3","emotes":["<3"],"badges":["vip"]}\n'
ANN = ChatMessage(at=START + timedelta(seconds=1.5), user="ann", text="hi <3", emotes=["<3"])


def read(path: Path) -> list[Entry]:
    with open_chat_log(path, start=START) as log:
        return list(log)


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "chat.jsonl"


def test_messages_and_viewer_counts_come_in_the_order_of_the_file(log_file: Path) -> None:
    log_file.write_bytes(b'{"t":9,"viewers":1200}\n' + GOOD)
    assert read(log_file) == [ViewerSample(at=START + timedelta(seconds=9), viewers=1200), ANN]


def test_emotes_and_badges_may_be_missing_and_other_fields_are_let_through(log_file: Path) -> None:
    log_file.write_bytes(b'{"t":0,"user":"ann","text":"hi","colour":"#fff","id":{"n":[1]}}\n')
    assert read(log_file) == [ChatMessage(at=START, user="ann", text="hi", emotes=[])]


@pytest.mark.parametrize(
    "content",
    [GOOD, GOOD.rstrip(), b"\n \n" + GOOD + b"\r\n", b"\xef\xbb\xbf" + GOOD, GOOD.replace(b"\n", b"\r\n")],
    ids=["plain", "no newline at the end", "blank lines", "byte order mark", "Windows line ends"],
)
def test_what_editors_do_to_a_file_makes_no_difference(log_file: Path, content: bytes) -> None:
    log_file.write_bytes(content)
    assert read(log_file) == [ANN]


def test_a_gzipped_log_is_known_by_its_first_bytes_whatever_its_name(log_file: Path) -> None:
    log_file.write_bytes(gzip.compress(GOOD) + gzip.compress(GOOD))
    assert read(log_file) == [ANN, ANN]


def test_an_empty_log_has_no_events(log_file: Path) -> None:
    log_file.write_bytes(b"")
    assert read(log_file) == []
    log_file.write_bytes(gzip.compress(b""))
    assert read(log_file) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"hello", "not a JSON object"),
        (GOOD.strip() + b" {}", "not JSON"),
        (b"[]", "not a JSON object, as each line has to be, such as"),
        (b"12.5,ann,hi", '{"t": 12.5, "user": "ann", "text": "hi"}'),
        (b"  7", "not a JSON object"),
        (b'{"user":"ann","text":"hi"}', "missing field `t`"),
        (b'{"t":1,"text":"hi"}', "missing field `user`"),
        (b'{"t":1,"user":"ann"}', "missing field `text`"),
        (b'{"t":"1","user":"ann","text":"hi"}', "Expected `float`, got `str` - at `$.t`"),
        (b'{"t":true,"user":"ann","text":"hi"}', "Expected `float`, got `bool`"),
        (b'{"t":1,"user":null,"text":"hi"}', "Expected `str`, got `null` - at `$.user`"),
        (b'{"t":1,"user":"ann","text":"hi","emotes":"<3"}', "at `$.emotes`"),
        (b'{"t":1,"user":"ann","text":"hi","emotes":[7]}', "at `$.emotes[0]`"),
        (b'{"t":1,"user":"ann","text":"hi","emotes":[""]}', "length >= 1"),
        (b'{"t":1,"user":"ann","text":"hi","emotes":["a\\u0000"]}', "NUL"),
        (b'{"t":-1,"user":"ann","text":"hi"}', ">= 0.0 - at `$.t`"),
        (b'{"t":NaN,"user":"ann","text":"hi"}', "not JSON"),
        (b'{"t":1e999,"user":"ann","text":"hi"}', "out of range - at `$.t`"),
        (b'{"t":1735689600,"user":"ann","text":"hi"}', "<= 31622400.0 - at `$.t`"),
        (b'{"t":123456789012345678901234567890,"viewers":1}', "at `$.t`"),
        (b'{"t":1,"viewers":-1}', ">= 0 - at `$.viewers`"),
        (b'{"t":1,"viewers":1.5}', "Expected `int`, got `float`"),
        (b'{"t":1,"viewers":4294967296}', "at `$.viewers`"),
        (b'{"t":1,"user":"\xff","text":"hi"}', "not UTF-8: byte 16 of the line"),
        (b'{"t":1,"user":"ann","text":"hi","unread":"\xff"}', "not UTF-8"),
        (b'{"t":1,"user":"\\ud800","text":"hi"}', "not JSON"),
        (b'{"t":1,"user":"ann","text":"hi","x":' + b"[" * 50_000, "nested too deeply"),
        (b'{"t":1,"user":"ann","text":"' + b"a" * MAX_LINE_BYTES + b'"}', "longer than 65536 bytes"),
        (b'{"t":1,"user":"ann","text":"' + b"a" * 3 * MAX_LINE_BYTES, "longer than 65536 bytes"),
        (b"\0" * 100, "not a JSON object"),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_reason_and_the_rest_is_read(
    log_file: Path, line: bytes, reason: str
) -> None:
    log_file.write_bytes(GOOD + line + b"\n" + GOOD)
    before, bad, after = read(log_file)
    assert (before, after) == (ANN, ANN)
    assert isinstance(bad, BadLine)
    assert bad.number == 2
    assert reason in bad.reason


def test_a_line_of_the_greatest_length_is_read(log_file: Path) -> None:
    frame = b'{"t":1,"user":"ann","text":"%s"}\n'
    log_file.write_bytes(frame % (b"a" * (MAX_LINE_BYTES - len(frame) + 3)))
    (message,) = read(log_file)
    assert isinstance(message, ChatMessage)


def test_the_last_line_may_be_too_long_and_without_an_end(log_file: Path) -> None:
    log_file.write_bytes(GOOD + b"x" * (2 * MAX_LINE_BYTES + 2))
    assert read(log_file) == [ANN, BadLine(2, "longer than 65536 bytes")]


def test_one_wild_time_is_refused_and_does_not_spoil_those_after_it(log_file: Path) -> None:
    log_file.write_bytes(GOOD + b'{"t":9999999,"viewers":1}\n' + GOOD)
    before, bad, after = read(log_file)
    assert (before, after) == (ANN, ANN)
    assert isinstance(bad, BadLine)
    assert "ahead of all before it" in bad.reason


def test_a_bad_line_moves_no_clock(log_file: Path) -> None:
    log_file.write_bytes(GOOD + b'{"t":80000,"user":"no text"}\n' + b'{"t":160000,"viewers":1}\n' + GOOD)
    kinds = [type(entry) for entry in read(log_file)]
    assert kinds == [ChatMessage, BadLine, BadLine, ChatMessage]


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.999])
def test_of_a_gzip_file_that_is_cut_off_every_whole_line_is_read(log_file: Path, share: float) -> None:
    lines = [
        b'{"t":%d,"user":"%s","text":"hi"}\n' % (index, os.urandom(8).hex().encode()) for index in range(5000)
    ]
    whole = gzip.compress(b"".join(lines))
    log_file.write_bytes(whole[: int(len(whole) * share)])
    *messages, bad = read(log_file)
    assert isinstance(bad, BadLine)
    assert "cut off" in bad.reason
    assert bad.number == len(messages) + 1
    assert all(isinstance(message, ChatMessage) for message in messages)
    assert len(messages) > (share - 0.1) * len(lines)


def test_damage_in_a_gzip_file_is_told_after_what_could_be_read(log_file: Path) -> None:
    whole = bytearray(gzip.compress(GOOD * 3))
    whole[-8] ^= 0xFF  # the checksum at the end
    log_file.write_bytes(whole)
    *messages, bad = read(log_file)
    assert messages == [ANN] * 3
    assert isinstance(bad, BadLine)
    assert "can't be read on" in bad.reason


def test_a_pipe_is_read_as_it_comes_and_has_no_size(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(GOOD),))
    writer.start()
    with open_chat_log(pipe, start=START) as log:
        assert log.size_bytes is None
        assert list(log) == [ANN]
    writer.join(timeout=10)


def test_how_far_the_reader_is_is_told_in_bytes_of_the_file(log_file: Path) -> None:
    log_file.write_bytes(gzip.compress(GOOD * 10))
    with open_chat_log(log_file, start=START) as log:
        list(log)
        assert log.bytes_read == log.size_bytes == log_file.stat().st_size
