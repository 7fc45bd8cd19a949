"""
A course: actions that writers, clients, buses and clocks may take, in any order, and what happens then.

Every action is possible in every state: what makes no sense is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from telemetra.domain.positions import Position
from tests.integration.freshness.history import History, questions_about
from tests.integration.freshness.processes import Deployment, Process
from tests.integration.freshness.reads import FOREIGN, Clients, Manner
from tests.integration.freshness.writers import Writers

STREAMS: Final = 2
QUESTIONS: Final = 5
"""How many there are about each stream, the list among them."""


@dataclass(frozen=True, slots=True)
class Put:
    """Write or remove one row: at once, or in the transaction that stays open."""

    table: str
    stream: int
    number: int
    value: int
    slowly: bool


@dataclass(frozen=True, slots=True)
class End:
    """Commit the open transaction, or roll it back."""

    commit: bool


@dataclass(frozen=True, slots=True)
class Truncate:
    table: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask a process; `since` says which position the client has: none, one that it has seen, or another history's."""

    process: int
    stream: int
    question: int
    spelling: int
    manner: Manner
    since: str


@dataclass(frozen=True, slots=True)
class HoldUp:
    """Ask a process, and hold up what it waits for."""

    process: int
    stream: int
    question: int
    what: str


@dataclass(frozen=True, slots=True)
class Release:
    """Let go of what is held up."""

    which: int


@dataclass(frozen=True, slots=True)
class Listen:
    """Let a listener come, where there is none; else it goes."""

    process: int
    stream: int


@dataclass(frozen=True, slots=True)
class Hear:
    """Let a process hear what it lacks. Before that, it hears nothing at all."""

    process: int


@dataclass(frozen=True, slots=True)
class Lose:
    """Let the bus lose what the process that does not lead would hear."""


@dataclass(frozen=True, slots=True)
class Move:
    """Move a process's clock."""

    process: int
    seconds: float


Action: TypeAlias = Put | End | Truncate | Ask | HoldUp | Release | Listen | Hear | Lose | Move


class Course:
    """One example: plays actions, and has every answer looked at."""

    def __init__(self, deployment: Deployment, number: int, origin: int) -> None:
        self._deployment = deployment
        self._streams = [f"s{number}-{stream}" for stream in range(STREAMS)]
        self._questions = [
            questions_about(stream_id, list_limit=100 + number % 400) for stream_id in self._streams
        ]
        self._history = History(origin)
        self._clients = Clients(self._history)
        self._writers = Writers(deployment.script, self._streams, self._history)

    async def play(self, action: Action) -> None:
        match action:
            case Put() | End() | Truncate():
                await self._write(action)
            case Ask() | HoldUp() | Release():
                await self._read(action)
            case Listen(process, stream):
                await self._listen(self._deployment.processes[process], self._streams[stream])
            case Hear(process):
                await self._deployment.hear(self._deployment.processes[process])
            case Lose():
                await self._deployment.lose()
            case Move(process, seconds):
                self._deployment.processes[process].clock.move(seconds)

    async def settle(self) -> None:
        """
        Let everything end, and everybody hear of it: then each question is asked of the database once at most.

        The last to commit is the newest transaction, so that its row is the newest: where an older one has rewritten that,
        the database stands at a position that does not include one that another process has seen before.
        """
        await self._clients.release_all()
        await self._writers.end(commit=True)
        await self._writers.write([self._writers.to_write("streams", 0, 0, 4)])
        for process in self._deployment.processes:
            await self._deployment.hear(process)
            for question in {question: None for asked in self._questions for question in asked}:
                await self._clients.ask(process, question)
                readings = process.ways.readings
                await self._clients.ask(process, question)
                is_there = question.answer(self._history.now) is not None
                assert not is_there or process.ways.readings == readings, "what was answered is not kept"

    async def clear(self) -> None:
        """Leave nothing to the next example, wherever this one has stopped."""
        for process in self._deployment.processes:
            await process.forget()
        await self._clients.let_go()
        await self._writers.end(commit=False)

    async def _write(self, action: Put | End | Truncate) -> None:
        match action:
            case Put(table, stream, number, value, slowly):
                write = self._writers.to_write(table, stream, number, value)
                await (self._writers.write_slowly(write) if slowly else self._writers.write([write]))
            case End(commit):
                await self._writers.end(commit=commit)
            case Truncate(table):
                await self._writers.truncate(table)

    async def _read(self, action: Ask | HoldUp | Release) -> None:
        match action:
            case Ask(process, stream, question, spelling, manner, since):
                await self._clients.ask(
                    self._deployment.processes[process],
                    self._questions[stream][question],
                    spelling=spelling,
                    manner=manner,
                    required=await self._position(since),
                )
            case HoldUp(process, stream, question, what):
                await self._clients.hold_up(
                    self._deployment.processes[process], self._questions[stream][question], what
                )
            case Release(which):
                await self._clients.release(which)

    async def _listen(self, process: Process, stream_id: str) -> None:
        if stream_id in process.listeners:
            await process.leave(stream_id)
        elif any(row.stream_id == stream_id for row in self._history.now.values()):
            await process.listen(stream_id)

    async def _position(self, since: str) -> Position | None:
        if since == "database":
            return await self._deployment.position()
        if since == "foreign":
            return FOREIGN
        seen = {"newest": self._clients.positions, "told": self._deployment.told}.get(since)
        return seen[-1] if seen else None
