"""Titles of moments: one line, cut where nobody would see it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetra.entrypoints.http.exports.titles import cut, one_line, title_of
from tests.unit.exports.test_rows import a_moment


def test_a_title_is_the_kind_and_the_description() -> None:
    assert title_of(a_moment(description="Chat went wild.")) == "Chat spike: Chat went wild."
    assert title_of(a_moment()) == "Chat spike"
    assert title_of(a_moment(moment_type="raid_by\nothers", description=" ")) == "Raid by others"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\r\nlines", "two lines"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("\x1b[31mred\x07", "[31mred"),
        ("a \t  b\xa0", "a b"),
        ("turned \u202eround\u2066", "turned round"),
        ("\ufeffmark", "mark"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
        ("می‌خواهم", "می‌خواهم"),
        ("🏴\U000e0067\U000e0062\U000e007f", "🏴\U000e0067\U000e0062\U000e007f"),
        ("\ud800lone", "lone"),
    ],
)
def test_a_line_has_nothing_that_would_end_or_turn_it(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(st.text())
def test_no_text_has_a_second_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


@pytest.mark.parametrize(
    ("whole", "end"),
    [
        ("e\u0301", "a combining accent"),
        ("👍🏽", "a tone of skin"),
        ("👩‍👩‍👧", "a family"),
        ("❤️", "a presentation"),
        ("🇩🇪", "a flag"),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "a region's flag"),
    ],
    ids=lambda text: text if text.startswith("a ") else "",
)
@pytest.mark.parametrize("place", range(60, 69))
def test_a_long_text_is_cut_between_what_is_seen_as_one(whole: str, end: str, place: int) -> None:
    text = "x" * place + whole + "y" * 70
    shown = cut(text, 70)
    assert len(shown) <= 70
    assert shown.endswith("…")
    kept = shown[:-1].rstrip("y")
    assert kept in {"x" * place, "x" * place + whole}


def test_flags_in_a_row_stay_whole() -> None:
    for most in (20, 21, 22, 23):
        shown = cut("🇩🇪" * 30, most)
        assert shown == "🇩🇪" * ((len(shown) - 1) // 2) + "…"


@given(st.text(max_size=300))
def test_no_cut_is_longer_than_was_asked_for(text: str) -> None:
    assert len(cut(text, 50)) <= 50
    assert cut(text, 300) == text
