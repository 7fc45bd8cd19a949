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
from dataclasses import dataclass
from typing import Any, Final

from telemetra.domain.changes import LISTING, Step, Tag, tag_of
from telemetra.domain.errors import DatabaseUnavailable, PositionInvalid, StreamNotFound
from telemetra.domain.ports import Ports
from telemetra.domain.positions import Position
from telemetra.entrypoints.access.gate import Verdict
from telemetra.entrypoints.access.layer import verdict_of
from telemetra.entrypoints.asgi import App, ReadScope, Receive, Scope, Send
from telemetra.entrypoints.cache.entries import Entry, Headers
from telemetra.entrypoints.cache.freshness import Freshness, Mark, includes
from telemetra.entrypoints.cache.level import SharedLevel
from telemetra.entrypoints.cache.local import LocalStore
from telemetra.entrypoints.cache.packing import Packing
from telemetra.entrypoints.cache.questions import Question, Questions
from telemetra.entrypoints.http.answers import Reply, is_among, require_history, required_position
from telemetra.entrypoints.http.codings import preferred_coding
from telemetra.entrypoints.http.exports.forms import accepts_json_best
from telemetra.entrypoints.http.headers import headers_named
from telemetra.entrypoints.http.reads import Read
from telemetra.entrypoints.http.refusals import Refusals
from telemetra.entrypoints.meters import Meters
from telemetra.settings import Settings

_OK: Final = 200
_NOT_MODIFIED: Final = 304
_METHODS: Final = frozenset({"GET", "HEAD"})
_AWAY_SECONDS: Final = 1.0
_ATTEMPTS: Final = 3


class ResponseCache:
    """What is kept, and what is known to have changed. The hub tells it of each step before it tells a listener."""

    def __init__(
        self, settings: Settings, *, clock: Callable[[], float], meters: Meters | None = None
    ) -> None:
        self.clock = clock
        self.meters = meters or Meters()
        self.freshness = Freshness(clock)
        self.shared = SharedLevel(clock)
        self.store: LocalStore[Entry] = LocalStore(
            max_bytes=settings.cache_memory_bytes, evicted=self.shared.take_evicted
        )
        self.ports: Ports | None = None
        """Whom to ask; None until they are open."""

    def open(self, ports: Ports, *, is_alone: Callable[[], bool]) -> None:
        """Answer reads from now on; `is_alone` says whether this process knows that there is no other."""
        self.shared.open(ports.answers, is_alone=is_alone)
        self.ports = ports

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


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong when an answer was asked for."""

    error: Exception

    @property
    def is_of_now(self) -> bool:
        """Whether it says nothing of what there is: a database that is away is away for everybody who asks meanwhile."""
        return not isinstance(self.error, StreamNotFound)


@dataclass(slots=True)
class Wishes:
    """What a client wishes of the answer, whatever that is."""

    name: str
    """The request's id."""
    preferred: bytes = b""
    """The coding."""
    known: str | None = None
    """The validators of what it has."""


@dataclass(frozen=True, slots=True)
class _Asking:
    """A question as one client asks it."""

    question: Question
    spelling: bytes
    required: Position | None
    is_anew: bool
    """Whether what is kept will not do, whoever keeps it."""


class _Flight:
    """One asking of the ports, for all who ask the same meanwhile."""

    __slots__ = ("began", "mark", "outcome")

    def __init__(self, began: int, mark: Mark) -> None:
        self.began = began
        self.mark = mark
        self.outcome: asyncio.Future[Entry | Failure | None] = asyncio.get_running_loop().create_future()
        """None where whoever asked went away in the middle."""


