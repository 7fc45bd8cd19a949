"""What a type checker tells those who use the client: `make check` reads this, nothing runs it."""

from __future__ import annotations

from typing import assert_never, assert_type

from telemetra.client import (
    AsyncTelemetra,
    ConnectedMessage,
    HeartbeatMessage,
    LiveUpdate,
    MetricsMessage,
    MetricWindow,
    Moment,
    MomentMessage,
    Page,
    RemovedMessage,
    SnapshotMessage,
    Stream,
    StreamMessage,
    Telemetra,
)


def reads(client: Telemetra) -> None:
    assert_type(client.stream("s"), Stream)
    assert_type(list(client.streams()), list[Stream])
    assert_type(list(client.metrics("s")), list[MetricWindow])
    assert_type(next(client.moments("s", moment_type="chat_spike")), Moment)
    assert_type(client.metrics("s").position, str)
    assert_type(client.metrics("s").next_page(), Page[MetricWindow] | None)
    for page in client.moments("s").pages():
        assert_type(page.rows, list[Moment])
    for update in client.live("s"):
        assert_type(update, LiveUpdate)


async def reads_async(client: AsyncTelemetra) -> None:
    assert_type(await client.stream("s"), Stream)
    assert_type([row async for row in client.metrics("s")], list[MetricWindow])
    assert_type(await client.metrics("s").read_position(), str)
    assert_type(await client.streams().next_page(), Page[Stream] | None)
    async for page in client.moments("s").pages():
        assert_type(page.rows, list[Moment])
    async for update in client.live("s"):
        assert_type(update, LiveUpdate)


def told(update: LiveUpdate) -> str:
    """Tell each kind apart: one that is left out is an error of types."""
    match update:
        case ConnectedMessage() | HeartbeatMessage():
            assert_type(update.position, str)
        case SnapshotMessage(stream=stream):
            assert_type(stream, Stream | None)
        case MetricsMessage(data=window):
            assert_type(window, MetricWindow)
        case MomentMessage(data=moment):
            assert_type(moment, Moment)
        case StreamMessage() | RemovedMessage():
            pass
        case _:
            assert_never(update)
    return update.position
