"""The listeners in a process of their own, which tells every second how they are, and does what it is asked."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
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

_REPORT_SECONDS: Final = 1.0
_LEAVE_AFTER_SECONDS: Final = 60.0
"""How long a listener stays with a service, on average, before it goes to the other by itself."""
_BURST_LISTENERS: Final = 2
_JOINING: Final = 25
_LENGTH: Final = struct.Struct("!Q")
_BURST_LOOK_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 120.0
_ANSWER_SECONDS: Final = 600.0


class _Wire:
    """One end between the two processes; whole objects go over it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> _Wire:
        """Take one end of a pair of sockets."""
        return cls(*await asyncio.open_connection(sock=end))

    def send(self, thing: object) -> None:
        """Send; nobody waits for it to be out."""
        data = pickle.dumps(thing)
        self._writer.write(_LENGTH.pack(len(data)) + data)

    async def receive(self) -> Any:
        """
        Return what comes next.

        Raises:
            EOFError: the other end is gone.

        """
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return pickle.loads(await self._reader.readexactly(length))  # noqa: S301  (of our own other process)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise EOFError from error

    def close(self) -> None:
        """Let go."""
        self._writer.close()


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

    wire: _Wire
    crowd: Crowd
    streams: dict[str, Stream]
    listeners: list[Listener] = field(default_factory=list)
    newcomers: list[Listener] = field(default_factory=list)
    tasks: dict[Listener, asyncio.Task[None]] = field(default_factory=dict)
    number: int = 0

    async def open(self, listeners: int) -> float:
        """Have everybody come, few at a time, and return when all have their snapshot."""
        began = monotonic()
        for first in range(0, listeners, _JOINING):
            few = range(first, min(first + _JOINING, listeners))
            self.listeners += [self._come(STREAMS[number % len(STREAMS)]) for number in few]
            await _until(lambda: all(listener.stands for listener in self.listeners))
        self.listeners += [self._come(BURST) for _ in range(_BURST_LISTENERS)]
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
        """Return when all who follow the burst's stream hold so many keys whose numbers are not below this one."""
        following = [listener for listener in self.listeners if listener.stream.stream_id == BURST]
        await _until(
            lambda: all(listener.held.holds(number) >= keys for listener in following), _BURST_LOOK_SECONDS
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
            for stream in self.streams.values():
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
    gathering = _Gathering(await _Wire.over(end), crowd, streams)
    telling = asyncio.create_task(gathering.tell())
    await gathering.obey()
    telling.cancel()


def _run(end: socket.socket, ports: list[int], seed: int) -> None:
    with suppress(KeyboardInterrupt):
        uvloop.run(_gather(end, ports, seed))


class CrowdProcess:
    """The crowd as the run's own process speaks to it."""

    def __init__(self, wire: _Wire, hear: Callable[[Report], None]) -> None:
        self._wire = wire
        self._hear = hear
        self._answers: asyncio.Queue[tuple[bool, Any]] = asyncio.Queue()
        self._asking = asyncio.Lock()

    async def ask(self, name: str, *arguments: Any) -> Any:
        """
        Have the crowd do something, and return what it says.

        Raises:
            RuntimeError: it could not.

        """
        async with self._asking:
            self._wire.send((name, arguments))
            succeeded, answer = await asyncio.wait_for(self._answers.get(), _ANSWER_SECONDS)
        if not succeeded:
            raise RuntimeError(answer)
        return answer

    async def listen(self) -> None:
        """Hand on what the crowd says, until it is gone."""
        try:
            while True:
                heard = await self._wire.receive()
                if isinstance(heard, Report):
                    self._hear(heard)
                else:
                    self._answers.put_nowait(heard)
        except EOFError:
            self._answers.put_nowait((False, "the crowd's process is gone"))


@asynccontextmanager
async def run_crowd(
    ports: list[int], seed: int, hear: Callable[[Report], None]
) -> AsyncIterator[CrowdProcess]:
    """Run a crowd for the time of the block; `hear` gets its reports."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = socket.socketpair()
    process = context.Process(target=_run, args=(theirs, ports, seed), daemon=True)
    process.start()
    theirs.close()
    wire = await _Wire.over(ours)
    crowd = CrowdProcess(wire, hear)
    listening = asyncio.create_task(crowd.listen())
    try:
        yield crowd
    finally:
        listening.cancel()
        wire.close()
        await asyncio.to_thread(process.join, 10)
        if process.is_alive():
            process.kill()
            process.join()
