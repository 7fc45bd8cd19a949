"""
The cache: an ASGI layer in front of the routes, which answers what it may and keeps what they answer.

An answer is kept as long as nothing that it was read from has changed, and no longer than its time. When this process
has not heard of changes for a second, nothing that is kept counts; only where the database is away, too, an answer
that nothing is known against is better than none.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec

from telemetra.domain.changes import LISTING, Step, tag_of
from telemetra.domain.errors import PositionInvalid
from telemetra.domain.ports import SharedAnswers
from telemetra.domain.positions import Position
from telemetra.entrypoints.asgi import App, Message, ReadScope, Receive, Scope, Send
from telemetra.entrypoints.cache.entries import Entry, accepted_codings
from telemetra.entrypoints.cache.freshness import Freshness, Mark, includes
from telemetra.entrypoints.cache.local import LocalStore
from telemetra.entrypoints.cache.questions import Question, Questions
from telemetra.entrypoints.cache.shared import decode, encode
from telemetra.entrypoints.http.answers import is_known, required_position
from telemetra.entrypoints.http.cached_reads import CachedRead
from telemetra.entrypoints.http.headers import POSITION
from telemetra.settings import Settings

_OK: Final = 200
_UNAVAILABLE: Final = 503
_PROBLEMS: Final = 400
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

    def told(self, stream_id: str, position: Position) -> None:
        """Let go of what a listener was told more of than any step so far: its stream, and the list that it is in."""
        tags = (tag_of(stream_id), LISTING)
        self.freshness.told(tags, position)
        self.store.drop_tags(tags)

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


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question as one client asks it."""

    question: Question
    spelling: bytes
    required: Position | None


class _Flight:
    """One asking of the routes, for all who ask the same meanwhile."""

    __slots__ = ("began", "mark", "outcome")

    def __init__(self, began: int, mark: Mark) -> None:
        self.began = began
        self.mark = mark
        self.outcome: asyncio.Future[Entry | _Captured | None] = asyncio.get_running_loop().create_future()
        """An entry, or an answer that is none; None where whoever asked went away in the middle."""


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
        self._flights: dict[Hashable, _Flight] = {}
        self._ticks = itertools.count()
        """Which came first: somebody who asks, or the asking of the database."""

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
            question = self._questions.recognise(scope, spelling)
            if question is None:
                await self._app(scope, receive, send)
                return
            entry = await self._answer(_Asked(question, spelling, required), scope, receive, send)
            if entry is None:
                return
        await self._send(entry, scope, send)

    def _serves(self, entry: Entry, required: Position | None) -> bool:
        """Whether a kept entry, which nothing is known against, may still be given to this client."""
        now = self._clock()
        if now >= entry.expires_at:
            return False
        if not (self._freshness.is_known() or now < entry.better_than_nothing_until):
            return False
        return required is None or includes(entry.position, (required,))

    async def _answer(self, asked: _Asked, scope: Scope, receive: Receive, send: Send) -> Entry | None:
        """Return an entry that answers the question; None when the request is answered."""
        question, arrived = asked.question, next(self._ticks)
        mark = self._freshness.mark(question.tag)
        for _ in range(_ATTEMPTS):
            entry = self._store.get(question.key, asked.spelling)
            if entry is not None and self._serves(entry, asked.required):
                return entry
            flight = self._flights.get(question.key)
            if flight is None:
                return await self._fill(asked, scope, receive, send)
            # Whoever asked first asks for all; what began before somebody came, and was overtaken by a change that was
            # told before, is not for him.
            outcome = await asyncio.shield(flight.outcome)
            if isinstance(outcome, Entry):
                is_new = flight.began > arrived or includes(outcome.position, mark)
                if is_new and (asked.required is None or includes(outcome.position, (asked.required,))):
                    return outcome
            elif outcome is not None and (flight.began > arrived or flight.mark == mark):
                await _replay(outcome, scope, send)
                return None
        await self._app(scope, receive, send)
        return None

    async def _fill(self, asked: _Asked, scope: Scope, receive: Receive, send: Send) -> Entry | None:
        question = asked.question
        flight = _Flight(next(self._ticks), self._freshness.mark(question.tag))
        self._flights[question.key] = flight
        try:
            outcome = await self._shared(asked) or await self._ask(asked, scope, receive)
            flight.outcome.set_result(outcome)
        finally:
            del self._flights[question.key]
            if not flight.outcome.done():
                flight.outcome.set_result(None)
        if not isinstance(outcome, Entry):
            await _replay(outcome, scope, send)
            return None
        if asked.required is not None and outcome.position.epoch != asked.required.epoch:
            # Of another history: the routes say so.
            await self._app(scope, receive, send)
            return None
        return outcome

    async def _ask(self, asked: _Asked, scope: Scope, receive: Receive) -> Entry | _Captured:
        captured = _Captured()
        await self._app(_whole(scope), receive, captured.take)
        return self._kept(asked, captured)

    async def _shared(self, asked: _Asked) -> Entry | None:
        """Return what another process has answered, if it still holds as far as this one knows."""
        answers, question = self._cache.answers, asked.question
        if answers is None or not self._freshness.is_known():
            return None
        found = await answers.get(question.shared_key)
        entry = decode(found, question, now=self._clock()) if found else None
        if (
            entry is None
            or self._clock() >= entry.expires_at
            or not self._may_keep(entry)
            or not (asked.required is None or includes(entry.position, (asked.required,)))
        ):
            return None
        self._store.put(question.key, entry, asked.spelling)
        return entry

    def _may_keep(self, entry: Entry) -> bool:
        """Whether nothing that an answer was read from has changed since, as far as this process knows, and it does."""
        return self._freshness.is_known() and self._freshness.includes_all(entry.position, entry.tag)

    def _kept(self, asked: _Asked, captured: _Captured) -> Entry | _Captured:
        """Make an entry of an answer, and keep it where nothing has changed since it was read."""
        question = asked.question
        if captured.status == _UNAVAILABLE and (kept := self._store.get(question.key)):
            kept.better_than_nothing_until = self._clock() + _AWAY_SECONDS
            return kept if self._serves(kept, asked.required) else captured
        position = dict(captured.headers).get(_POSITION)
        if captured.status != _OK or position is None:
            return captured
        entry = Entry(
            question.key,
            question.tag,
            Position.parse(position.decode()),
            captured.headers,
            captured.body,
            expires_at=self._clock() + question.ttl_seconds,
        )
        if self._may_keep(entry):
            self._store.put(question.key, entry, asked.spelling)
            if answers := self._cache.answers:
                ttl_seconds = question.ttl_seconds
                content = encode(entry, ttl_seconds=ttl_seconds)
                answers.put(question.shared_key, content, ttl_seconds=ttl_seconds)
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


def _whole(scope: Scope) -> Scope:
    """Return a request for the whole answer, of which every other can be made."""
    headers = [(name, value) for name, value in scope["headers"] if name not in _FOR_THE_CACHE]
    return {**scope, "method": "GET", "headers": headers}


async def _replay(captured: _Captured, scope: Scope, send: Send) -> None:
    """Send on what is not kept; a problem becomes this request's own."""
    headers, body = captured.headers, captured.body
    name = scope.get("state", {}).get("request_id")
    if name and captured.status >= _PROBLEMS and body:
        with suppress(msgspec.DecodeError):
            problem = msgspec.json.decode(body)
            if isinstance(problem, dict) and "request_id" in problem:
                body = msgspec.json.encode({**problem, "request_id": name})
                headers = [(field, value) for field, value in headers if field != b"content-length"]
                headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": captured.status, "headers": headers})
    await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})
