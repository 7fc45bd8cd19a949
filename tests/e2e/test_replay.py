"""`telemetra replay` beside a running service, on a real log and on a made one."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import websockets

from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connected
from tests.e2e.service import external, run_telemetra, serving
from tests.e2e.test_serve import embedded_database

REAL_LOG = Path(__file__).parents[3] / "shared" / "data" / "chat" / "sphynx_6h.jsonl.gz"
MESSAGES = 15_862


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def hear_until(listener: websockets.ClientConnection, chat_count: int) -> list[dict[str, Any]]:
    """Return the windows that a listener gets until they hold so many messages."""
    windows: dict[str, dict[str, Any]] = {}
    async with asyncio.timeout(60):
        while sum(window["chat_count"] for window in windows.values()) < chat_count:
            message = json.loads(await listener.recv())
            if message["type"] == "metrics":
                windows[message["data"]["window_start"]] = message["data"]
    return list(windows.values())


@pytest.mark.skipif(not REAL_LOG.exists(), reason=f"{REAL_LOG.name} is not in ../shared/data/chat")
async def test_a_real_log_is_loaded_served_and_heard(data_dir: Path) -> None:
    replay = ("replay", str(REAL_LOG), "--stream", "sphynx", "--speed", "max")
    async with serving(data_dir) as service, connected(embedded_database(data_dir)) as stranger:
        await stranger.execute("insert into streams (stream_id) values ('sphynx')")
        async with websockets.connect(f"{service.live_url}/sphynx", max_queue=None) as listener:
            code, out, error = await run_telemetra(data_dir, *replay)
            assert code == 0, error
            assert "15,862" in out
            assert f"into the embedded database in {data_dir}" in out
            assert "No service" not in error
            heard = await hear_until(listener, MESSAGES)
        stored = (await service.get("/api/v1/streams/sphynx/metrics?limit=1000")).json()
        assert sum(window["chat_count"] for window in stored) == MESSAGES
        assert {window["id"] for window in heard} == {window["id"] for window in stored}
        assert (await service.get("/api/v1/streams/sphynx/moments")).json()
        revisions = "select max(revision), count(*) from chat_summary_minute"
        before = await stranger.fetchrow(revisions)
        assert (await run_telemetra(data_dir, *replay))[0] == 0
        assert await stranger.fetchrow(revisions) == before


async def test_a_log_is_loaded_without_a_service_and_bad_lines_are_named(
    data_dir: Path, tmp_path: Path
) -> None:
    log = tmp_path / "chat.jsonl.gz"
    lines = [json.dumps({"t": second, "user": "u", "text": "hi", "emotes": []}) for second in range(90)]
    lines[40] = "{not json"
    log.write_bytes(gzip.compress("\n".join(lines).encode()))
    code, out, error = await run_telemetra(data_dir, "replay", str(log), "--stream", "mine")
    assert code == 1
    assert f"{log}:41:" in error
    assert "Traceback" not in error
    assert f"No service runs on {data_dir}" in error
    assert "TELEMETRA_DATA_DIR" in error
    assert "89" in out
    assert f"into the embedded database in {data_dir}" in out
    async with serving(data_dir) as service:
        windows = (await service.get("/api/v1/streams/mine/metrics")).json()
    assert [window["chat_count"] for window in windows] == [30, 59]


async def test_a_database_of_ones_own_is_named(
    data_dir: Path, tmp_path: Path, database: PostgresAddress, redis_url: str
) -> None:
    log = tmp_path / "chat.jsonl"
    log.write_text('{"t": 1, "user": "u", "text": "hi", "emotes": []}\n')
    code, out, error = await run_telemetra(
        data_dir, "replay", str(log), "--stream", "mine", **external(database, redis_url)
    )
    assert (code, error) == (0, "")
    assert f"into {database.host}/{database.database}" in out
    assert database.password not in out


@pytest.mark.parametrize("command", ["replay", "migrate"])
async def test_a_database_of_ones_own_needs_no_engine_beside_it(
    data_dir: Path, tmp_path: Path, database: PostgresAddress, command: str
) -> None:
    log = tmp_path / "chat.jsonl"
    log.write_text('{"t": 1, "user": "u", "text": "hi", "emotes": []}\n')
    arguments = (str(log), "--stream", "mine") if command == "replay" else ()
    code, _, error = await run_telemetra(data_dir, command, *arguments, **external(database, ""))
    assert (code, error) == (0, "")
    assert not data_dir.exists()


async def test_a_migration_says_where_it_happened(data_dir: Path) -> None:
    code, out, error = await run_telemetra(data_dir, "migrate")
    assert code == 0
    assert f"the embedded database in {data_dir}" in out
    assert f"No service runs on {data_dir}" in error


async def test_a_file_that_is_not_there_is_one_line(data_dir: Path) -> None:
    code, _, error = await run_telemetra(data_dir, "replay", "nowhere.jsonl", "--stream", "mine")
    assert code == 2
    assert "nowhere.jsonl" in error
    assert not data_dir.exists()
