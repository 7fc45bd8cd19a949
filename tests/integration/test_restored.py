"""A database that went back in time, or came from elsewhere: no position of the other history is taken for one of this."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from telemetra.adapters.postgres import PostgresAddress, open_postgres, renew_epoch
from telemetra.domain.changes import Step
from telemetra.domain.errors import DatabaseUnavailable, PositionInvalid
from telemetra.domain.positions import Position
from tests.contract.backends import open_postgres_world
from tests.contract.samples import a_moment, a_stream, a_window
from tests.contract.world import World
from tests.databases import connected, to_address
from tests.engines import run_test_engines, test_binaries
from tests.integration.relay_process import PATIENCE_SECONDS, STREAM, Process, run_relay

BURN = "do $$ begin for i in 1..{} loop perform pg_current_xact_id(); commit; end loop; end $$"
FROM_THE_FUTURE = """
    select count(*) from (
        select revision from streams union all select revision from chat_summary_minute
        union all select revision from moments union all select revision from removals
        union all select removals_horizon from telemetra_state
    ) r where revision >= pg_snapshot_xmax(pg_current_snapshot())
"""


async def run(*command: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(*map(str, command))
    assert await process.wait() == 0


async def dump_and_restore(source: PostgresAddress, target: PostgresAddress, file: Path) -> None:
    def url(address: PostgresAddress) -> str:
        return (
            f"postgresql://{address.user}:{address.password}@{address.host}:{address.port}/{address.database}"
        )

    programs = test_binaries().postgres_bin
    assert programs
    await run(programs / "pg_dump", "--format=custom", f"--file={file}", url(source))
    await run(programs / "pg_restore", "--clean", "--if-exists", f"--dbname={url(target)}", file)


async def fill(world: World, *, windows: int = 3) -> None:
    await world.writer.write(a_stream(), [a_window(number) for number in range(windows)], [a_moment("m")])


async def position_of(address: PostgresAddress) -> Position:
    async with open_postgres(address, live_interval_seconds=0.02) as ports:
        return (await ports.feed.snapshot(STREAM, windows=1, moments=1)).position


async def is_refused(address: PostgresAddress, position: Position) -> bool:
    async with open_postgres(address, live_interval_seconds=0.02) as ports:
        try:
            await ports.feed.since(STREAM, position, limit=10)
        except PositionInvalid:
            return True
        return False


async def first_led_step(address: PostgresAddress) -> Step:
    async with (
        open_postgres(address, live_interval_seconds=0.02) as ports,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        return await anext(ports.feed.lead(lambda: None))


async def test_a_dump_from_a_server_further_on_is_restamped(
    database: PostgresAddress, tmp_path: Path
) -> None:
    async with open_postgres_world(database) as world, connected(database) as writer:
        await writer.execute(BURN.format(3_000))
        await fill(world, windows=20)
        await writer.execute(
            "delete from chat_summary_minute where id = (select min(id) from chat_summary_minute)"
        )
    async with run_test_engines(redis=False) as elsewhere:
        assert elsewhere.postgres
        target = to_address(elsewhere.postgres)
        await dump_and_restore(database, target, tmp_path / "dump")
        async with connected(target) as reader:
            assert await reader.fetchval(FROM_THE_FUTURE) == 19 + 1 + 1 + 1
            old = await position_of(target)
            await first_led_step(target)
            assert await reader.fetchval(FROM_THE_FUTURE) == 0
            assert await is_refused(target, old)
            # The transactions whose numbers the rows had come, and nobody is told of the rows as of changes.
            new = await position_of(target)
            async with open_postgres(target, live_interval_seconds=0.02) as ports:
                await reader.execute(BURN.format(3_000))
                await reader.execute("update chat_summary_minute set chat_count = 99 where id = 5")
                page = await ports.feed.since(STREAM, new, limit=100)
    assert [change.data.chat_count for change in page.changes] == [99]  # type: ignore[union-attr]


FUTURE_ROW = """
    alter table streams disable trigger all;
    insert into streams (stream_id, title, revision) values ('{0}', 'x', '99999999');
    alter table streams enable trigger all;
