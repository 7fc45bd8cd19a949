"""
A crash right after rollbacks: PostgreSQL hands out the ids of those transactions again, and no update may hide behind that.

Nobody waits for a rollback to be written down, so that a server that is killed knows nothing of it afterwards.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import websockets

from tests.databases import connected
from tests.e2e.reading import PATIENCE_SECONDS, listening, patient
from tests.e2e.service import Service, serving
from tests.e2e.test_live import INSERT
from tests.integration.faults.asking import STREAM, a_question, asking
from tests.own_postgres import OwnPostgres

ROLL_BACK = "do $$ begin for i in 1..500 loop perform pg_current_xact_id(); rollback; end loop; end $$"
NEXT_ID = "select pg_snapshot_xmax(pg_current_snapshot())::text::int8"
NEWEST = "select max(revision::text::int8) from chat_summary_minute"


async def counts_since(service: Service, position: str, last: int) -> list[int]:
    """Resume at a position; return the counts of the windows that are told, up to the one that is the last."""
    counts: list[int] = []
    async with websockets.connect(
        f"{service.live_url}/{STREAM}?since={position}", compression=None
    ) as client:
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert json.loads(await client.recv())["resumed"] is True
            while last not in counts:
                message = json.loads(await client.recv())
                if message["type"] == "metrics":
                    counts.append(message["data"]["chat_count"])
    return counts


async def test_an_update_that_gets_the_id_of_a_rollback_is_told_to_who_resumes_and_to_who_stayed(
    tmp_path: Path, server: OwnPostgres, redis_url: str
) -> None:
    async with connected(server.address) as operator:
        # Else what happens to lie in memory is written down five times a second.
        await operator.execute("alter system set wal_writer_delay = '10s'")
        await operator.execute("select pg_reload_conf()")
        await operator.execute("insert into streams (stream_id) values ($1)", STREAM)
        await operator.execute(INSERT, STREAM, 1, 1)
    settings = patient(server.address, redis_url, LIVE_HEARTBEAT="1")
    reused, told = 0, [1]
    async with (
        serving(tmp_path / "data", **settings) as service,
        listening(service, STREAM) as stayed,
        asking(service) as client,
    ):
        for number in range(2, 5):
            async with connected(server.address) as writer:
                await writer.execute("checkpoint")
                await writer.execute(ROLL_BACK)
                unused = await writer.fetchval(NEXT_ID)
            # Both have seen how far the ids had come.
            positions = [
                (await stayed.receive("heartbeat"))["position"],
                (await client.ask(a_question())).answer.headers["Telemetra-Position"],
            ]
            await server.crash()
            async with connected(server.address) as writer:
                await writer.execute(INSERT, STREAM, number, number)
                reused += await writer.fetchval(NEWEST) < unused
            await stayed.until_told(number)
            for position in positions:
                assert await counts_since(service, position, number) == [number]
            await client.until_read()
            told.append(number)
            newest = (await client.ask(a_question())).answer.json()
            assert [window["chat_count"] for window in newest] == told[::-1][:5]
        assert stayed.counts == told[1:]
    # An id may have been written down all the same, by chance; a fault that never came proves nothing.
    assert reused >= 1