class CachedReads:
    """
    The layer. What it knows for a read it answers itself, from what is kept or from the ports; all else, and what can't
    be understood, it passes on to the routes.
    """

    def __init__(
        self,
        app: App,
        cache: ResponseCache,
        reads: Sequence[Read[Any]],
        settings: Settings,
        refusals: Refusals,
    ) -> None:
        self._app = app
        self._cache = cache
        self._store = cache.store
        self._shared = cache.shared
        self._freshness = cache.freshness
        self._clock = cache.clock
        self._meters = cache.meters
        self._questions = Questions(reads, settings)
        self._refusals = refusals
        self._packing = Packing(lambda entry, more_bytes: self._store.count(entry.key, entry, more_bytes))
        self._flights: dict[Hashable, _Flight] = {}
        self._ticks = itertools.count()
        """Which came first: somebody who asks, or the asking of the database."""

    def kept(self, spelling: bytes) -> Entry | None:
        """Return the kept answer to a request for nothing newer, if it has been asked in these words before."""
        entry = self._store.find(spelling)
        if entry is None or not self._serves(entry, None):
            return None
        entry.is_asked_again = True
        return entry

    def recognise(self, scope: ReadScope, spelling: bytes) -> Question | None:
        """Return what is asked; None for what is none of the reads, or what the routes will refuse."""
        return self._questions.recognise(scope, spelling) if self._cache.ports else None

    async def answer(
        self,
        question: Question,
        spelling: bytes,
        required: Position | None = None,
        *,
        is_anew: bool = False,
    ) -> Entry | Failure:
        """Return the answer, kept or new, which includes what is required; `is_anew`: read after this call."""
        asking, arrived = _Asking(question, spelling, required, is_anew), next(self._ticks)
        mark = self._freshness.mark(question.tag)
        is_known = self._freshness.is_known() and not is_anew
        is_owed_more = required is not None or not is_known
        for _ in range(_ATTEMPTS):
            entry = self._store.get(question.key, spelling)
            if is_anew and entry is not None and entry.asked_at < arrived:
                entry = None
            if entry is not None and self._serves(entry, required):
                entry.is_asked_again = True
                self._meters.hits_here += 1
                return entry
            flight = self._flights.get(question.key)
            if flight is None:
                return await self._fill(asking, "no-cache" if is_anew else self._why_not(entry, required))
            # Whoever asked first asks for all; what began before somebody came, and was overtaken by a change that was
            # told before, or may have been by one that nobody here could hear of, is not for him.
            outcome = await asyncio.shield(flight.outcome)
            if isinstance(outcome, Entry):
                began = outcome.asked_at if is_anew else flight.began
                is_new = began > arrived or (is_known and includes(outcome.position, mark))
                if is_new and (required is None or includes(outcome.position, (required,))):
                    self._meters.joined.inc()
                    return outcome
            elif outcome is not None and (
                flight.began > arrived or (flight.mark == mark and (outcome.is_of_now or not is_owed_more))
            ):
                return outcome
        self._meters.misses.labels("no-cache" if is_anew else "position").inc()
        return _of_required_history(await self._ask(asking), required)

    def _why_not(self, entry: Entry | None, required: Position | None) -> str:
        """Say why a kept answer is not given."""
        if entry is None:
            return "absent"
        if self._clock() >= entry.expires_at:
            return "expired"
        if required is not None and not includes(entry.position, (required,)):
            return "position"
        return "silent"

    async def told(self, outcome: Entry | Failure, wishes: Wishes) -> tuple[int, Headers, bytes]:
        """Return what is sent to a client: status, headers and body."""
        if isinstance(outcome, Failure):
            refusal = self._refusals.refuse(outcome.error, wishes.name)
            length = (b"content-length", b"%d" % len(refusal.body))
            return refusal.status, [*refusal.headers, length], refusal.body
        variant = outcome.variant(outcome.coding_for(wishes.preferred))
        if variant is None:
            variant = await self._packing.variant(outcome, wishes.preferred)
        if wishes.known is not None and is_among(wishes.known, variant.entity_tag.decode()):
            return _NOT_MODIFIED, variant.unchanged, b""
        return _OK, variant.full, variant.body

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
        if not accepts_json_best(value for name, value in scope["headers"] if name == b"accept"):
            # Nothing that is kept is in another form; the routes know what there is.
            await self._app(scope, receive, send)
            return
        spelling = spelling_of(scope)
        wishes = Wishes(
            str(scope["state"]["request_id"]),
            preferred_coding(map(str.encode, headers_named(scope, b"accept-encoding"))),
            ", ".join(headers_named(scope, b"if-none-match")) or None,
        )
        is_anew = asks_anew(scope)
        kept = None if is_anew else self._store.find(spelling)
        found = (kept and self._serves(kept, required) and kept) or self.recognise(scope, spelling)
        if found is None or is_too_wide(found.tag, verdict_of(scope)):
            await self._app(scope, receive, send)
            return
        if isinstance(found, Entry):
            self._meters.hits_here += 1
            outcome: Entry | Failure = found
        else:
            outcome = await self.answer(found, spelling, required, is_anew=is_anew)
        status, headers, body = await self.told(outcome, wishes)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})

    def _serves(self, entry: Entry, required: Position | None) -> bool:
        """Whether a kept entry, which nothing is known against, may still be given to this client."""
        now = self._clock()
        if now >= entry.expires_at:
            return False
        if not (self._freshness.is_known() or now < entry.better_than_nothing_until):
            return False
        return required is None or includes(entry.position, (required,))

    async def _fill(self, asking: _Asking, reason: str) -> Entry | Failure:
        """Ask for all who ask the same meanwhile; `reason` says why nothing that is kept will do."""
        question = asking.question
        flight = _Flight(next(self._ticks), self._freshness.mark(question.tag))
        self._flights[question.key] = flight
        try:
            outcome: Entry | Failure | None = await self._find_shared(asking)
            if outcome:
                self._meters.hits_in_redis.inc()
            else:
                self._meters.misses.labels(reason).inc()
                outcome = await self._ask(asking)
            flight.outcome.set_result(outcome)
        finally:
            del self._flights[question.key]
            if not flight.outcome.done():
                flight.outcome.set_result(None)
        return _of_required_history(outcome, asking.required)

    async def _ask(self, asking: _Asking) -> Entry | Failure:
        """Ask the ports; what fails is told in the log once, for all who wait for it."""
        ports = self._cache.ports
        assert ports  # noqa: S101  (nothing is recognised without them)
        mark, asked_at = self._freshness.mark(asking.question.tag), next(self._ticks)
        try:
            reply = await asking.question.asked.reply(ports)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is told to the client, and in the log)
            if isinstance(error, DatabaseUnavailable) and (kept := self._better_than_nothing(asking)):
                return kept
            self._refusals.note(error)
            return Failure(error)
        return self._kept(asking, reply, mark, asked_at)

    async def _find_shared(self, asking: _Asking) -> Entry | None:
        """Return what another process has answered, if it still holds as far as this one knows."""
        question, required = asking.question, asking.required
        if asking.is_anew or not self._freshness.is_known():
            return None
        entry = await self._shared.get(question)
        if (
            entry is None
            or self._clock() >= entry.expires_at
            or not self._may_keep(entry)
            or not (required is None or includes(entry.position, (required,)))
        ):
            return None
        self._store.put(question.key, entry, asking.spelling)
        return entry

    def _may_keep(self, entry: Entry, mark: Mark | None = None) -> bool:
        """
        Whether nothing that an answer was read from has changed since, as far as this process knows, and it does.

        `mark` is what was known to have changed when the reading began.
        """
        freshness = self._freshness
        return freshness.is_known() and (
            freshness.includes_all(entry.position, entry.tag)
            or (mark is not None and freshness.is_still(mark, entry.tag, entry.position.epoch))
        )

    def _better_than_nothing(self, asking: _Asking) -> Entry | None:
        """Return a kept answer that nothing is known against, while nobody can tell whether it still holds."""
        kept = self._store.get(asking.question.key)
        if kept is None or asking.is_anew:
            return None
        kept.better_than_nothing_until = self._clock() + _AWAY_SECONDS
        return kept if self._serves(kept, asking.required) else None

    def _kept(self, asking: _Asking, reply: Reply, mark: Mark, asked_at: int) -> Entry:
        """Make an entry of an answer, and keep it where nothing has changed since it was read."""
        question = asking.question
        entry = Entry(
            question,
            reply.position,
            reply.headers,
            reply.body,
            expires_at=self._clock() + question.ttl_seconds,
            asked_at=asked_at,
        )
        if self._may_keep(entry, mark):
            is_kept = self._store.put(question.key, entry, asking.spelling)
            self._shared.take_new(entry, is_kept=is_kept)
        return entry


def _of_required_history(outcome: Entry | Failure, required: Position | None) -> Entry | Failure:
    """Whatever was read is of this history; who requires another one's is told so."""
    if isinstance(outcome, Entry):
        try:
            require_history(required, outcome.position)
        except PositionInvalid as error:
            return Failure(error)
    return outcome


def asks_anew(scope: ReadScope) -> bool:
    """Whether a client wants no answer that was kept before it asked (RFC 9111, section 5.2.1.4)."""
    return any("no-cache" in value.lower() for value in headers_named(scope, b"cache-control"))


def is_too_wide(tag: Tag, verdict: Verdict | None) -> bool:
    """Whether an answer is of more streams than its bearer may see: then the route asks for those alone."""
    return verdict is not None and verdict.is_narrow and tag == LISTING


def spelling_of(scope: ReadScope) -> bytes:
    """Return a request's path and query in the client's own words."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return path + b"?" + query
