"""The service as a user starts it: one process tree, real engines, real clients."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import websockets

from telemetra.adapters.embedded import PostgresEndpoint, find_running
from telemetra.adapters.postgres import SCHEMA_REVISION, PostgresAddress
from tests.databases import connected, fresh_database, to_address
from tests.e2e.service import (
    OK,
    START_SECONDS,
    Service,
    all_gone,
    environment,
    external,
    run_telemetra,
    serving,
    when_healthy,
)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """One service with the demo stream, for tests that harm nothing."""
    async with serving(tmp_path_factory.mktemp("shared") / "data", "--demo") as running:
        yield running


def embedded_database(data_dir: Path) -> PostgresAddress:
    endpoints = find_running(data_dir)
    assert endpoints is not None
    assert endpoints.postgres is not None
    return to_address(endpoints.postgres)


async def receive(listener: websockets.ClientConnection, *types: str) -> dict[str, Any]:
    """Return the next message of one of these types."""
    async with asyncio.timeout(20):
        while True:
            message: dict[str, Any] = json.loads(await listener.recv())
            if message["type"] in types:
                return message


async def test_a_first_start_answers_everything(service: Service) -> None:
    await when_healthy(service)
    for path in (
        *(
            "/",
            "/health",
            "/dashboard",
            "/docs",
            "/redoc",
            "/asyncapi",
            "/openapi.json",
            "/asyncapi.json",
            "/api/v1/streams",
            "/api/v1/streams/demo",
        ),
        *("/api/v1/streams/demo/metrics", "/api/v1/streams/demo/moments"),
    ):
        assert (await service.get(path)).status_code == 200, path


async def test_the_demo_stream_has_an_hour_of_history_and_grows(service: Service) -> None:
    async with websockets.connect(f"{service.live_url}/demo") as listener:
        snapshot = await receive(listener, "snapshot")
        assert len(snapshot["metrics"]) == 60
        window = (await receive(listener, "metrics"))["data"]
    newest = (await service.get("/api/v1/streams/demo/metrics?limit=1000")).json()
    assert len(newest) >= 700
    assert window["window_start"] > snapshot["metrics"][0]["window_start"]
    assert window["id"] in {stored["id"] for stored in newest}


async def test_every_request_leaves_one_json_line(service: Service) -> None:
    answer = await service.get("/api/v1/streams/nobody")
    assert answer.status_code == 404
    line = await service.logged(path="/api/v1/streams/nobody")
    assert (line["method"], line["status"], line["request_id"]) == (
        "GET",
        404,
        answer.headers["X-Request-ID"],
    )


async def test_rows_of_a_stranger_appear_in_rest_and_on_the_socket(data_dir: Path) -> None:
    async with serving(data_dir) as service, connected(embedded_database(data_dir)) as stranger:
        await stranger.execute("insert into streams (stream_id, title) values ('s', 'First')")
        async with websockets.connect(f"{service.live_url}/s") as listener:
            assert (await receive(listener, "snapshot"))["stream"]["title"] == "First"
            await stranger.execute(
                "insert into chat_summary_minute (stream_id, window_start, window_end, chat_count) "
                "values ('s', '2026-01-01 00:00', '2026-01-01 00:01', 5)"
            )
            assert (await receive(listener, "metrics"))["data"]["chat_count"] == 5
            await stranger.execute("update streams set title = 'Second'")
            assert (await receive(listener, "stream"))["data"]["title"] == "Second"
            await stranger.execute(
                "insert into moments (stream_id, timestamp, moment_type) values ('s', '2026-01-01', 'chat_spike')"
            )
            moment = (await receive(listener, "moment"))["data"]
            await stranger.execute("delete from moments")
            await receive(listener, "removed")
        assert (await service.get("/api/v1/streams/s")).json()["title"] == "Second"
        (window,) = (await service.get("/api/v1/streams/s/metrics")).json()
        assert window["chat_count"] == 5
        assert moment["moment_id"]
        assert (await service.get("/api/v1/streams/s/moments")).json() == []


async def test_the_way_into_the_embedded_database_is_told_while_it_runs(data_dir: Path) -> None:
    async with serving(data_dir):
        code, out, _ = await run_telemetra(data_dir, "database-url")
        assert code == 0
        connection = await asyncpg.connect(out.strip())
        assert await connection.fetchval("select count(*) from streams") == 0
        await connection.close()
    code, _, error = await run_telemetra(data_dir, "database-url")
    assert code == 1
    assert f"No embedded database runs in {data_dir}" in error
    assert all(
        name in error for name in ("telemetra serve", "TELEMETRA_DATA_DIR", ".telemetra", "POSTGRES_HOST")
    )


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
async def test_an_end_is_clean_and_leaves_nothing_running(data_dir: Path, signal_number: int) -> None:
    async with serving(data_dir, "--demo") as service:
        family = service.family()
        assert len(family) > 2
        assert await service.end(signal_number) == 0
        await all_gone(family)


async def test_a_second_ctrl_c_ends_it_as_cleanly_and_no_fault_is_told(data_dir: Path) -> None:
    async with serving(data_dir) as service:
        family = service.family()
        service.process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.02)
        assert await service.end(signal.SIGINT) == 0
        await all_gone(family)
    assert [line for line in service.log if "error" in line.lower() or "Traceback" in line] == []


async def test_a_second_start_has_the_rows_of_the_first(data_dir: Path) -> None:
    async with serving(data_dir, "--demo") as service:
        first = (await service.get("/api/v1/streams/demo/metrics?limit=1000")).json()
        await service.end(signal.SIGKILL)
    async with serving(data_dir) as service:
        again = (await service.get("/api/v1/streams/demo/metrics?limit=1000")).json()
    assert len(first) >= 700
    assert [window for window in again if window["id"] <= first[0]["id"]] == first


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_killed_service_leaves_no_orphan(data_dir: Path, workers: str) -> None:
    async with serving(data_dir, "--workers", workers) as service:
        family = service.family()
        await service.end(signal.SIGKILL)
        await all_gone(family)


async def test_a_second_service_on_the_same_data_is_refused_with_the_pid(data_dir: Path) -> None:
    async with serving(data_dir) as service:
        code, _, error = await run_telemetra(data_dir, "serve", "--port", "0")
        assert code == 1
        assert str(service.process.pid) in error
        assert "REDIS_URL" not in error
        await when_healthy(service)


async def test_a_second_service_that_needs_the_directory_for_valkey_alone_is_told_so(
    data_dir: Path, database: PostgresAddress
) -> None:
    settings = external(database, "")
    async with serving(data_dir) as service:
        code, _, error = await run_telemetra(data_dir, "serve", "--port", "0", **settings)
        assert code == 1
        assert f"in use by process {service.process.pid}" in error
        assert "only for the embedded Valkey" in error
        assert "REDIS_URL" in error


async def test_a_worker_that_dies_is_told_and_replaced(data_dir: Path) -> None:
    async with serving(data_dir, "--workers", "2") as service:
        await when_healthy(service)
        workers = {process.pid for process in service.family() if "spawn_main" in " ".join(process.cmdline())}
        assert len(workers) == 2
        killed = workers.pop()
        os.kill(killed, signal.SIGKILL)
        told = await service.logged(event="worker_replaced", pid=killed)
        assert (told["level"], told["exit_code"]) == ("warning", -signal.SIGKILL)
        assert told["new_pid"] in {process.pid for process in service.family()}
        await when_healthy(service)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_what_is_hardly_meant_in_the_file_is_told_once(data_dir: Path, workers: str) -> None:
    (data_dir.parent / ".env").write_text("POSTGRES_HOSTT=db\nPOSTGRES_PASSWORD=s3cretpw\n")
    async with serving(data_dir, "--workers", workers) as service:
        await when_healthy(service)
    told = [json.loads(line) for line in service.log if "setting_overlooked" in line]
    assert [line["level"] for line in told] == ["warning", "warning"]
    assert "did you mean POSTGRES_HOST?" in told[0]["reason"]
    assert "POSTGRES_PASSWORD has no effect" in told[1]["reason"]
    assert "s3cretpw" not in "".join(service.log)


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_start_and_an_end_are_told_once(data_dir: Path, workers: int) -> None:
    async with serving(data_dir, "--workers", str(workers)) as service:
        started = await service.logged(event="service_started")
        assert started["address"] == service.url.removeprefix("http://")
        assert (started["pid"], started["workers"]) == (service.process.pid, workers)
        assert (started["version"], started["asks_for_tokens"]) == (version("telemetra"), False)
        assert await service.end() == 0
    lines = [json.loads(line) for line in service.log]
    assert [line["event"] for line in lines].count("service_started") == 1
    assert (lines[-1]["event"], lines[-1]["pid"]) == ("service_stopped", service.process.pid)


async def test_whether_tokens_are_asked_for_is_told_at_the_start(data_dir: Path) -> None:
    tokens = data_dir.parent / "tokens.toml"
    tokens.touch(mode=0o600)
    async with serving(data_dir, API_TOKENS_FILE=str(tokens)) as service:
        assert (await service.logged(event="service_started"))["asks_for_tokens"] is True


async def test_where_output_and_log_go_to_one_place_every_line_of_it_is_json(data_dir: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telemetra", "serve", "--port", "0"),
        env=environment(data_dir),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=data_dir.parent,
    )
    assert process.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        events = []
        while line := await process.stdout.readline():
            events.append(json.loads(line)["event"])
            if events[-1] == "service_started":
                process.terminate()
        assert await process.wait() == 0
    assert events[-1] == "service_stopped"


async def test_bad_settings_are_an_event_of_the_log(data_dir: Path) -> None:
    code, out, error = await run_telemetra(data_dir, "serve", PORT="loud", LIVE_INTERVAL="never")
    assert (code, out) == (1, "")
    told = json.loads(error)
    assert (told["level"], told["event"]) == ("error", "service_failed")
    assert "PORT: " in told["reason"]
    assert "LIVE_INTERVAL: " in told["reason"]


async def test_several_workers_serve_and_deliver(data_dir: Path) -> None:
    async with serving(data_dir, "--workers", "2", "--demo") as service:
        await when_healthy(service)
        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(one_window(service))


async def one_window(service: Service) -> None:
    async with websockets.connect(f"{service.live_url}/demo") as listener:
        await receive(listener, "metrics")


async def test_a_port_that_is_taken_is_named(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, error = await run_telemetra(data_dir, "serve", PORT=port)
    assert code == 1
    assert port in error
    assert "Traceback" not in error


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1", "a..b"])
async def test_a_host_that_is_not_this_machine_s_is_named_with_the_setting(data_dir: Path, host: str) -> None:
    code, _, error = await run_telemetra(data_dir, "serve", "--host", host)
    assert code == 1
    assert host in error
    assert "--host" in error
    assert "--port" not in error
    assert "Traceback" not in error


async def test_all_bad_settings_are_named_at_once(data_dir: Path) -> None:
    code, _, error = await run_telemetra(
        data_dir, "serve", PORT="loud", LIVE_INTERVAL="never", REDIS_URL="http://:hidden-secret@x"
    )
    assert code == 1
    assert all(name in error for name in ("PORT", "LIVE_INTERVAL", "REDIS_URL"))
    assert "hidden-secret" not in error
    assert "Traceback" not in error


async def test_a_database_of_ones_own_is_migrated_by_command_and_then_served(
    data_dir: Path, postgres: PostgresEndpoint, redis_url: str
) -> None:
    async with fresh_database(postgres) as address:
        settings = external(address, redis_url)
        code, _, error = await run_telemetra(data_dir, "serve", "--port", "0", **settings)
        assert code == 1
        assert f"needs {SCHEMA_REVISION}: run `telemetra migrate` first" in error
        code, out, _ = await run_telemetra(data_dir, "migrate", **settings)
        assert code == 0, out
        async with serving(data_dir, **settings) as service:
            await when_healthy(service)
            assert not data_dir.exists()


async def test_reads_go_on_without_redis(data_dir: Path, database: PostgresAddress) -> None:
    settings = external(database, "redis://127.0.0.1:1")
    async with serving(data_dir, **settings) as service:
        health = await when_healthy(service, {"status": "degraded", "database": "ok", "redis": "unavailable"})
        assert health.status_code == 200
        assert (await service.get("/api/v1/streams")).json() == []


async def test_a_wrong_password_is_one_line_without_it(
    data_dir: Path, database: PostgresAddress, redis_url: str
) -> None:
    settings = {**external(database, redis_url), "POSTGRES_PASSWORD": "wrong-secret"}
    code, out, error = await run_telemetra(data_dir, "serve", "--port", "0", **settings)
    assert code == 1
    assert "password authentication failed" in error
    assert "wrong-secret" not in out + error
    assert "Traceback" not in error


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_role_without_a_grant_is_one_line(
    data_dir: Path, database: PostgresAddress, redis_url: str, workers: str
) -> None:
    async with connected(database) as owner:
        await owner.execute(
            "create role stateless login password 'p'; grant select on telemetra_schema to stateless"
        )
        try:
            settings = external(database, redis_url) | {
                "POSTGRES_USER": "stateless",
                "POSTGRES_PASSWORD": "p",
            }
            code, _, error = await run_telemetra(
                data_dir, "serve", "--port", "0", "--workers", workers, **settings
            )
        finally:
            await owner.execute("drop owned by stateless; drop role stateless")
    assert code == 1
    assert "this role lacks delete on removals, execute on telemetra_restamp(integer), select on" in error
    assert "grant delete on removals to stateless;" in error
    assert "Traceback" not in error


async def test_workers_that_cannot_start_end_the_service_with_a_failure(
    data_dir: Path, tmp_path: Path, database: PostgresAddress, redis_url: str
) -> None:
    # The database is gone when the workers come, after the parent has looked.
    (tmp_path / "sitecustomize.py").write_text(_WORKERS_GO_ASTRAY)
    settings = external(database, redis_url) | {"PYTHONPATH": str(tmp_path)}
    code, out, error = await run_telemetra(data_dir, "serve", "--port", "0", "--workers", "2", **settings)
    assert (code, out) == (3, "")
    assert "worker_failed_to_start" in error


_WORKERS_GO_ASTRAY = """
import os, sys
if "spawn_main" in " ".join(sys.orig_argv):
    os.environ["POSTGRES_DB"] = "nowhere"
