"""
Listeners in a process of their own, which tells every second how they are, and does what it is asked.

There are two: those of the burst have one to themselves, or the others' times would be what reading its rows costs a client.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import asyncpg
import uvloop
from bench.live.resume_rows import read_stored
from bench.soak.incidents import Incident
from bench.soak.listeners import Crowd, Listener
from bench.soak.options import BURST, STREAMS
from bench.soak.told import Stream, Tally
from bench.soak.wire import Wire

_REPORT_SECONDS: Final = 1.0
_LEAVE_AFTER_SECONDS: Final = 60.0
"""How long a listener stays with a service, on average, before it goes to the other by itself."""
_JOINING: Final = 25
_BURST_LOOK_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How the crowd is, once a second."""

    connected: list[int]
    deliveries: int
    """Messages since the beginning."""
    latencies: list[float]
    incidents: list[Incident]
    lost_or_doubled: int
    resets: int
    late_seconds: float
    """How late the crowd's own loop was: one that has no time measures itself."""


@dataclass(slots=True)
class _Gathering:
    """What goes on in the crowd's process."""

    wire: Wire
    crowd: Crowd
    streams: dict[str, Stream]
    listeners: list[Listener] = field(default_factory=list)
    newcomers: list[Listener] = field(default_factory=list)
    tasks: dict[Listener, asyncio.Task[None]] = field(default_factory=dict)
    number: int = 0

    async def open(self, listeners: int, streams: Sequence[str]) -> float:
        """Have everybody come to these streams, few at a time, and return when all have their snapshot."""
        began = monotonic()
        for first in range(0, listeners, _JOINING):
            few = range(first, min(first + _JOINING, listeners))
            self.listeners += [self._come(streams[number % len(streams)]) for number in few]
            await _until(lambda: all(listener.stands for listener in self.listeners))
        return monotonic() - began

    async def join(self, listeners: int) -> float:
        """Have newcomers come all at once, and return how many seconds it took until each had its snapshot."""
        began = monotonic()
        self.newcomers = [self._come(STREAMS[number % len(STREAMS)]) for number in range(listeners)]
        await _until(lambda: all(listener.stands for listener in self.newcomers))
        return monotonic() - began

    async def leave(self) -> None:
        """Have the newcomers go."""
        for listener in self.newcomers:
            self.tasks.pop(listener).cancel()
        self.newcomers = []

    async def until_burst(self, number: int, keys: int) -> float:
        """Return when each holds so many keys whose numbers are not below this one."""
        await _until(
            lambda: all(listener.held.holds(number) >= keys for listener in self.listeners),
            _BURST_LOOK_SECONDS,
        )
        return monotonic()

    async def finish(self, way_in: Mapping[str, Any], seconds: float) -> Tally:
        """Wait until everybody was told of the end, then compare what each holds with the tables."""
        tally = self.crowd.tally
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await _until(lambda: all(listener.at_end for listener in self.listeners))
        for listener in self.listeners:
            if not listener.at_end:
                tally.fault(f"{listener.held.name} was not told of the end of {listener.stream.stream_id}")
        for task in self.tasks.values():
            task.cancel()
        connection = await asyncpg.connect(**way_in, ssl=False, timeout=10)
        try:
            for stream in {listener.stream for listener in self.listeners}:
                stored, removed = await read_stored(connection, stream.stream_id)
                expected, removals = stream.expected(stored), stream.removals(removed)
                for listener in self.listeners:
                    if listener.stream is stream:
                        listener.held.judge(expected, removals)
        finally:
            await connection.close(timeout=10)
        return tally

    async def tell(self) -> None:
        """Report, and look after the silent and those who leave by themselves."""
        while True:
            due = monotonic() + _REPORT_SECONDS
            await asyncio.sleep(_REPORT_SECONDS)
            now = monotonic()
            for listener in self.listeners:
                listener.look(now, leaving=_REPORT_SECONDS / _LEAVE_AFTER_SECONDS)
            crowd, tally = self.crowd, self.crowd.tally
            report = Report(
                connected=list(crowd.connected),
                deliveries=tally.messages,
                latencies=crowd.latencies,
                incidents=crowd.incidents,
                lost_or_doubled=tally.lost + tally.doubled,
                resets=tally.resets,
                late_seconds=now - due,
            )
            crowd.latencies, crowd.incidents = [], []
            self.wire.send(report)

    async def obey(self) -> None:
        """Do what is asked, one after the other, until nobody can ask any more."""
        with suppress(EOFError):
            while True:
                name, arguments = await self.wire.receive()
                try:
                    answer = True, await getattr(self, name)(*arguments)
                except Exception as error:  # noqa: BLE001  (told to the process that asked)
                    answer = False, f"{name}: {type(error).__name__}: {error}"
                self.wire.send(answer)

    def _come(self, stream_id: str) -> Listener:
        listener = Listener(self.number, self.streams[stream_id], self.crowd)
        self.number += 1
        self.tasks[listener] = asyncio.create_task(listener.follow())
        return listener


async def _until(condition: Callable[[], bool], every_seconds: float = 0.02) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  (of what a thousand listeners hold: an event would be set for every message)
            await asyncio.sleep(every_seconds)


async def _gather(end: socket.socket, ports: list[int], seed: int) -> None:
    crowd = Crowd(ports, seed)
    streams = {stream_id: Stream(stream_id, crowd.tally) for stream_id in (*STREAMS, BURST)}
    gathering = _Gathering(await Wire.over(end), crowd, streams)
    telling = asyncio.create_task(gathering.tell())
    await gathering.obey()
    telling.cancel()


def run(end: socket.socket, ports: list[int], seed: int) -> None:
    """Be the crowd's process."""
    with suppress(KeyboardInterrupt):
        uvloop.run(_gather(end, ports, seed))
