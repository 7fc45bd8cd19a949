"""
A stream's moments as the markers of a video's timeline: an EDL (CMX 3600) with a comment each event, as DaVinci Resolve
writes and reads markers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from telemetra.domain.moments import Moment, MomentType
from telemetra.entrypoints.http.exports.timecode import FrameRate
from telemetra.entrypoints.http.exports.titles import cut, one_line, title_of

_LONGEST_TITLE: Final = 70
_COLORS: Final[dict[str, str]] = {
    MomentType.CHAT_SPIKE: "Yellow",
    MomentType.VIEWER_SPIKE: "Green",
    MomentType.SENTIMENT_SHIFT: "Purple",
}
_OTHER_COLOR: Final = "Blue"


class MarkerList:
    """
    Writes moments, the oldest first, none before `zero`, which is frame 0, and none after a day.

    A timeline has one marker a frame: moments of one frame share theirs.
    """

    def __init__(self, name: str, zero: datetime, rate: FrameRate) -> None:
        self._name = name
        self._zero = zero
        self._rate = rate
        self._number = 0
        self._frame = -1
        self._color = ""
        self._title = ""

    def begin(self) -> bytes:
        """Return what stands before the first event."""
        count = "DROP FRAME" if self._rate.dropped else "NON-DROP FRAME"
        return f"TITLE: {cut(one_line(self._name), _LONGEST_TITLE)}\nFCM: {count}\n\n".encode()

    def rows(self, rows: Sequence[Moment]) -> bytes:
        """Return the events that these moments show to be whole."""
        ended = []
        for moment in rows:
            frame, title = self._rate.frame_at(moment.timestamp - self._zero), title_of(moment)
            if frame == self._frame:
                self._title = cut(f"{self._title}; {title}")
                continue
            ended.append(self._event())
            self._frame, self._title = frame, title
            self._color = _COLORS.get(moment.moment_type, _OTHER_COLOR)
        return "".join(ended).encode()

    def end(self) -> bytes:
        """Return the last event."""
        return self._event().encode()

    def _event(self) -> str:
        if self._frame < 0:
            return ""
        self._number += 1
        span = f"{self._rate.timecode(self._frame)} {self._rate.timecode(self._frame + 1)}"
        # A bar would end the title.
        title = self._title.replace("|", "/")
        return (
            f"{self._number:03}  001      V     C        {span} {span}\n"
            f" |C:ResolveColor{self._color} |M:{title} |D:1\n\n"
        )
