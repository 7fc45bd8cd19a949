"""
The cache: an ASGI layer in front of the routes, which answers what it may and keeps what they answer.

An answer is kept as long as nothing that it was read from has changed, and no longer than its time. When this process
has not heard of changes for a second, nothing that is kept counts; only where the database is away, too, an answer
that nothing is known against is better than none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from telemetra.domain.changes import Step
from telemetra.domain.errors import PositionInvalid
from telemetra.domain.ports import SharedAnswers
from telemetra.domain.positions import Position
from telemetra.entrypoints.asgi import App, Message, ReadScope, Receive, Scope, Send
from telemetra.entrypoints.cache.entries import Entry, accepted_codings
from telemetra.entrypoints.cache.freshness import Freshness
from telemetra.entrypoints.cache.local import LocalStore
from telemetra.entrypoints.cache.questions import Question, Questions
from telemetra.entrypoints.cache.shared import decode, encode, shared_key
from telemetra.entrypoints.http.answers import is_known, required_position
from telemetra.entrypoints.http.cached_reads import CachedRead
from telemetra.entrypoints.http.headers import POSITION
from telemetra.settings import Settings

_OK: Final = 200
_UNAVAILABLE: Final = 503
_METHODS: Final = frozenset({"GET", "HEAD"})
_POSITION: Final = POSITION.lower().encode()
_FOR_THE_CACHE: Final = frozenset({b"if-none-match", b"accept-encoding", _POSITION})
"""What the cache itself answers to: the routes are asked for the whole answer as it is."""
_AWAY_SECONDS: Final = 1.0
_ATTEMPTS: Final = 3


class ResponseCache:
    """What is kept, and what is known to have changed. The hub tells it of each step before it tells a listener."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.freshness = Freshness(clock)
        self.answers: SharedAnswers | None = None
        """What other processes have answered; None until the ports are open."""
        self.store: LocalStore[Entry] = LocalStore(max_bytes=settings.cache_memory_bytes)

    def heard(self) -> None:
        """Note a word from the relay."""
        self.freshness.heard()

    def take(self, step: Step) -> None:
        """Let go of what a step changed."""
        self.freshness.take(step)
        if step.everywhere or not step.carried:
            self.store.clear()
        else:
            self.store.drop_tags(step.tags())


