"""
Replaying a chat log: its events through windowing and detection into the store, at a chosen pace.

Which rows come out depends on the file, the stream's name and the start alone. Pace only decides when they are
written: a row waits for its window to close by the log's own time, never by the clock on the wall.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console

from telemetra.domain.aggregation import ChatMessage, ViewerSample, WindowAggregator
from telemetra.domain.detection import Detection, Detector
from telemetra.domain.errors import DatabaseUnavailable, TelemetraError
from telemetra.domain.ports import StreamWriter
from telemetra.domain.sentiment import LexiconScorer
from telemetra.domain.streams import Stream
from telemetra.domain.windows import WindowSummary
from telemetra.entrypoints.cli.chat_log import BadLine, ChatLog, open_chat_log
from telemetra.entrypoints.cli.replay_display import ReplayDisplay

DEFAULT_START: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""When `t` is 0 unless told otherwise; fixed, so that a second replay meets the rows of the first."""
WINDOW: Final = timedelta(minutes=1)
LATENESS: Final = timedelta(seconds=60)

_LATE: Final = "more than a minute late: its window is closed"
_LINES_A_BREATH: Final = 1000
"""Lines after which others get a turn: Ctrl-C, and the display."""
_SHORTEST_WAIT_SECONDS: Final = 0.01
"""Waits below this add up until they are worth a timer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What a replay is told."""

    stream_id: str
    title: str | None = None
    """None keeps the title that the stream has."""
    speed: float | None = None
    """Seconds of the log in one second; None for as fast as it goes."""
    start: datetime = DEFAULT_START
    """The instant at which the log's `t` is 0, aware."""
    windows_a_transaction: int = 500
    """How many closed windows are stored together at full speed; at a given one none waits for others."""


@dataclass(slots=True, kw_only=True)
class ReplaySummary:
    """What a replay has done: what was read, and what of it is stored."""

    messages: int = 0
    viewer_samples: int = 0
    late: int = 0
    """Messages and samples dropped, because their window was closed when they came."""
    bad_lines: int = 0
    windows: int = 0
    moments: int = 0
    stored_until: datetime | None = None
    """End of the newest window stored."""
    seconds: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether no line was read that can be used."""
        return not (self.messages or self.viewer_samples)

    @property
    def messages_per_second(self) -> float:
        """How fast it went."""
        return self.messages / self.seconds if self.seconds else 0.0

    @property
    def complete(self) -> bool:
        """Whether everything in the file went in."""
        return not (self.bad_lines or self.late)


async def replay_file(
    path: Path,
    options: ReplayOptions,
    writer: StreamWriter,
    *,
    console: Console,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> ReplaySummary:
    """
    Replay a log into `writer`, telling of progress and of lines that can't be used on `console`.

    When it is cancelled, or the store fails, what was finished is in and one line says how far that is.

    Raises:
        OSError: the file can't be opened.
        TelemetraError: the store failed.

    """
    with (
        open_chat_log(path, start=options.start) as log,
        ReplayDisplay(console, path, size_bytes=log.size_bytes) as display,
    ):
        replay = _Replay(log, options, writer, display, sleep=sleep, clock=clock)
        try:
            return await replay.run()
        except (asyncio.CancelledError, KeyboardInterrupt):
            # A second Ctrl-C arrives as KeyboardInterrupt where the first waits for a pipe that says nothing.
            # A window that is still open stays out: the rest of its messages would be missing from it.
            with contextlib.suppress(DatabaseUnavailable, asyncio.CancelledError):
                await replay.flush()
            display.stopped("interrupted", log.line_number, replay.summary.stored_until)
            raise
        except TelemetraError:
            display.stopped("stopped", log.line_number, replay.summary.stored_until)
            raise


class _Replay:
    """One replay under way."""

    def __init__(
        self,
        log: ChatLog,
        options: ReplayOptions,
        writer: StreamWriter,
        display: ReplayDisplay,
        *,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self.summary = ReplaySummary()
        self._log = log
        self._options = options
        self._writer = writer
        self._display = display
        self._sleep = sleep
        self._clock = clock
        self._aggregator = WindowAggregator(
            options.stream_id, scorer=LexiconScorer(), window=WINDOW, lateness=LATENESS
        )
        self._detector = Detector()
        self._finished: list[Detection] = []
        """Closed windows that are not stored yet."""
        self._began: tuple[float, datetime] | None = None
        """Where clock and log stood at the first event."""

    async def run(self) -> ReplaySummary:
        began = self._clock()
        for entry in self._log:
            if isinstance(entry, BadLine):
                self.summary.bad_lines += 1
                self._display.bad_line(entry, is_before_all_good=self.summary.is_empty)
            else:
                await self._take(entry)
            if self._log.line_number % _LINES_A_BREATH == 0:
                self._display.advance(self._log, self.summary.messages)
                await asyncio.sleep(0)
        # Ctrl-C ends a pipe's other end too: that end of the log is none, and must not finish the open window.
        await asyncio.sleep(0)
        self._finish(self._aggregator.finish())
        await self.flush()
        self._display.advance(self._log, self.summary.messages)
        self.summary.seconds = self._clock() - began
        return self.summary

    async def flush(self) -> None:
        """Store the closed windows in one transaction; should it fail they are kept for another try."""
        if not self._finished:
            return
        options, finished = self._options, self._finished
        windows = [detection.window for detection in finished]
        moments = [moment for detection in finished for moment in detection.moments]
        end = max(window.window_end for window in windows)
        stream = Stream(
            stream_id=options.stream_id, title=options.title, created_at=options.start, updated_at=end
        )
        await self._writer.write(stream, windows, moments)
        self._finished = []
        self.summary.windows += len(windows)
        self.summary.moments += len(moments)
        self.summary.stored_until = max(end, self.summary.stored_until or end)

    async def _take(self, event: ChatMessage | ViewerSample) -> None:
        if self._options.speed is not None:
            await self._wait_for(event.at, self._options.speed)
        if isinstance(event, ChatMessage):
            self.summary.messages += 1
        else:
            self.summary.viewer_samples += 1
        self._finish(self._aggregator.add(event))
        if self._aggregator.late > self.summary.late:
            self.summary.late = self._aggregator.late
            self._display.bad_line(BadLine(self._log.line_number, _LATE))
        if len(self._finished) >= self._options.windows_a_transaction:
            await self.flush()

    async def _wait_for(self, at: datetime, speed: float) -> None:
        """Sleep until it is this event's turn; what is finished does not wait along."""
        if self._began is None:
            self._began = (self._clock(), at)
        clock, first = self._began
        due = clock + (at - first).total_seconds() / speed
        if due - self._clock() >= _SHORTEST_WAIT_SECONDS:
            await self.flush()
            self._display.advance(self._log, self.summary.messages)
            await self._sleep(max(0.0, due - self._clock()))

    def _finish(self, windows: Iterable[WindowSummary]) -> None:
        self._finished += map(self._detector.observe, windows)
