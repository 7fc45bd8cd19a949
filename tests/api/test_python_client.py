"""The Python clients and the whole application, over a real server: what one says, the other understands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from telemetra.adapters.memory import MemoryCredentials, MemoryDatabase, MemoryWriter, memory_ports
from telemetra.client import (
    AccessDenied,
    AsyncTelemetra,
    ConnectedMessage,
    MetricsMessage,
    MetricWindow,
    Moment,
    MomentMessage,
    MomentType,
    ParameterInvalid,
    PositionInvalid,
    RemovedMessage,
    RemovedWindow,
    RequestRefused,
    SnapshotMessage,
    Stream,
    StreamMessage,
    StreamNotFound,
    TokenRefused,
    TooManyRequests,
)
from telemetra.domain.access import digest_of
from telemetra.domain.ports import Ports
from telemetra.entrypoints.app import create_app
from telemetra.settings import Settings
from tests.api.http_service import START, Service, moment, window
from tests.api.live_server import PATIENCE_SECONDS, run_server
from tests.api.test_access import TOKENS
from tests.contract.samples import a_moment, a_stream, a_window, at
from tests.python_clients import CONNECTS, Connect, Following

WINDOWS, MOMENTS = 2_300, 450


@pytest.fixture(params=CONNECTS)
def connect(request: pytest.FixtureRequest) -> Connect:
    return CONNECTS[request.param]


@dataclass(frozen=True)
class Served:
    """A running application."""

    url: str
    database: MemoryDatabase
    credentials: MemoryCredentials | None


class Prefixed:
    """A proxy that serves an application below `/a/prefix`, and knows of nothing else."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            assert scope["raw_path"].startswith(b"/a/prefix/"), scope["raw_path"]
            raw = scope["raw_path"].removeprefix(b"/a/prefix")
            scope = {**scope, "raw_path": raw, "path": scope["path"].removeprefix("/a/prefix")}
        await self._app(scope, receive, send)


@asynccontextmanager
async def serve(*, tokens: bool = False, prefixed: bool = False, **settings: Any) -> AsyncIterator[Served]:
    database = MemoryDatabase()
    credentials = MemoryCredentials(*TOKENS.values()) if tokens else None

    @asynccontextmanager
    async def open_ports() -> AsyncIterator[Ports]:
        ports = memory_ports(database)
        yield replace(ports, credentials=credentials) if credentials else ports

    app: Any = create_app(open_ports, replace(Settings(), **settings))
    async with run_server(Prefixed(app) if prefixed else app) as (port, _):
        yield Served(f"http://127.0.0.1:{port}{'/a/prefix' if prefixed else ''}", database, credentials)


async def fill(database: MemoryDatabase, stream_id: str = "lofi") -> None:
    await MemoryWriter(database).write(
        Stream(stream_id=stream_id, title="A title", created_at=START, updated_at=START),
        [window(stream_id, minute) for minute in range(WINDOWS)],
        [moment(stream_id, minute) for minute in range(MOMENTS)],
    )


async def soon(live: Following) -> Any:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await live.next()


# Reads


async def test_all_rows_are_read_once_in_their_order(connect: Connect) -> None:
    async with serve() as served, connect(served.url) as reader:
        await fill(served.database)
        windows = await reader.rows("metrics", "lofi").rest()
        assert [each.chat_count for each in windows] == list(reversed(range(WINDOWS)))
        assert all(type(each) is MetricWindow for each in windows)
        first = windows[-1]
        assert (first.window_start, first.top_emotes, first.z_score) == (START, ["Kappa"], None)
        moments = await reader.rows("moments", "lofi").rest()
        assert [each.moment_id for each in moments] == [f"lofi-{n}" for n in reversed(range(MOMENTS))]
        assert moments[-1] == moment("lofi", 0)
        assert len(await reader.rows("metrics", "lofi", limit=1_501).rest()) == 1_501
        assert [each.stream_id for each in await reader.rows("streams").rest()] == ["lofi"]
        assert (await reader.stream("lofi")).title == "A title"


async def test_a_range_and_a_type_choose(connect: Connect) -> None:
    async with serve() as served, connect(served.url) as reader:
        await fill(served.database)
        minutes = {"start_time": START + timedelta(minutes=5), "end_time": START + timedelta(minutes=9)}
        windows = await reader.rows("metrics", "lofi", **minutes).rest()
        assert [each.chat_count for each in windows] == [8, 7, 6, 5]
        moments = await reader.rows("moments", "lofi", **minutes).rest()
        assert [each.moment_id for each in moments] == ["lofi-8", "lofi-7", "lofi-6", "lofi-5"]
        moments = await reader.rows("moments", "lofi", moment_type=MomentType.VIEWER_SPIKE).rest()
        assert {each.moment_type for each in moments} == {MomentType.VIEWER_SPIKE}
        assert len(moments) == MOMENTS // 3