@dataclass(slots=True)
class _Captured:
    """What the routes answered."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            self.headers = [(bytes(name).lower(), bytes(value)) for name, value in message.get("headers", ())]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


class CachedReads:
    """The layer."""

    def __init__(
        self, app: App, cache: ResponseCache, reads: Sequence[CachedRead], settings: Settings
    ) -> None:
        self._app = app
        self._cache = cache
        self._store = cache.store
        self._freshness = cache.freshness
        self._clock = cache.clock
        self._questions = Questions(reads, settings)
        self._flights: dict[Hashable, asyncio.Future[Entry | None]] = {}
        self._database_away_until = 0.0

    def kept(self, scope: ReadScope) -> Entry | None:
        """Return the kept answer to a request for nothing newer, if it has been asked in these words before."""
        entry = self._store.find(_spelling(scope))
        return entry if entry is not None and self._serves(entry, None) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http" or scope["method"] not in _METHODS:
            await self._app(scope, receive, send)
            return
        try:
            required = required_position(scope)
        except PositionInvalid:
            # The routes say what is wrong with it.
            await self._app(scope, receive, send)
            return
        spelling = _spelling(scope)
        entry = self._store.find(spelling)
        if entry is None or not self._serves(entry, required):
            question = self._questions.recognise(scope)
            if question is None:
                await self._app(scope, receive, send)
                return
            entry = await self._answer(question, spelling, required, scope, receive, send)
            if entry is None:
                return
        await self._send(entry, scope, send)

    def _serves(self, entry: Entry, required: Position | None) -> bool:
        """Whether a kept entry, which nothing is known against, may still be given to this client."""
        if self._clock() >= entry.expires_at:
            return False
        if not (self._freshness.is_known() or self._clock() < self._database_away_until):
            return False
        return required is None or _includes(entry.position, required)

    async def _answer(
        self,
        question: Question,
        spelling: bytes,
        required: Position | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> Entry | None:
        """Return an entry that answers the question; None when the routes have answered the request themselves."""
        for _ in range(_ATTEMPTS):
            entry = self._store.get(question.key, spelling)
            if entry is not None and self._serves(entry, required):
                return entry
            flight = self._flights.get(question.key)
            if flight is None:
                return await self._fill(question, spelling, required, scope, receive, send)
            # Whoever asked first asks for all; an answer that a change has overtaken meanwhile is not for those who
            # came after the change.
            entry = await asyncio.shield(flight)
            if entry is not None and self._may_share(entry, question, required):
                return entry
        await self._app(scope, receive, send)
        return None

    def _may_share(self, entry: Entry, question: Question, required: Position | None) -> bool:
        is_fresh = self._freshness.includes_all(entry.position, question.tag)
        return (is_fresh or not self._freshness.is_known()) and (
            required is None or _includes(entry.position, required)
        )

    async def _fill(
        self,
        question: Question,
        spelling: bytes,
        required: Position | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> Entry | None:
        flight: asyncio.Future[Entry | None] = asyncio.get_running_loop().create_future()
        self._flights[question.key] = flight
        entry = None
        captured = _Captured()
        try:
            entry = await self._shared(question, spelling, required)
            if entry is None:
                await self._app(_whole(scope), receive, captured.take)
                entry = self._kept(question, spelling, captured)
        finally:
            del self._flights[question.key]
            flight.set_result(entry)
        if entry is None and captured.status == _UNAVAILABLE:
            self._database_away_until = self._clock() + _AWAY_SECONDS
            kept = self._store.get(question.key)
            entry = kept if kept is not None and self._serves(kept, required) else None
        if entry is None:
            await _replay(captured, scope, send)
            return None
        if required is not None and entry.position.epoch != required.epoch:
            # Of another history: the routes say so.
            await self._app(scope, receive, send)
            return None
        return entry

    async def _shared(self, question: Question, spelling: bytes, required: Position | None) -> Entry | None:
        """Return what another process has answered, if it still holds as far as this one knows."""
        answers = self._cache.answers
        if answers is None or not self._freshness.is_known():
            return None
        found = await answers.get(shared_key(question))
        entry = decode(found, question, now=self._clock()) if found else None
        if (
            entry is None
            or self._clock() >= entry.expires_at
            or not self._may_keep(entry)
            or not (required is None or _includes(entry.position, required))
        ):
            return None
        self._store.put(question.key, entry, spelling)
        return entry

    def _may_keep(self, entry: Entry) -> bool:
        """Whether nothing that an answer was read from has changed since, as far as this process knows, and it does."""
        return self._freshness.is_known() and self._freshness.includes_all(entry.position, entry.tag)

    def _kept(self, question: Question, spelling: bytes, captured: _Captured) -> Entry | None:
        """Make an entry of an answer, and keep it where nothing has changed since it was read."""
        position = dict(captured.headers).get(_POSITION)
        if captured.status != _OK or position is None:
            return None
        entry = Entry(
            question.key,
            question.tag,
            Position.parse(position.decode()),
            captured.headers,
            captured.body,
            expires_at=self._clock() + question.ttl_seconds,
        )
        if self._may_keep(entry):
            self._store.put(question.key, entry, spelling)
            if answers := self._cache.answers:
                ttl_seconds = question.ttl_seconds
                content = encode(entry, ttl_seconds=ttl_seconds)
                answers.put(shared_key(question), content, ttl_seconds=ttl_seconds)
        return entry

    async def _send(self, entry: Entry, scope: Scope, send: Send) -> None:
        accepted = [value for name, value in scope["headers"] if name == b"accept-encoding"]
        coding = entry.coding_for(accepted_codings(accepted)) if accepted else b""
        if entry.has(coding):
            variant = entry.variant(coding)
        else:
            before = entry.size_bytes
            variant = entry.variant(coding)
            self._store.count(entry.key, entry, entry.size_bytes - before)
        if is_known(scope, variant.entity_tag.decode()):
            await send({"type": "http.response.start", "status": 304, "headers": variant.unchanged})
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.start", "status": _OK, "headers": variant.full})
        body = variant.body if scope["method"] == "GET" else b""
        await send({"type": "http.response.body", "body": body})


def _spelling(scope: ReadScope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return path + b"?" + query


def _includes(position: Position, required: Position) -> bool:
    return position.epoch == required.epoch and position.seen.includes(required.reached)


def _whole(scope: Scope) -> Scope:
    """Return a request for the whole answer, of which every other can be made."""
    headers = [(name, value) for name, value in scope["headers"] if name not in _FOR_THE_CACHE]
    return {**scope, "method": "GET", "headers": headers}


async def _replay(captured: _Captured, scope: Mapping[str, object], send: Send) -> None:
    """Send on what is not kept: a problem, which is this request's own."""
    await send({"type": "http.response.start", "status": captured.status, "headers": captured.headers})
    await send({"type": "http.response.body", "body": captured.body if scope["method"] == "GET" else b""})
