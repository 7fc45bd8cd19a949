"""
The relay: where this process's steps come from.

One process of a deployment leads: it reads the changes, and publishes them to the others. The others hear them, and when
they hear nothing they read for themselves. Steps may so come twice, late, or with gaps between them: the taker judges
them by their positions, and nothing here has to be exact but the reading. Knows nothing of streams or sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from random import Random
from types import TracebackType
from typing import Final, NoReturn, Protocol, Self

import structlog

from telemetra.domain.changes import Step
from telemetra.domain.errors import BusUnavailable
from telemetra.domain.ports import BusSubscription, ChangeFeed, LiveBus
from telemetra.domain.positions import Position
from telemetra.entrypoints.meters import Meters

_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0
_TELL_AGAIN_SECONDS: Final = 60.0
_LONE_BEAT_SECONDS: Final = 1.0
"""So often a leader that nobody else hears says that it is there: for whoever may come."""

_log = structlog.get_logger(__name__)


class Taker(Protocol):
    """Takes steps from any source, in any order: what it includes already is nothing new, and before a gap it helps itself."""

    @property
    def position(self) -> Position | None:
        """Where it stands; None until it has taken a step."""
        ...

    @property
    def streams(self) -> Collection[str]:
        """The streams that somebody listens to here."""
        ...

    def take(self, step: Step) -> None:
        """Take a step."""
        ...


class Relay:
    """
    Feeds the taker while it is open (as an async context manager).

    It leads whenever nobody else does. After `silence_seconds` without a step, from the bus or from its own lead (the
    leader sends four a second), it stands in: it follows the feed by itself until there is one again. A taker without
    any position is let wait for `first_seconds` only.
    """

    def __init__(
        self,
        feed: ChangeFeed,
        bus: LiveBus,
        subscription: BusSubscription,
        taker: Taker,
        *,
        silence_seconds: float = 3.0,
        first_seconds: float = 0.5,
        meters: Meters | None = None,
    ) -> None:
        self._feed = feed
        self._bus = bus
        self._subscription = subscription
        self._taker = taker
        self._silence_seconds = silence_seconds
        self._first_seconds = first_seconds
        self._meters = meters or Meters()
        self._led_steps, self._heard_steps, self._own_steps = map(
            self._meters.steps.labels, ("lead", "bus", "stand-in")
        )
        self._heard = asyncio.Event()
        self._heard_at = 0.0
        self._followed_at = 0.0
        self._bus_away = False
        self.leads = False
        """Whether this process looks for changes for all."""
        self.stands_in = False
        """Whether it looks for itself, for want of anybody who leads or can be heard."""
        self._heard_by = 0
        """How many processes heard the last step, as far as the bus knows."""
        self._sent: Position | None = None
        self._echoed: Position | None = None
        """Where the last step that was published ends, and the last that came back."""
        self._published_at = 0.0
        self._tasks: list[asyncio.Task[NoReturn]] = []
        self._jitter = Random()  # noqa: S311  (spreads retries, guards nothing)

    @property
    def silent_seconds(self) -> float:
        """For how long no step has come, from anywhere; a quarter of a second is usual."""
        return max(0.0, asyncio.get_running_loop().time() - max(self._heard_at, self._followed_at))

    @property
    def hears_bus(self) -> bool:
        """Whether the bus took the last step that was published."""
        return not self._bus_away

    @property
    def is_alone(self) -> bool:
        """Whether this process leads, and what it published last was heard here and nowhere else."""
        return self._heard_by == 1 and self._echoed == self._sent

    async def __aenter__(self) -> Self:
        self._heard_at = asyncio.get_running_loop().time()
        parts = {"lead": self._lead, "listen": self._listen, "stand-in": self._stand_in_for_the_silent}
        self._tasks = [
            asyncio.create_task(self._again_and_again(name, part), name=f"live-relay-{name}")
            for name, part in parts.items()
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def _again_and_again(self, name: str, part: Callable[[], Awaitable[None]]) -> NoReturn:
        """Do a part of the work anew whenever it ends or breaks, soon at first; the others go on meanwhile."""
        loop = asyncio.get_running_loop()
        pause_seconds = _FIRST_PAUSE_SECONDS
        told, tell_again_at = "", 0.0
        while True:
            began = loop.time()
            try:
                await part()
            except Exception as error:  # noqa: BLE001  (whatever broke it, listeners wait for the next attempt)
                # What breaks it each time anew would fill a disk with one and the same traceback.
                if told != (told := repr(error)) or loop.time() >= tell_again_at:
                    tell_again_at = loop.time() + _TELL_AGAIN_SECONDS
                    _log.exception("live_relay_failed", part=name)
            if loop.time() - began > _LONGEST_PAUSE_SECONDS:
                pause_seconds = _FIRST_PAUSE_SECONDS
            await asyncio.sleep(self._jitter.uniform(pause_seconds / 2, pause_seconds))
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)

    async def _lead(self) -> None:
        """Wait for the lead, and bring each step to the taker and to the others until the lead is lost."""
        try:
            async with _closing(self._feed.lead(lambda: self._taker.position, self._wanted)) as steps:
                async for step in steps:
                    self.leads = True
                    self._led_steps.inc()
                    self._hear(step)
                    if not self._is_for_nobody(step):
                        await self._publish(step)
        finally:
            # Whoever leads now tells who hears.
            self._heard_by = 0
            self.leads = False

    def _wanted(self) -> Collection[str] | None:
        """
        Say whose changes are worth reading: all, unless the last step was heard by this process and no other.

        Nobody here knows what other processes listen to. One that was heard may be another: only an echo tells.
        """
        return self._taker.streams if self.is_alone else None

    def _is_for_nobody(self, step: Step) -> bool:
        """Whether a step has nothing new, and no other process to tell so."""
        silent_seconds = asyncio.get_running_loop().time() - self._published_at
        return step.before == step.after and self._heard_by <= 1 and silent_seconds < _LONE_BEAT_SECONDS

    async def _publish(self, step: Step) -> None:
        """Hand a step on, if the bus takes it: who misses it reads for itself."""
        self._sent = step.after
        try:
            self._published_at = asyncio.get_running_loop().time()
            self._heard_by = await self._bus.publish(step)
        except BusUnavailable as error:
            if not self._bus_away:
                _log.warning("live_bus_away", reason=str(error))
            self._bus_away = True
        else:
            if self._bus_away:
                _log.info("live_bus_back")
            self._bus_away = False

    async def _listen(self) -> None:
        """Take what the leader publishes; its own steps, too, which are then nothing new."""
        async with _closing(self._subscription.steps()) as steps:
            async for step in steps:
                self._echoed = step.after
                self._heard_steps.inc()
                self._hear(step)

    def _hear(self, step: Step) -> None:
        self._taker.take(step)
        self._heard_at = asyncio.get_running_loop().time()
        self._heard.set()

    async def _stand_in_for_the_silent(self) -> None:
        await self._silence()
        self._heard.clear()
        standing_in = asyncio.create_task(
            self._again_and_again("follow", self._follow), name="live-relay-follow"
        )
        self.stands_in = True
        try:
            await self._heard.wait()
        finally:
            self.stands_in = False
            standing_in.cancel()
            await asyncio.wait({standing_in})
        _log.info("live_relay_stands_back")

    async def _silence(self) -> None:
        """Return when nobody has brought a step for too long."""
        loop = asyncio.get_running_loop()
        while True:
            patience = self._silence_seconds if self._taker.position else self._first_seconds
            left_seconds = self._heard_at + patience - loop.time()
            if left_seconds <= 0:
                return
            await asyncio.sleep(min(left_seconds, self._silence_seconds))

    async def _follow(self) -> None:
        _log.info("live_relay_stands_in")
        async with _closing(self._feed.steps(after=self._taker.position)) as steps:
            async for step in steps:
                self._own_steps.inc()
                self._followed_at = asyncio.get_running_loop().time()
                self._taker.take(step)


@asynccontextmanager
async def _closing(steps: AsyncIterator[Step]) -> AsyncIterator[AsyncIterator[Step]]:
    """Let go of what the steps hold, a connection or the lead, as soon as they are no longer wanted."""
    try:
        yield steps
    finally:
        if isinstance(steps, AsyncGenerator):
            await steps.aclose()
