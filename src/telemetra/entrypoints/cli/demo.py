"""
The demo stream: a simulated channel, written as any pipeline would write it, for as long as it is left running.

Its rows depend on absolute time alone: a demo that is started again writes the rows of its last hour once more, as
they were, and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from telemetra.domain.aggregation import WindowAggregator
from telemetra.domain.detection import Detection, Detector
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.ports import StreamWriter
from telemetra.domain.sentiment import LexiconScorer
from telemetra.domain.simulation import SimulatedChannel
from telemetra.domain.streams import Stream

DEMO_STREAM: Final = "demo"
DEMO_TITLE: Final = "Telemetra demo (a simulated channel)"
DEMO_SEED: Final = 20_250_101
WINDOW: Final = timedelta(seconds=5)
HISTORY: Final = timedelta(hours=1)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT: Final = timedelta(microseconds=1)
_WARM_UP: Final = timedelta(minutes=15)
"""Simulated before the history, so that its first windows have the baseline that they had in an earlier run."""
_KEPT_WINDOWS: Final = HISTORY // WINDOW
"""How many windows wait for a database that is away; older ones are let go."""

_log = structlog.get_logger(__name__)


async def run_demo(
    writer: StreamWriter,
    *,
    stream_id: str = DEMO_STREAM,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """
    Write an hour of history that ends now, then each window as it ends, until cancelled.

    While the database is away the windows of up to an hour are kept and written when it is back.

    Args:
        writer: Where the rows go.
        stream_id: The stream's name; its rows do not depend on it otherwise.
        clock: Tells the time, aware.
        sleep: Waits so many seconds.

    """
    demo = _Demo(writer, stream_id)
    while True:
        await demo.catch_up(clock())
        wait = demo.next_due - clock()
        # Never longer than a window: a clock that was set back may be set right again.
        await sleep(max(timedelta(0), min(wait, WINDOW)).total_seconds())


class _Demo:
    """The demo under way: what is simulated, and what of it waits to be written."""

    def __init__(self, writer: StreamWriter, stream_id: str) -> None:
        self._writer = writer
        self._stream_id = stream_id
        self._feed: _Feed | None = None
        self._waiting: list[Detection] = []
        self._away = False
        self.next_due = _EPOCH
        """When the next window will have ended."""

    async def catch_up(self, now: datetime) -> None:
        """Simulate and write all windows that have ended by now."""
        newest = _EPOCH + (now - _EPOCH) // WINDOW * WINDOW
        if self._feed is None or newest - self._feed.until > HISTORY:
            # At first, and after the machine was asleep for long: what lies further back stays a gap.
            self._feed = _Feed(self._stream_id, newest - HISTORY - _WARM_UP)
        history_start = newest - HISTORY
        while self._feed.until < newest:
            self._waiting += [
                detection
                for detection in self._feed.advance()
                if detection.window.window_start >= history_start
            ]
            # An hour takes half a second to simulate, and the service has others to answer.
            await asyncio.sleep(0)
        self.next_due = self._feed.until + WINDOW
        del self._waiting[:-_KEPT_WINDOWS]
        await self._write()

    async def _write(self) -> None:
        if not self._waiting:
            return
        windows = [detection.window for detection in self._waiting]
        stream = Stream(
            stream_id=self._stream_id,
            title=DEMO_TITLE,
            created_at=windows[0].window_start,
            updated_at=windows[-1].window_end,
        )
        moments = [moment for detection in self._waiting for moment in detection.moments]
        try:
            await self._writer.write(stream, windows, moments)
        except DatabaseUnavailable as error:
            if not self._away:
                _log.warning("demo_paused", stream_id=self._stream_id, reason=str(error))
            self._away = True
            return
        if self._away:
            _log.info("demo_resumed", stream_id=self._stream_id, windows=len(windows))
        self._away = False
        self._waiting.clear()


class _Feed:
    """The simulated channel's windows and moments, one window after the other from a given time on."""

    def __init__(self, stream_id: str, start: datetime) -> None:
        self.until = start
        """End of the newest window made."""
        self._channel = SimulatedChannel(DEMO_SEED)
        self._aggregator = WindowAggregator(
            stream_id, scorer=LexiconScorer(), window=WINDOW, lateness=timedelta(0)
        )
        self._detector = Detector()
        self._fed = start

    def advance(self) -> list[Detection]:
        """Make the next window."""
        self.until += WINDOW
        detections: list[Detection] = []
        # The viewer count sampled at the very end of the window is the event that closes it.
        for event in self._channel.events(self._fed, self.until + _INSTANT):
            detections += map(self._detector.observe, self._aggregator.add(event))
        self._fed = self.until + _INSTANT
        return detections
