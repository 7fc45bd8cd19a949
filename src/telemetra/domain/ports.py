"""
The ports: what the service needs of the world. A docstring here is a contract; the contract tests mirror it.

Every method of a database port raises `DatabaseUnavailable` when the database does not answer within the adapter's
bounds, and may be called by any number of tasks at once.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from telemetra.domain.access import Grant
from telemetra.domain.changes import ChangePage, Step, StreamSnapshot
from telemetra.domain.moments import Moment
from telemetra.domain.positions import Position
from telemetra.domain.queries import Answer, ListStreams, ReadMetrics, ReadMoments
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow, WindowSummary


@runtime_checkable
class StreamReader(Protocol):
    """Reads streams."""

    async def list(self, query: ListStreams) -> Answer[Sequence[Stream]]:
        """Return a page, the most recently updated first, equal ones by `stream_id`. Past the end it is empty."""
        ...

    async def get(self, stream_id: str) -> Answer[Stream]:
        """
        Return one stream.

        Raises:
            StreamNotFound: `streams` has no such row.

        """
        ...


@runtime_checkable
class MetricReader(Protocol):
    """Reads windows."""

    async def list(self, query: ReadMetrics) -> Answer[Sequence[MetricWindow]]:
        """
        Return windows newest first: by `window_start`, then `window_end`, both descending; oldest first: both ascending.

        The range is half-open on `window_start`. Values that JSON can't hold come as null, timestamps that the
        calendar can't hold as the nearest that it can.

        Raises:
            StreamNotFound: neither a stream nor any window or moment has this id.

        """
        ...


@runtime_checkable
class MomentReader(Protocol):
    """Reads moments."""

    async def list(self, query: ReadMoments) -> Answer[Sequence[Moment]]:
        """
        Return moments newest first: by `timestamp`, then `moment_id`, both descending; oldest first: both ascending.

        The range is half-open on `timestamp`.

        Raises:
            StreamNotFound: neither a stream nor any window or moment has this id.

        """
        ...


@runtime_checkable
class StreamWriter(Protocol):
    """Writes what was measured."""

    async def write(
        self, stream: Stream, windows: Sequence[WindowSummary], moments: Sequence[Moment]
    ) -> None:
        """
        Store all of it or nothing, in one transaction.

        The stream's row is made, or its title replaced where `stream.title` is not None; `created_at` stays,
        `updated_at` never goes back. A window replaces the one with its key (stream, start, end), a moment the one
        with its id. What is stored already as it is stays untouched: it is not a change.
        """
        ...


WantedStreams: TypeAlias = Callable[[], Collection[str] | None]
"""Says, whenever it is asked, of which streams the changes are wanted; None: of all."""


def every_stream() -> None:
    """Want the changes of all streams: a `WantedStreams`."""


@runtime_checkable
class ChangeFeed(Protocol):
    """Says what has changed, exactly: every committed change once, whatever order writers commit in."""

    async def snapshot(self, stream_id: str, *, windows: int, moments: int) -> StreamSnapshot:
        """
        Return the stream as it stands: the newest windows and moments, newest first, and the position.

        Raises:
            StreamNotFound: neither a stream nor any window or moment has this id.

        """
        ...

    async def since(self, stream_id: str, position: Position, *, limit: int) -> ChangePage:
        """
        Return at most `limit` of the stream's changes that `position` does not include, in order.

        An empty page's position includes all that is committed. Reading on from any of the page's positions gives what
        follows it, once.

        Raises:
            PositionInvalid: another epoch, or older than the oldest removal that is kept.
            StreamNotFound: neither a stream nor any window or moment has this id, and none was removed since.

        """
        ...

    def steps(self, after: Position | None = None) -> AsyncIterator[Step]:
        """
        Follow the changes of all streams, from `after` or else from now on, for ever.

        Each step begins where the one before ended, the first at `after`. The first comes as soon as the feed stands
        (from now on it has no changes); then one comes within the adapter's interval after a commit, and when nothing has
        changed, a beat every quarter of a second. When the database goes away it waits and goes on from where it stood.
        What has changed since a position of another history, or from before removals that are no longer kept, can't be
        told: that step is not carried. One follower needs one task.
        """
        ...

    def lead(
        self, start: Callable[[], Position | None], wanted: WantedStreams = every_stream
    ) -> AsyncIterator[Step]:
        """
        Wait until no other follower of this database leads, then follow as `steps(start())` does.

        `start` is called once, when the lead is won. `wanted` is asked before each look for changes: it names the
        streams whose changes the steps carry, and of all others they tell in `uncarried` that they changed; None wants
        all. While one follower leads, no other's `lead` yields. A step comes at least every quarter of a second: when nothing has changed, a beat. It ends when the lead is lost or the
        database goes away, and waits no longer when the database is away from the beginning; the caller asks again.
        Whoever closes it gives the lead up. One that dies, is stopped or is cut off from the database loses the lead
        within 4 seconds, whatever it believes meanwhile: what it still hands on is in order, but others may have said it.
        """
        ...


@runtime_checkable
class BusSubscription(Protocol):
    """
    What one process hears of the steps that the leader publishes.

    It may hear too little, never anything wrong: whoever takes the steps compares positions.
    """

    def follow(self, stream_id: str) -> None:
        """Bring this stream's changes too, from soon on. At once, never fails; following twice is following once."""
        ...

    def unfollow(self, stream_id: str) -> None:
        """Bring this stream's changes no more, however often it was followed. At once, never fails."""
        ...

    def steps(self) -> AsyncIterator[Step]:
        """
        Hear the steps that are published from soon on, in the order of their publication, for ever.

        `changes` has those of the followed streams alone. A followed stream that changed, but whose changes did not
        arrive here, is in `uncarried`. All else is as it was published. Steps may be missing; none comes in part. While
        the bus is away it waits, and it goes on when the bus is back. One consumer at a time.
        """
        ...


