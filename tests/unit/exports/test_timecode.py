"""Timecode, held against what SMPTE ST 12-1 says of it."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest

from telemetra.entrypoints.http.exports.timecode import FRAME_RATES, FrameRate


@pytest.mark.parametrize(
    ("rate", "frame", "timecode"),
    [
        ("30", 0, "00:00:00:00"),
        ("30", 29, "00:00:00:29"),
        ("30", 30, "00:00:01:00"),
        ("25", 25 * 3600, "01:00:00:00"),
        ("24", 24 * 3600 * 24 - 1, "23:59:59:23"),
        ("29.97", 1800, "00:01:00:00"),
        ("29.97df", 1799, "00:00:59;29"),
        ("29.97df", 1800, "00:01:00;02"),
        ("29.97df", 17981, "00:09:59;29"),
        ("29.97df", 17982, "00:10:00;00"),
        ("29.97df", 107892, "01:00:00;00"),
        ("59.94df", 3599, "00:00:59;59"),
        ("59.94df", 3600, "00:01:00;04"),
        ("59.94df", 215784, "01:00:00;00"),
    ],
)
def test_what_a_frame_is_called(rate: str, frame: int, timecode: str) -> None:
    assert FRAME_RATES[rate].timecode(frame) == timecode


@pytest.mark.parametrize("rate", FRAME_RATES.values(), ids=FRAME_RATES)
def test_each_frame_of_a_quarter_of_an_hour_has_a_name_of_its_own_in_order(rate: FrameRate) -> None:
    names = [rate.timecode(frame) for frame in range(rate.counted * 900)]
    assert names == sorted(set(names))
    dropped = [name for name in names if name.endswith((":00;00", ":00;01", ":00;02", ":00;03"))]
    for name in dropped:
        minute, number = int(name[3:5]), int(name[-2:])
        assert minute % 10 == 0 or number >= rate.dropped


@pytest.mark.parametrize("rate", FRAME_RATES.values(), ids=FRAME_RATES)
def test_the_last_frame_of_a_day_is_the_last_that_has_a_name(rate: FrameRate) -> None:
    mark = ";" if rate.dropped else ":"
    assert rate.timecode(rate.frames_a_day - 1) == f"23:59:59{mark}{rate.counted - 1:02}"
    last = rate.longest - timedelta(microseconds=1)
    assert rate.frame_at(last) + 1 < rate.frames_a_day <= rate.frame_at(rate.longest) + 1


@pytest.mark.parametrize("rate", FRAME_RATES.values(), ids=FRAME_RATES)
def test_a_frame_is_the_one_that_is_seen_then(rate: FrameRate) -> None:
    for microseconds in (0, 1, 999_999, 1_000_000, 3_600_000_000, 86_399_999_999):
        frame = rate.frame_at(timedelta(microseconds=microseconds))
        length = Fraction(rate.seconds, rate.frames)
        assert frame * length <= Fraction(microseconds, 1_000_000) < (frame + 1) * length


def test_drop_frame_keeps_up_with_the_clock_and_non_drop_does_not() -> None:
    hour = timedelta(hours=1)
    kept, behind = FRAME_RATES["29.97df"], FRAME_RATES["29.97"]
    assert kept.timecode(kept.frame_at(hour)) == "01:00:00;00"
    assert behind.timecode(behind.frame_at(hour)) == "00:59:56:12"