"""


async def test_an_update_brings_a_row_from_the_future_to_the_present(database: PostgresAddress) -> None:
    async with connected(database) as writer:
        await writer.execute(FUTURE_ROW.format("same"))
        await writer.execute(FUTURE_ROW.format("other"))
        await writer.execute("update streams set title = 'x' where stream_id = 'same'")
        await writer.execute("update streams set title = 'y' where stream_id = 'other'")
        assert await writer.fetchval(FROM_THE_FUTURE) == 0
        assert await writer.fetchval("select revision = '0' from streams where stream_id = 'same'")
        assert await writer.fetchval("select revision > '0' from streams where stream_id = 'other'")


async def test_renewing_waits_for_nobody_and_goes_round_no_trigger_that_is_off(
    database: PostgresAddress,
) -> None:
    async with connected(database) as writer, connected(database) as other:
        for name in ("free", "held"):
            await writer.execute(FUTURE_ROW.format(name))
        await writer.execute("alter table streams disable trigger all")
        async with other.transaction():
            await other.execute("select from streams where stream_id = 'held' for update")
            assert await first_led_step(database)
            assert await writer.fetchval(FROM_THE_FUTURE) == 1
        assert await renew_epoch(database) == 1
        assert await writer.fetchval(FROM_THE_FUTURE) == 0


async def test_renewing_has_the_triggers_fire_for_everybody_again(database: PostgresAddress) -> None:
    async with connected(database) as writer:
        await writer.execute(FUTURE_ROW.format("s"))
        await renew_epoch(database)
        await writer.execute("set session_replication_role = replica")
        await writer.execute("update streams set title = 'y'")
        assert await writer.fetchval("select revision > '0' from streams")


async def test_who_may_not_restamp_does_not_renew_either(database: PostgresAddress) -> None:
    async with open_postgres_world(database) as world:
        await fill(world)
    before = (await position_of(database)).epoch
    async with connected(database) as owner:
        await owner.execute(FUTURE_ROW.format("s"))
        await owner.execute("""
            create role telemetra_partial login password 'p';
            grant select on all tables in schema public to telemetra_partial;
            grant update on telemetra_state to telemetra_partial;
            grant delete on removals to telemetra_partial;
            grant execute on function telemetra_restamp to telemetra_partial;
        """)
        try:
            partial = dataclasses.replace(database, user="telemetra_partial", password="p")
            async with (
                open_postgres(partial, live_interval_seconds=0.02) as ports,
                asyncio.timeout(PATIENCE_SECONDS),
            ):
                # A start looks for it; a dump that is restored later brings a function of its own, with grants of its own.
                await owner.execute("revoke execute on function telemetra_restamp from telemetra_partial")
                await anext(ports.feed.lead(lambda: None))
            with pytest.raises(DatabaseUnavailable, match="as the owner"):
                await renew_epoch(partial)
        finally:
            await owner.execute("drop owned by telemetra_partial; drop role telemetra_partial")
    assert (await position_of(database)).epoch == before


async def test_a_dump_restored_over_the_database_is_another_history(
    database: PostgresAddress, tmp_path: Path
) -> None:
    async with open_postgres_world(database) as world:
        await fill(world)
    position = await position_of(database)
    assert not await is_refused(database, position)
    await dump_and_restore(database, database, tmp_path / "dump")
    assert await is_refused(database, position)


async def test_taking_the_lead_again_is_the_same_history(database: PostgresAddress) -> None:
    async with open_postgres_world(database) as world:
        await fill(world)
    first = await position_of(database)
    await first_led_step(database)
    assert (await position_of(database)).epoch == first.epoch


async def test_a_renewed_epoch_reaches_services_that_run(database: PostgresAddress, redis_url: str) -> None:
    async def is_told(process: Process, epoch: bytes) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (process.listener.position and process.listener.position.epoch == epoch):
                process.listener.news.clear()
                await process.listener.news.wait()

    async def reads_in(process: Process, epoch: bytes) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await process.feed.snapshot(STREAM, windows=1, moments=1)).position.epoch != epoch:  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.05)

    async with open_postgres_world(database) as world:
        await fill(world)
        old = await position_of(database)
        async with run_relay(database, redis_url) as leads, run_relay(database, redis_url) as other:
            for process in (leads, other):
                await is_told(process, old.epoch)
            assert await renew_epoch(database) == 0
            new = await position_of(database)
            assert new.epoch != old.epoch
            for process in (leads, other):
                await is_told(process, new.epoch)
                assert process.listener.copy.must_read_again
                # The one that does not lead asks for the lead all the while, and hears of it then.
                await reads_in(process, new.epoch)
                with pytest.raises(PositionInvalid):
                    await process.feed.since(STREAM, old, limit=10)
