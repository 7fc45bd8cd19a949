"""What a listener is told, by a real server to a real client."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from telemetra.adapters.memory import MemoryDatabase
from telemetra.domain.changes import ChangeKind
from telemetra.domain.positions import Position
from tests.api.live_server import Listener, Serve
from tests.contract.samples import a_moment, a_stream, a_window, at


@pytest.fixture
def database() -> MemoryDatabase:
    database = MemoryDatabase()
    with database.begin() as transaction:
        transaction.put_stream(a_stream())
    return database


async def _opened(listener: Listener) -> list[dict[str, Any]]:
    """Take what every fresh listener gets."""
    opening = await listener.take(2)
    assert [message["type"] for message in opening] == ["connected", "snapshot"]
    return opening


async def test_a_fresh_listener_is_connected_and_gets_the_snapshot(
    serve: Serve, database: MemoryDatabase
) -> None:
    with database.begin() as transaction:
        for minute in range(70):
            transaction.put_window(a_window(minute))
            transaction.put_moment(a_moment(f"m{minute:02}", minute=minute))
    async with serve(database, live_heartbeat=15.0) as server, server.listen() as listener:
        connected, snapshot = await _opened(listener)
    assert connected["stream_id"] == snapshot["stream_id"] == "lofi"
    assert connected["resumed"] is False
    assert connected["heartbeat_seconds"] == 15.0
    assert snapshot["position"] == str(database.position())
    assert snapshot["stream"]["title"] == "Beats"
    starts = [window["window_start"] for window in snapshot["metrics"]]
    assert starts == [_wire(at(minute)) for minute in range(69, 9, -1)]
    assert [moment["moment_id"] for moment in snapshot["moments"]] == [f"m{n}" for n in range(69, 49, -1)]


async def test_a_listener_cut_off_before_the_snapshot_gets_one_when_it_resumes(
    serve: Serve,
    database: MemoryDatabase,
) -> None:
    async with serve(database) as server:
        async with server.listen() as listener:
            connected = await listener.next()
        async with server.listen(since=connected["position"]) as again:
            connected, snapshot = await again.take(2)
    assert (connected["resumed"], snapshot["type"]) == (False, "snapshot")


async def test_every_message_names_its_stream_and_the_time_in_utc(
    serve: Serve, database: MemoryDatabase
) -> None:
    async with serve(database, live_heartbeat=0.05) as server, server.listen() as listener:
        messages = await _opened(listener)
        with database.begin() as transaction:
            transaction.put_window(a_window())
        await listener.send('{"type":"ping"}')
        await listener.send("?")
        kinds = {"metrics", "heartbeat", "pong", "error"}
        while kinds:
            messages.append(await listener.next())
            kinds.discard(messages[-1]["type"])
    for message in messages:
        assert message["stream_id"] == "lofi"
        assert message["timestamp"].endswith("Z")
        assert datetime.fromisoformat(message["timestamp"]).utcoffset() == timedelta(0)


async def test_a_window_is_told_as_it_was_stored(serve: Serve, database: MemoryDatabase) -> None:
    async with serve(database) as server, server.listen() as listener:
        await _opened(listener)
        with database.begin() as transaction:
            transaction.put_window(a_window(3, chat_count=42))
        message = await listener.next()
    assert message["type"] == "metrics"
    assert message["position"] == str(database.position())
    assert message["data"] == {
        "id": 1,
        "stream_id": "lofi",
        "window_start": _wire(at(3)),
        "window_end": _wire(at(4)),
        "chat_count": 42,
        "unique_chatters": 7,
        "top_emotes": ["Kappa", "LUL"],
        "avg_sentiment": 0.25,
        "chat_rate": 0.5,
        "avg_viewers": 120.0,
        "z_score": 1.5,
        "is_anomaly": False,
    }


async def test_a_moment_is_told_as_it_was_stored(serve: Serve, database: MemoryDatabase) -> None:
    async with serve(database) as server, server.listen() as listener:
        await _opened(listener)
        with database.begin() as transaction:
            transaction.put_moment(a_moment("m9", minute=2))
        message = await listener.next()
    assert message["type"] == "moment"
    assert message["data"]["moment_id"] == "m9"
    assert message["data"]["moment_type"] == "chat_spike"
    assert message["data"]["timestamp"] == _wire(at(2))
    assert message["data"]["metadata"] == {"baseline_windows": 30, "baseline": {"center": 10.5}}


async def test_a_changed_title_is_told(serve: Serve, database: MemoryDatabase) -> None:
    async with serve(database) as server, server.listen() as listener:
        await _opened(listener)
        with database.begin() as transaction:
            transaction.put_stream(a_stream(title="Rain"))
        message = await listener.next()
    assert (message["type"], message["data"]["title"]) == ("stream", "Rain")


async def test_removed_rows_are_told_by_their_keys(serve: Serve, database: MemoryDatabase) -> None:
    with database.begin() as transaction:
        transaction.put_window(a_window())
        transaction.put_moment(a_moment())
    async with serve(database) as server, server.listen() as listener:
        await _opened(listener)
        with database.begin() as transaction:
            transaction.remove_window("lofi", at(0), at(1))
            transaction.remove_moment("m1")
            transaction.remove_stream("lofi")
        messages = await listener.take(3)
    assert {message["type"] for message in messages} == {"removed"}
    nothing = {"stream": False, "window": None, "moment_id": None, "all": False}
    gone_window = {"window_start": _wire(at(0)), "window_end": _wire(at(1))}
    assert [message["data"] for message in messages] == [
        nothing | {"window": gone_window},
        nothing | {"moment_id": "m1"},
        nothing | {"stream": True},
    ]


async def test_an_emptied_table_is_told_to_everybody(serve: Serve, database: MemoryDatabase) -> None:
    with database.begin() as transaction:
        transaction.put_stream(a_stream("other"))
    async with serve(database) as server, server.listen() as one, server.listen("other") as other:
        await _opened(one)
        await _opened(other)
        with database.begin() as transaction:
            transaction.truncate(ChangeKind.WINDOW)
            transaction.put_window(a_window())
        told = await one.take(2)
        assert [(message["type"], message["data"].get("all")) for message in told] == [
            ("removed", True),
            ("metrics", None),
        ]
        message = await other.next()
    assert (message["type"], message["data"]["all"]) == ("removed", True)


async def test_a_stream_without_a_row_of_its_own_can_be_listened_to(
    serve: Serve, database: MemoryDatabase
) -> None:
    with database.begin() as transaction:
        transaction.put_window(a_window(stream_id="bare"))
    async with serve(database) as server, server.listen("bare") as listener:
        _, snapshot = await _opened(listener)
    assert snapshot["stream"] is None
    assert len(snapshot["metrics"]) == 1


@pytest.mark.parametrize(
    ("stream_id", "path"),
    [("a/b", "a%2Fb"), ("ä ö", "%C3%A4%20%C3%B6"), ("50%_'\"", "50%25_%27%22"), ("a\r\nb", "a%0D%0Ab")],
)
async def test_an_id_may_have_any_characters(
    serve: Serve, database: MemoryDatabase, stream_id: str, path: str
) -> None:
    with database.begin() as transaction:
        transaction.put_stream(a_stream(stream_id))
    async with serve(database) as server, server.listen(path) as listener:
        connected, _ = await _opened(listener)
    assert connected["stream_id"] == stream_id


async def test_two_listeners_get_the_same_bytes(serve: Serve, database: MemoryDatabase) -> None:
    async with serve(database) as server, server.listen() as one, server.listen() as two:
        await _opened(one)
        await _opened(two)
        for minute in range(20):
            with database.begin() as transaction:
                transaction.put_window(a_window(minute))
                transaction.put_moment(a_moment(f"m{minute}", minute=minute))
        assert [await one.raw() for _ in range(40)] == [await two.raw() for _ in range(40)]


async def test_a_listener_hears_nothing_of_other_streams(serve: Serve, database: MemoryDatabase) -> None:
    with database.begin() as transaction:
        transaction.put_stream(a_stream("other"))
    async with serve(database) as server, server.listen() as listener:
        await _opened(listener)
        for minute in range(10):
            with database.begin() as transaction:
                transaction.put_window(a_window(minute, stream_id="other"))
            await asyncio.sleep(0)
        with database.begin() as transaction:
            transaction.put_window(a_window(99))
        message = await listener.next()
    assert message["data"]["stream_id"] == "lofi"


async def test_a_window_rewritten_quickly_comes_in_its_newest_form_last(
    serve: Serve, database: MemoryDatabase
) -> None:
    async with serve(database) as server, server.listen() as listener:
        await _opened(listener)
        for count in range(1, 101):
            with database.begin() as transaction:
                transaction.put_window(a_window(chat_count=count))
        messages = await listener.until(lambda message: message["data"]["chat_count"] == 100)
    counts = [message["data"]["chat_count"] for message in messages]
    assert counts == sorted(set(counts))


async def test_silence_is_filled_with_heartbeats(serve: Serve, database: MemoryDatabase) -> None:
    async with serve(database, live_heartbeat=0.05) as server, server.listen() as listener:
        _, snapshot = await _opened(listener)
        beats = await listener.take(3)
    assert [beat["type"] for beat in beats] == ["heartbeat"] * 3
    assert {beat["position"] for beat in beats} == {snapshot["position"]}


async def test_a_heartbeats_position_moves_with_the_database(serve: Serve, database: MemoryDatabase) -> None:
    with database.begin() as transaction:
        transaction.put_stream(a_stream("other"))
    async with serve(database, live_heartbeat=0.05) as server, server.listen() as listener:
        await _opened(listener)
        with database.begin() as transaction:
            transaction.put_window(a_window(stream_id="other"))
        newest = database.position()
        messages = await listener.until(lambda message: Position.parse(message["position"]) == newest)
    assert {message["type"] for message in messages} == {"heartbeat"}


async def test_a_ping_is_answered(serve: Serve, database: MemoryDatabase) -> None:
    async with serve(database) as server, server.listen() as listener:
        await _opened(listener)
        await listener.send('{"type":"ping"}')
        assert (await listener.next())["type"] == "pong"


def _wire(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
