"""
Reads: what is asked of a process, by whom, and what has to be true of every answer.

An answer says at which position it was read. Its body is what the database held there, and the position includes all
that the process owed when the request came, and all that the client had seen.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import httpx

from telemetra.domain.positions import EPOCH_BYTES, Position, Snapshot
from tests.integration.freshness.ears import PATIENCE_SECONDS
from tests.integration.freshness.history import History, Question, read_body
from tests.integration.freshness.processes import Process
from tests.integration.freshness.ways import Hold

FOREIGN: Final = Position(bytes(EPOCH_BYTES - 1) + b"\1", Snapshot(3))
"""A position of another history."""


class Manner(Enum):
    """How a client asks."""

    PLAIN = "plain"
    HEAD = "head"
    KNOWING = "knowing"
    """With the validator of the last answer that anybody had to the question."""
    PACKED = "packed"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request on its way, and what its answer must not lack."""

    process: Process
    question: Question
    required: Position | None
    owed: frozenset[int]
    answering: asyncio.Task[httpx.Response]


@dataclass(slots=True)
class Flight:
    """A reading that is held up, and all who ask the same meanwhile."""

    hold: Hold
    asked: list[Asked] = field(default_factory=list)


class Clients:
    """All clients of all processes: what they have seen, and what they wait for."""

    def __init__(self, history: History) -> None:
        self._history = history
        self.positions: list[Position] = []
        self.flights: dict[tuple[int, Question], Flight] = {}
        self._bodies: dict[str, Any] = {}
        """What was answered under a validator."""
        self._tags: dict[Question, str] = {}

    async def ask(
        self,
        process: Process,
        question: Question,
        *,
        spelling: int = 0,
        manner: Manner = Manner.PLAIN,
        required: Position | None = None,
    ) -> None:
        """Ask, and look at the answer; who asks what is being read already waits with those who do."""
        flight = self.flights.get((id(process), question))
        asked = self._begin(process, question, spelling, manner, required)
        if flight:
            for _ in range(5):
                await asyncio.sleep(0)
            if not asked.answering.done():
                flight.asked.append(asked)
                return
        await self._take(asked)

    async def hold_up(self, process: Process, question: Question, what: str) -> None:
        """Ask, and hold up what comes back for it, if anything has to."""
        if (id(process), question) in self.flights:
            return
        hold = process.ways.hold = Hold(what)
        asked = self._begin(process, question, 0, Manner.PLAIN, None)
        reaching = asyncio.create_task(hold.reached.wait())
        await asyncio.wait(
            {asked.answering, reaching}, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        process.ways.hold = None
        reaching.cancel()
        if hold.reached.is_set():
            flight = Flight(hold, [asked])
            self.flights[id(process), question] = flight
        else:
            await self._take(asked)

    async def release(self, which: int) -> None:
        """Let one of the readings go that are held up, if any is, and look at the answers."""
        if self.flights:
            key = list(self.flights)[which % len(self.flights)]
            flight = self.flights.pop(key)
            flight.hold.released.set()
            for asked in flight.asked:
                await self._take(asked)

    async def release_all(self) -> None:
        while self.flights:
            await self.release(0)

    async def let_go(self) -> None:
        """Let everything go without a look."""
        for flight in self.flights.values():
            flight.hold.released.set()
            await asyncio.wait({asked.answering for asked in flight.asked}, timeout=PATIENCE_SECONDS)
        self.flights.clear()

    def _begin(
        self,
        process: Process,
        question: Question,
        spelling: int,
        manner: Manner,
        required: Position | None,
    ) -> Asked:
        headers = {"Accept-Encoding": "gzip" if manner is Manner.PACKED else "identity"}
        if manner is Manner.KNOWING and question in self._tags:
            headers["If-None-Match"] = self._tags[question]
        if required:
            headers["Telemetra-Position"] = str(required)
        url = question.spellings[spelling]
        method = "HEAD" if manner is Manner.HEAD else "GET"
        return Asked(
            process,
            question,
            required,
            frozenset(process.owed(question.subject, self._history)),
            asyncio.create_task(process.client.request(method, url, headers=headers)),
        )

    async def _take(self, asked: Asked) -> None:
        answer = await asyncio.wait_for(asked.answering, PATIENCE_SECONDS)
        if asked.required == FOREIGN:
            assert answer.status_code in {404, 422}, answer
            return
        if answer.status_code == 404:
            seen = self._history.seen_at(asked.required.reached) if asked.required else set()
            states = self._history.states_with(asked.owed | seen)
            assert any(asked.question.answer(state) is None for state in states), "there was one all the time"
            return
        assert answer.status_code in {200, 304}, answer
        position = Position.parse(answer.headers["Telemetra-Position"])
        self._judge(asked, position)
        self._compare(asked, answer, asked.question.answer(self._history.at(position)))
        self.positions.append(position)

    def _judge(self, asked: Asked, position: Position) -> None:
        assert position.seen.sees(self._history.origin), "the answer is of another example"
        lacking = self._history.lacking(position, asked.owed)
        assert not lacking, f"the answer lacks {lacking}"
        if required := asked.required:
            lacking = self._history.lacking(position, self._history.seen_at(required.reached))
            assert position.epoch == required.epoch
            assert not lacking, f"the answer lacks {lacking}, which the client has seen"

    def _compare(self, asked: Asked, answer: httpx.Response, expected: Any) -> None:
        tag = answer.headers["ETag"]
        if answer.content:
            self._bodies[tag] = read_body(answer.content)
            self._tags[asked.question] = tag
        if tag in self._bodies:
            assert self._bodies[tag] == expected
        else:
            assert answer.request.method == "HEAD"
