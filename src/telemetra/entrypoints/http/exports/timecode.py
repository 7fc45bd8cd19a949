"""
Timecode: instants of a video as its editors count them (SMPTE ST 12-1).

At 29.97 frames a second the count names 30 a second, so it falls behind the clock by 3.6 s an hour; drop-frame skips two
numbers a minute, but not in each tenth, to keep up. Both count the same frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_MICROSECOND: Final = timedelta(microseconds=1)
_MINUTES_A_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class FrameRate:
    """How a video counts its frames: `frames` each `seconds`, of which a second has `counted` numbers."""

    name: str
    frames: int
    seconds: int
    counted: int
    dropped: int = 0
    """Numbers that most minutes leave out."""

    @property
    def frames_a_day(self) -> int:
        """How many frames there is a number for: the count begins again after 24 hours of its own."""
        numbers = _MINUTES_A_DAY * 60 * self.counted
        return numbers - self.dropped * (_MINUTES_A_DAY - _MINUTES_A_DAY // 10)

    @property
    def longest(self) -> timedelta:
        """The first instant that no marker of one frame has room at."""
        frames = self.frames_a_day - 1
        return timedelta(microseconds=-(-frames * self.seconds * 1_000_000 // self.frames))

    def frame_at(self, offset: timedelta) -> int:
        """Return which frame is seen at an instant, from 0."""
        return (offset // _MICROSECOND) * self.frames // (self.seconds * 1_000_000)

    def timecode(self, frame: int) -> str:
        """Return what a frame is called, within a day."""
        mark = ";" if self.dropped else ":"
        if self.dropped:
            frame += self._dropped_before(frame)
        seconds, frames = divmod(frame, self.counted)
        minutes, seconds = divmod(seconds, 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{mark}{frames:02}"

    def _dropped_before(self, frame: int) -> int:
        whole_minute = 60 * self.counted
        ten_minutes = 10 * whole_minute - 9 * self.dropped
        tens, rest = divmod(frame, ten_minutes)
        # The first of ten minutes is whole, the others are shorter.
        later = max(0, rest - whole_minute) // (whole_minute - self.dropped) + (rest >= whole_minute)
        return self.dropped * (9 * tens + later)


_RATES: Final = (
    FrameRate("23.976", 24_000, 1_001, 24),
    FrameRate("24", 24, 1, 24),
    FrameRate("25", 25, 1, 25),
    FrameRate("29.97", 30_000, 1_001, 30),
    FrameRate("29.97df", 30_000, 1_001, 30, dropped=2),
    FrameRate("30", 30, 1, 30),
    FrameRate("50", 50, 1, 50),
    FrameRate("59.94", 60_000, 1_001, 60),
    FrameRate("59.94df", 60_000, 1_001, 60, dropped=4),
    FrameRate("60", 60, 1, 60),
)
FRAME_RATES: Final = {rate.name: rate for rate in _RATES}
"""Those that videos have, by the names that their editors give them; `df`: drop-frame."""
DEFAULT_RATE: Final = FRAME_RATES["30"]