async def test_many_streams_are_listed(connect: Connect) -> None:
    async with serve() as served, connect(served.url) as reader:
        with served.database.begin() as transaction:
            for number in range(1_100):
                transaction.put_stream(a_stream(f"s{number}", minute=number))
        listed = [each.stream_id for each in await reader.rows("streams").rest()]
        assert listed == [f"s{number}" for number in reversed(range(1_100))]


@pytest.mark.parametrize("stream_id", ["a/b", "..", ".", "%2F", "ü ?#&", "<script>", "x" * 512])
async def test_any_id_is_found_behind_a_prefix_too(connect: Connect, stream_id: str) -> None:
    async with serve(prefixed=True) as served, connect(served.url) as reader:
        await fill(served.database, stream_id)
        assert (await reader.stream(stream_id)).stream_id == stream_id
        assert len(await reader.rows("metrics", stream_id).rest()) == WINDOWS
        live = reader.live(stream_id)
        assert (await soon(live)).stream_id == stream_id


async def test_what_the_service_refuses_is_told_as_it_says_it(connect: Connect) -> None:
    async with serve() as served, connect(served.url) as reader:
        await fill(served.database)
        with pytest.raises(StreamNotFound) as not_found:
            await reader.stream("nope")
        assert not_found.value.detail == "There is no stream 'nope'."
        assert not_found.value.request_id
        with pytest.raises(StreamNotFound):
            await reader.rows("metrics", "nope").rest()
        with pytest.raises(ParameterInvalid) as invalid:
            await reader.rows("metrics", "lofi", start_time=START, end_time=START).rest()
        assert [error.name for error in invalid.value.errors] == ["start_time", "end_time"]
        with pytest.raises(PositionInvalid) as position:
            await reader.rows("metrics", "lofi", position="nonsense").rest()
        assert [error.name for error in position.value.errors] == ["Telemetra-Position"]
        with pytest.raises(ParameterInvalid):
            await reader.stream("x" * 513)


async def test_an_address_that_is_wrong_by_its_path_is_told(connect: Connect) -> None:
    async with serve() as served, connect(f"{served.url}/elsewhere") as reader:
        with pytest.raises(RequestRefused, match="HTTP 404: There is nothing at this path") as refused:
            await reader.stream("lofi")
        assert type(refused.value) is RequestRefused
        with pytest.raises(RequestRefused, match="HTTP 403 and does not open the live socket"):
            await soon(reader.live("lofi"))


async def test_an_answer_includes_the_position_that_it_was_asked_for(connect: Connect) -> None:
    async with serve() as served, connect(served.url) as reader:
        await fill(served.database)
        rows = reader.rows("metrics", "lofi", limit=1)
        await rows.rest()
        with served.database.begin() as transaction:
            transaction.put_window(window("lofi", WINDOWS))
        live = reader.live("lofi", since=rows.position)
        assert isinstance(await soon(live), ConnectedMessage)
        update = await soon(live)
        newest = await reader.rows("metrics", "lofi", limit=1, position=update.position).rest()
        assert newest == [update.data]
        fresh = await reader.rows("metrics", "lofi", limit=1, no_cache=True).rest()
        assert fresh == newest


async def test_the_application_can_be_read_in_process(service: Service) -> None:
    async with AsyncTelemetra("http://test", http_client=service.client) as client:
        assert [each.chat_count async for each in client.metrics("lofi", limit=3)] == [249, 248, 247]


# Live


async def test_history_goes_over_into_what_happens(connect: Connect) -> None:
    async with serve() as served, connect(served.url) as reader:
        await fill(served.database)
        rows = reader.rows("metrics", "lofi")
        assert len(await rows.rest()) == WINDOWS
        with served.database.begin() as transaction:
            transaction.put_window(a_window(1, chat_count=11))
        live = reader.live("lofi", since=rows.position)
        greeting, missed = await soon(live), await soon(live)
        assert isinstance(greeting, ConnectedMessage)
        assert greeting.resumed
        assert isinstance(missed, MetricsMessage)
        assert missed.data.chat_count == 11
        with served.database.begin() as transaction:
            transaction.put_moment(a_moment())
        assert (await soon(live)).data == a_moment()
        with served.database.begin() as transaction:
            transaction.put_stream(a_stream(title="new"))
        assert (await soon(live)).data.title == "new"