@runtime_checkable
class LiveBus(Protocol):
    """Carries steps from the process that leads to all that have listeners."""

    async def publish(self, step: Step) -> int:
        """
        Hand a step to every subscription of every process, within a quarter of a second.

        Returned is how many subscriptions there are, the publisher's own among them; a bus of several servers may know
        of some only, and should then say two at least: to a leader that believes itself alone, what others listen to is
        not worth reading, so that they read it.

        Raises:
            BusUnavailable: it may not have reached all of them.

        """
        ...

    def subscribe(self) -> AbstractAsyncContextManager[BusSubscription]:
        """Lend a subscription that follows nothing yet; a bus that is away is no obstacle."""
        ...


@runtime_checkable
class SharedAnswers(Protocol):
    """
    Answers that all processes of a deployment share. Whoever takes one judges by its content whether it still holds.

    It never fails, and never keeps a caller waiting: when it is away or slow, it has nothing.
    """

    async def get(self, key: bytes) -> bytes | None:
        """Return what is stored under a key, within 50 ms; None when nothing is, or nobody can tell."""
        ...

    def put(self, key: bytes, content: bytes, *, ttl_seconds: float) -> None:
        """Store it soon, in place of what is there, if it can be; at once. It is gone after `ttl_seconds`."""
        ...


@runtime_checkable
class HealthProbe(Protocol):
    """Asks one dependency whether it is there."""

    async def check(self) -> None:
        """
        Return when it answers.

        Raises:
            DatabaseUnavailable, RedisUnavailable: it did not, within the adapter's bound.

        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolUse:
    """How a pool of connections is used, at one moment."""

    used: int
    idle: int
    size: int
    """So many may be open."""
    waiting: int
    """Who waits for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What an operator wants to know of the adapters, at one moment."""

    pools: Mapping[str, PoolUse] = field(default_factory=dict)
    """By what they are for."""
    rests_from_redis: bool = False
    """Whether answers are no longer shared for a while, after Redis did not answer."""
    refused_stores: int = 0
    """How many answers Redis has not taken so far."""
    tokens_unreadable: bool = False
    """Whether the operator's tokens can't be read as they are now, so that those from before count."""


@runtime_checkable
class Credentials(Protocol):
    """Knows the tokens that an operator has given out. They may change at any time, all at once."""

    def find(self, token_id: bytes) -> Grant | None:
        """Return what the token of this digest allows; None for one that is not known, or whose time is over."""
        ...


@runtime_checkable
class SentimentScorer(Protocol):
    """Says how glad or angry a chat message is."""

    def score(self, text: str, emotes: Sequence[str]) -> float:
        """Return a number in [-1, 1], 0 for neutral; the same for the same message."""
        ...


def _own_key() -> Callable[[], bytes]:
    key = secrets.token_bytes(32)
    return lambda: key


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything that the service needs of the world, open and ready."""

    streams: StreamReader
    metrics: MetricReader
    moments: MomentReader
    feed: ChangeFeed
    bus: LiveBus
    answers: SharedAnswers
    database: HealthProbe
    redis: HealthProbe
    credentials: Credentials | None = None
    """None: whoever reaches the service may read."""
    vitals: Callable[[], Vitals] = Vitals
    ticket_key: Callable[[], bytes] = field(default_factory=_own_key)
    """A secret (32 bytes) that all processes of a deployment share, and nobody else: tickets are signed with it."""
