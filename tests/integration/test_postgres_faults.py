"""PostgreSQL killed, stopped, full, refusing: what the readers and the feed make of it, and how soon they are back."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import time
from collections.abc import AsyncIterator, Awaitable

import pytest

from telemetra.adapters.postgres import PostgresAddress, PostgresPorts, open_postgres
from telemetra.adapters.postgres.connections import open_pool
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.queries import ListStreams
from tests.databases import connected
from tests.own_postgres import OwnPostgres, own_postgres


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[OwnPostgres]:
    """A server that no other test uses, so that it may be harmed."""
    async with own_postgres() as own:
        yield own


@pytest.fixture
def own_database(server: OwnPostgres) -> PostgresAddress:
    return server.address


@pytest.fixture
async def ports(own_database: PostgresAddress) -> AsyncIterator[PostgresPorts]:
    async with open_postgres(own_database, live_interval_seconds=0.01) as opened:
        yield opened


SHORT_SECONDS = 0.2
"""A bound under test; every other is `tests.databases.PATIENCE_SECONDS`."""
IN_TIME_SECONDS = 10.0
"""What a loaded machine may make of a short bound; no patient one ends before."""
BACK_SECONDS = 40.0


async def seconds_to_refuse(work: Awaitable[object]) -> float:
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await asyncio.wait_for(work, 20)
    return time.monotonic() - began


async def until_it_answers(ports: PostgresPorts) -> None:
    async with asyncio.timeout(BACK_SECONDS):
        while True:
            try:
                await ports.streams.list(ListStreams())
            except DatabaseUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_reads_of_a_stopped_server_are_refused_when_their_bounds_are_over(
    server: OwnPostgres, own_database: PostgresAddress
) -> None:
    address = dataclasses.replace(
        own_database, acquire_timeout_seconds=SHORT_SECONDS, command_timeout_seconds=SHORT_SECONDS
    )
    async with open_postgres(address, live_interval_seconds=0.01) as ports:
        await until_it_answers(ports)
        async with server.stopped():
            for _ in range(2):
                # More readers than connections: some wait for the answer, some for a connection.
                waits = await asyncio.gather(
                    *(seconds_to_refuse(ports.streams.list(ListStreams())) for _ in range(15))
                )
                assert max(waits) < IN_TIME_SECONDS
        await until_it_answers(ports)


async def test_reads_go_on_when_a_killed_server_is_back(ports: PostgresPorts, server: OwnPostgres) -> None:
    steps = ports.feed.steps()
    first = await asyncio.wait_for(anext(steps), 10)
    (await server.process()).kill()
    await until_it_answers(ports)
    async with connected(server.address) as connection:
        await connection.execute("insert into streams (stream_id) values ('after the crash')")
    async with asyncio.timeout(BACK_SECONDS):
        step = await anext(steps)
    assert step.before == first.after
    assert list(step.changes) == ["after the crash"]


async def test_connections_that_were_ended_cost_no_request(
    ports: PostgresPorts, own_database: PostgresAddress
) -> None:
    """Many rounds: what the driver says of such a connection depends on how much of its end has arrived."""
    async with connected(own_database) as connection:
        for _ in range(40):
            await asyncio.gather(*(ports.streams.list(ListStreams()) for _ in range(10)))
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = 'telemetra' and pid <> pg_backend_pid()"
            )
            answers = await asyncio.gather(*(ports.streams.list(ListStreams()) for _ in range(10)))
            assert len(answers) == 10


async def test_a_full_pool_is_told_within_the_acquire_bound(own_database: PostgresAddress) -> None:
    address = dataclasses.replace(own_database, pool_size=1, acquire_timeout_seconds=SHORT_SECONDS)
    taken, done = asyncio.Event(), asyncio.Event()

    async def hold(_connection: object) -> None:
        taken.set()
        await done.wait()

    async with open_pool(address) as pool:
        holder = asyncio.ensure_future(pool.run(hold))
        await asyncio.wait_for(taken.wait(), 10)
        assert await seconds_to_refuse(pool.fetch("select 1")) < IN_TIME_SECONDS
        with pytest.raises(DatabaseUnavailable, match="All 1 connections to the database are at work"):
            await pool.fetch("select 1")
        done.set()
        await holder
        assert await pool.fetch("select 1")


async def test_readers_that_are_given_up_leave_no_connection_behind(own_database: PostgresAddress) -> None:
    address = dataclasses.replace(own_database, pool_size=2)
    async with open_pool(address) as pool:
        for number in range(40):
            asking = [asyncio.create_task(pool.fetch("select pg_sleep(0.001)")) for _ in range(6)]
            # After so many turns of the loop some wait to be handed a connection, some hold one, some are done.
            for _ in range(number):
                await asyncio.sleep(0)
            for given_up in asking[number % 2 :: 2]:
                given_up.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        async with asyncio.timeout(30):
            rows = await asyncio.gather(*(pool.fetch("select pg_backend_pid() as pid") for _ in range(50)))
    assert len({row["pid"] for (row,) in rows}) <= address.pool_size


async def test_reads_that_wait_for_a_lock_leave_no_more_behind_than_the_pool_holds(
    own_database: PostgresAddress,
) -> None:
    address = dataclasses.replace(own_database, pool_size=3, command_timeout_seconds=SHORT_SECONDS)
    async with (
        open_postgres(address, live_interval_seconds=0.01) as ports,
        connected(own_database) as stranger,
        connected(own_database) as observer,
    ):
        await stranger.execute("begin; lock table streams in access exclusive mode")
        most = 0
        for _ in range(30):
            refused = [seconds_to_refuse(ports.streams.list(ListStreams())) for _ in range(3)]
            await asyncio.gather(*refused)
            most = max(most, await observer.fetchval(_WAITING))
        # The server ends each a quarter of a second after nobody waits for it any more.
        assert most <= 30
        await stranger.execute("rollback")
        await until_it_answers(ports)


_WAITING = (
    "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
)


async def test_one_that_is_given_up_as_it_gets_the_connection_hands_it_on(
    own_database: PostgresAddress,
) -> None:
    async with open_pool(dataclasses.replace(own_database, pool_size=1)) as pool, asyncio.timeout(30):

        async def read_and_give_up_the_next() -> None:
            await pool.fetch("select pg_sleep(0.01)")
            # It was handed the connection just now, and does not know yet.
            second.cancel()

        first = asyncio.create_task(read_and_give_up_the_next())
        await asyncio.sleep(0)
        second = asyncio.create_task(pool.fetch("select 1"))
        third = asyncio.create_task(pool.fetch("select 1"))
        await first
        assert await third
        with pytest.raises(asyncio.CancelledError):
            await second
        assert await pool.fetch("select 1")


async def test_connections_without_work_are_ended(own_database: PostgresAddress) -> None:
    ours = "select count(*) as ours from pg_stat_activity where application_name = 'telemetra'"
    async with open_pool(own_database, idle_seconds=0) as pool, asyncio.timeout(30):
        await asyncio.gather(*(pool.fetch("select pg_sleep(0.05)") for _ in range(5)))
        while (await pool.fetch(ours))[0]["ours"] > 1:
            pass
    async with open_pool(own_database) as pool, asyncio.timeout(30):
        before, after = [(await pool.fetch("select pg_backend_pid() as pid"))[0]["pid"] for _ in range(2)]
        assert before == after


async def test_whose_time_is_out_costs_nobody_his_place(own_database: PostgresAddress) -> None:
    served: list[int] = []
    async with open_pool(dataclasses.replace(own_database, pool_size=1)) as pool, asyncio.timeout(30):

        async def read(number: int) -> None:
            await pool.fetch("select pg_sleep(0.01)")
            served.append(number)

        asking = []
        for number in range(8):
            asking.append(asyncio.create_task(read(number)))
            await asyncio.sleep(0)
        for given_up in asking[2:5]:
            given_up.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    assert served == [0, 1, 5, 6, 7]


async def test_a_wrong_password_is_one_line_without_the_password(own_database: PostgresAddress) -> None:
    wrong = dataclasses.replace(own_database, password="not-the-password")
    with pytest.raises(DatabaseUnavailable, match="password authentication failed") as caught:
        await enter(wrong)
    assert "not-the-password" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_missing_database_is_named(own_database: PostgresAddress) -> None:
    with pytest.raises(DatabaseUnavailable, match='"nowhere" does not exist'):
        await enter(dataclasses.replace(own_database, database="nowhere"))


async def test_a_port_where_nobody_listens_is_told_at_once(own_database: PostgresAddress) -> None:
    with pytest.raises(DatabaseUnavailable, match="can't be reached"):
        await enter(dataclasses.replace(own_database, port=1))


async def test_a_server_that_never_answers_is_given_up_in_time(own_database: PostgresAddress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        address = dataclasses.replace(own_database, port=port, connect_timeout_seconds=SHORT_SECONDS)
        assert await seconds_to_refuse(enter(address)) < IN_TIME_SECONDS


async def enter(address: PostgresAddress) -> None:
    async with open_postgres(address, live_interval_seconds=1):
        pytest.fail("it opened")


async def test_a_read_that_can_not_connect_is_told_why_and_not_that_the_pool_is_full(
    own_database: PostgresAddress,
) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        nobody = dataclasses.replace(own_database, port=reserved.getsockname()[1])
        async with open_pool(nobody) as pool:
            with pytest.raises(
                DatabaseUnavailable, match=f":{nobody.port}/.* can't be reached: connection refused"
            ):
                await pool.fetch("select 1")


async def test_reads_that_wait_for_a_server_that_does_not_answer_are_told_so_all_of_them(
    own_database: PostgresAddress,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        address = dataclasses.replace(
            own_database, port=port, pool_size=2, acquire_timeout_seconds=SHORT_SECONDS
        )
        async with open_pool(address) as pool:
            told = await asyncio.gather(*(pool.fetch("select 1") for _ in range(5)), return_exceptions=True)
    assert {str(error) for error in told} == {f"PostgreSQL at {address} can't be reached: no answer in time."}
