"""What can be asked: validated questions, and the shape of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

from telemetra.domain.errors import ParameterInvalid
from telemetra.domain.moments import MomentType
from telemetra.domain.positions import Position

MAX_STREAMS: Final = 500
MAX_WINDOWS: Final = 1000
MAX_MOMENTS: Final = 200
MAX_OFFSET: Final = 2**31 - 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStreams:
    """Streams, the most recently updated first; equal ones by `stream_id`."""

    limit: int = 100
    offset: int = 0
    among: frozenset[str] | None = None
    """The only ones to list; None: all."""


@dataclass(frozen=True, slots=True)
class WindowCursor:
    """The last window of a page: the next one goes on after this key, in the order of the question."""

    window_start: datetime
    window_end: datetime


@dataclass(frozen=True, slots=True)
class MomentCursor:
    """The last moment of a page."""

    timestamp: datetime
    moment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMetrics:
    """
    Windows of a stream, newest first or oldest first, with `start_time` <= window_start < `end_time`.

    Raises:
        ParameterInvalid: the range is empty by its own terms.

    """

    stream_id: str
    limit: int = 100
    start_time: datetime | None = None
    end_time: datetime | None = None
    after: WindowCursor | None = None
    oldest_first: bool = False

    def __post_init__(self) -> None:
        _require_range(self.start_time, self.end_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMoments:
    """
    Moments of a stream, newest first or oldest first, of one type or of all, with `start_time` <= timestamp < `end_time`.

    Raises:
        ParameterInvalid: the range is empty by its own terms.

    """

    stream_id: str
    limit: int = 50
    moment_type: MomentType | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    after: MomentCursor | None = None
    oldest_first: bool = False

    def __post_init__(self) -> None:
        _require_range(self.start_time, self.end_time)


def _require_range(start_time: datetime | None, end_time: datetime | None) -> None:
    if start_time and end_time and start_time >= end_time:
        raise ParameterInvalid("start_time, end_time", "start_time must be before end_time.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """What was read, and the position that the reading statement stood at. `more`: a next page is not empty."""

    value: T
    position: Position
    more: bool = False
