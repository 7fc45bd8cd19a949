"""
A stream's moments as the chapters of its video: lines of `HH:MM:SS title`, as video sites read them in a description.

They want the first at 00:00:00, the others in order, and each to last ten seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from telemetra.domain.moments import Moment
from telemetra.entrypoints.http.exports.titles import cut, title_of

_SHORTEST_SECONDS: Final = 10
_SECOND: Final = timedelta(seconds=1)
_FIRST: Final = "Start"


class Chapters:
    """
    Writes moments, the oldest first, none before `zero`, where the video starts.

    What comes less than ten seconds after a chapter has begun stands in that chapter's line.
    """

    def __init__(self, zero: datetime) -> None:
        self._zero = zero
        self._began_seconds = 0
        self._title = ""

    def begin(self) -> bytes:
        """Return nothing: a line is told when it is known where the next one begins."""
        return b""

    def rows(self, rows: Sequence[Moment]) -> bytes:
        """Return the lines of the chapters that these moments end."""
        ended = []
        for moment in rows:
            # By whole seconds, as they are told.
            seconds, title = (moment.timestamp - self._zero) // _SECOND, title_of(moment)
            if seconds - self._began_seconds >= _SHORTEST_SECONDS:
                ended.append(self._line())
                self._began_seconds, self._title = seconds, title
            else:
                self._title = cut(f"{self._title}; {title}" if self._title else title)
        return "".join(ended).encode()

    def end(self) -> bytes:
        """Return the line of the last chapter."""
        return self._line().encode()

    def _line(self) -> str:
        minutes, seconds = divmod(self._began_seconds, 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02} {self._title or _FIRST}\n"
