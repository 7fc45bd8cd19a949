"""
The ports, with a span around what they ask of their servers: each is called as before, and answers as before.

Names tell the kind of question, never what was asked for: that is in attributes, and no values are. What runs without end
(the steps of the feed and the bus) has no span, nor have probes: whoever asks for health has none to belong to.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Final

from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from telemetra.domain.changes import ChangePage, Step, StreamSnapshot
from telemetra.domain.errors import PositionInvalid, StreamNotFound, TelemetraError
from telemetra.domain.moments import Moment
from telemetra.domain.ports import (
    BusSubscription,
    ChangeFeed,
    LiveBus,
    MetricReader,
    MomentReader,
    Ports,
    SharedAnswers,
    StreamReader,
    WantedStreams,
    every_stream,
)
from telemetra.domain.positions import Position
from telemetra.domain.queries import Answer, ListStreams, ReadMetrics, ReadMoments
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow

_ANSWERS: Final = (StreamNotFound, PositionInvalid)
"""What a server that works may say."""


def traced_ports(ports: Ports, tracer: Tracer) -> Ports:
    """Return the ports with spans of this tracer's."""
    postgres, redis = _Spans(tracer, "postgresql"), _Spans(tracer, "redis")
    return dataclasses.replace(
        ports,
        streams=TracedStreams(ports.streams, postgres),
        metrics=TracedMetrics(ports.metrics, postgres),
        moments=TracedMoments(ports.moments, postgres),
        feed=TracedFeed(ports.feed, postgres),
        bus=TracedBus(ports.bus, redis),
        answers=TracedAnswers(ports.answers, redis),
    )


class _Spans:
    """Opens the spans of one system's clients."""

    def __init__(self, tracer: Tracer, system: str) -> None:
        self._tracer = tracer
        self._system = system

    @contextmanager
    def asking(
        self, operation: str, what: str, *, stream_id: str | None = None, table: bool = False
    ) -> Iterator[Span]:
        """Open a span; an error that the block raises is told by it, unless it is an answer."""
        attributes = {"db.system.name": self._system, "db.operation.name": operation}
        if table:
            attributes["db.collection.name"] = what
        if stream_id is not None:
            attributes["telemetra.stream_id"] = stream_id
        with self._tracer.start_as_current_span(
            f"{operation} {what}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except _ANSWERS:
                raise
            except Exception as error:
                span.set_attribute("error.type", _kind_of(error))
                span.set_status(StatusCode.ERROR, str(error))
                span.record_exception(error)
                raise


def _kind_of(error: Exception) -> str:
    return error.code if isinstance(error, TelemetraError) else type(error).__qualname__


class TracedStreams:
    """A `StreamReader`."""

    def __init__(self, streams: StreamReader, spans: _Spans) -> None:
        self._streams = streams
        self._spans = spans

    async def list(self, query: ListStreams) -> Answer[Sequence[Stream]]:
        with self._spans.asking("SELECT", "streams", table=True):
            return await self._streams.list(query)

    async def get(self, stream_id: str) -> Answer[Stream]:
        with self._spans.asking("SELECT", "streams", stream_id=stream_id, table=True):
            return await self._streams.get(stream_id)


class TracedMetrics:
    """A `MetricReader`."""

    def __init__(self, metrics: MetricReader, spans: _Spans) -> None:
        self._metrics = metrics
        self._spans = spans

    async def list(self, query: ReadMetrics) -> Answer[Sequence[MetricWindow]]:
        with self._spans.asking("SELECT", "chat_summary_minute", stream_id=query.stream_id, table=True):
            return await self._metrics.list(query)


class TracedMoments:
    """A `MomentReader`."""

    def __init__(self, moments: MomentReader, spans: _Spans) -> None:
        self._moments = moments
        self._spans = spans

    async def list(self, query: ReadMoments) -> Answer[Sequence[Moment]]:
        with self._spans.asking("SELECT", "moments", stream_id=query.stream_id, table=True):
            return await self._moments.list(query)


class TracedFeed:
    """A `ChangeFeed`."""

    def __init__(self, feed: ChangeFeed, spans: _Spans) -> None:
        self._feed = feed
        self._spans = spans

    async def snapshot(self, stream_id: str, *, windows: int, moments: int) -> StreamSnapshot:
        with self._spans.asking("SELECT", "snapshot", stream_id=stream_id):
            return await self._feed.snapshot(stream_id, windows=windows, moments=moments)

    async def since(self, stream_id: str, position: Position, *, limit: int) -> ChangePage:
        with self._spans.asking("SELECT", "changes", stream_id=stream_id):
            return await self._feed.since(stream_id, position, limit=limit)

    def steps(self, after: Position | None = None) -> AsyncIterator[Step]:
        return self._feed.steps(after)

    def lead(
        self, start: Callable[[], Position | None], wanted: WantedStreams = every_stream
    ) -> AsyncIterator[Step]:
        return self._feed.lead(start, wanted)


class TracedBus:
    """A `LiveBus`."""

    def __init__(self, bus: LiveBus, spans: _Spans) -> None:
        self._bus = bus
        self._spans = spans

    async def publish(self, step: Step) -> int:
        if step.before == step.after:
            # A beat: four a second would bury all else.
            return await self._bus.publish(step)
        with self._spans.asking("PUBLISH", "step"):
            return await self._bus.publish(step)

    def subscribe(self) -> AbstractAsyncContextManager[BusSubscription]:
        return self._bus.subscribe()


class TracedAnswers:
    """A `SharedAnswers`."""

    def __init__(self, answers: SharedAnswers, spans: _Spans) -> None:
        self._answers = answers
        self._spans = spans

    async def get(self, key: bytes) -> bytes | None:
        with self._spans.asking("GET", "answer") as span:
            found = await self._answers.get(key)
            span.set_attribute("telemetra.found", found is not None)
            return found

    def put(self, key: bytes, content: bytes, *, ttl_seconds: float) -> None:
        self._answers.put(key, content, ttl_seconds=ttl_seconds)