async def test_every_kind_of_change_is_told(connect: Connect) -> None:
    async with serve() as served, connect(served.url) as reader:
        with served.database.begin() as transaction:
            transaction.put_stream(a_stream())
            transaction.put_window(a_window(1))
            transaction.put_moment(a_moment())
        live = reader.live("lofi")
        assert isinstance(await soon(live), ConnectedMessage)
        begun = await soon(live)
        assert isinstance(begun, SnapshotMessage)
        assert begun.stream == a_stream()
        assert type(begun.metrics[0]) is MetricWindow
        assert type(begun.moments[0]) is Moment
        with served.database.begin() as transaction:
            transaction.put_stream(a_stream(title="t"))
            transaction.put_window(a_window(2))
            transaction.put_moment(a_moment("m2"))
            transaction.remove_window("lofi", at(1), at(2))
        kinds = {type(update): update for update in [await soon(live) for _ in range(4)]}
        assert set(kinds) == {StreamMessage, MetricsMessage, MomentMessage, RemovedMessage}
        removed = kinds[RemovedMessage]
        assert removed.data.window == RemovedWindow(window_start=at(1), window_end=at(2))


async def test_a_stream_that_nobody_knows_can_t_be_followed(connect: Connect) -> None:
    async with serve() as served, connect(served.url) as reader:
        with pytest.raises(StreamNotFound) as refused:
            await soon(reader.live("nope"))
        assert (refused.value.close_code, refused.value.code) == (4404, "stream_not_found")
        assert refused.value.detail == "There is no stream 'nope'."


async def test_a_position_of_another_database_gives_a_snapshot(connect: Connect) -> None:
    async with serve() as served, connect(served.url) as reader:
        await fill(served.database)
        live = reader.live("lofi", since="of another life")
        greeting, begun = await soon(live), await soon(live)
        assert (greeting.resumed, type(begun)) == (False, SnapshotMessage)


# Access


@pytest.mark.parametrize(
    ("token", "kind", "code"),
    [
        (None, TokenRefused, "credential_missing"),
        ("tlm_nobody", TokenRefused, "credential_invalid"),
        ("tlm_old", TokenRefused, "credential_invalid"),
        ("tlm_writer", AccessDenied, "access_denied"),
        ("tlm_narrow", AccessDenied, "access_denied"),
    ],
)
async def test_who_may_not_read_or_listen_is_told_why(
    connect: Connect, token: str | None, kind: type[RequestRefused], code: str
) -> None:
    async with serve(tokens=True) as served, connect(served.url, token=token) as reader:
        for stream_id in ("lofi", "other"):
            await fill(served.database, stream_id)
        for asking in (
            reader.stream("other"),
            reader.rows("moments", "other").rest(),
            soon(reader.live("other")),
        ):
            with pytest.raises(RequestRefused) as refused:
                await asking
            assert (type(refused.value), refused.value.code) == (kind, code)
            assert refused.value.status in {401, 403}


async def test_a_token_opens_reads_and_the_socket_and_ends_them_when_it_is_taken_back(
    connect: Connect,
) -> None:
    async with serve(tokens=True) as served, connect(served.url, token="tlm_narrow") as reader:
        for stream_id in ("lofi", "other"):
            await fill(served.database, stream_id)
        assert (await reader.stream("lofi")).stream_id == "lofi"
        assert [each.stream_id for each in await reader.rows("streams").rest()] == ["lofi"]
        live = reader.live("lofi")
        await soon(live)
        await soon(live)
        assert served.credentials
        del served.credentials.grants[digest_of("tlm_narrow")]
        with pytest.raises(RequestRefused) as refused:
            await soon(live)
        assert refused.value.close_code == 1008


async def test_who_asks_too_often_waits_as_advised_or_is_told(connect: Connect) -> None:
    async with serve(rate_limit_per_minute=2) as served, connect(served.url, retries=0) as reader:
        await fill(served.database)
        asked = await asyncio.gather(*[reader.stream("lofi") for _ in range(50)], return_exceptions=True)
        refused = [outcome for outcome in asked if isinstance(outcome, TooManyRequests)]
        assert refused
        assert all(one.retry_after_seconds for one in refused)
        assert all(isinstance(outcome, Stream | TooManyRequests) for outcome in asked)