"""


async def test_a_server_of_ones_own_is_told_what_is_hardly_meant(data_dir: Path) -> None:
    (data_dir.parent / ".env").write_text("POSTGRES_HOSTT=db\n")
    command = (sys.executable, "-c", _UVICORN, "telemetra.asgi:app", "--log-level", "error")
    async with serving(data_dir, command=command) as service:
        assert "POSTGRES_HOSTT" in (await service.logged(event="setting_overlooked"))["reason"]


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")])
async def test_a_server_of_ones_own_serves_the_same_application(
    data_dir: Path, arguments: tuple[str, ...]
) -> None:
    command = (sys.executable, "-c", _UVICORN, "telemetra.asgi:app", "--log-level", "error", *arguments)
    async with serving(data_dir, command=command) as service:
        await when_healthy(service)
        family = service.family()
        await service.end()
        await all_gone(family)


@pytest.mark.timeout(6 * START_SECONDS)
async def test_workers_outlive_the_one_that_ran_the_engines(data_dir: Path) -> None:
    uvicorn = (sys.executable, "-c", _UVICORN, "telemetra.asgi:app", "--workers", "2")
    async with serving(data_dir, command=uvicorn) as service:
        await when_healthy(service)
        endpoints = find_running(data_dir)
        assert endpoints is not None
        assert endpoints.owner_pid in {process.pid for process in service.family()}
        os.kill(endpoints.owner_pid, signal.SIGKILL)
        healthy = 0
        async with asyncio.timeout(3 * START_SECONDS):
            # Each connection may go to either worker: many in a row speak for both.
            while healthy < 20:
                with suppress(httpx.TransportError):
                    healthy = healthy + 1 if (await service.get("/api/v1/health")).json() == OK else 0


# It brings its own listener: a port that was looked for before may be another's when the application stands.
_UVICORN = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print("http://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
sys.argv += ["--fd", str(listener.fileno())]
from uvicorn.main import main
main()
"""


@pytest.mark.parametrize(("command", "version"), [("openapi", "3.1"), ("asyncapi", "3.0")])
def test_a_document_needs_no_database(tmp_path: Path, command: str, version: str) -> None:
    code, out, _ = asyncio.run(run_telemetra(tmp_path / "data", command))
    assert code == 0
    assert json.loads(out)[command].startswith(version)
    assert not (tmp_path / "data").exists()
