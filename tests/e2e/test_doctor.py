"""The doctor beside a real service: a clean bill for a healthy one, and the way it ends for programs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from telemetra.adapters.embedded import find_running
from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connected, to_address
from tests.e2e.service import START_SECONDS, environment, external, run_telemetra, serving, when_healthy


async def test_a_healthy_installation_has_a_clean_bill_and_a_hurt_one_has_not(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with serving(data_dir) as service:
        await when_healthy(service)
        port = service.url.rpartition(":")[2]
        settings = {"PORT": port, "LIVE_MAX_LISTENERS": "10"}
        code, out, err = await run_telemetra(data_dir, "doctor", "--json", **settings)
        assert [each for each in json.loads(out) if each["status"] != "ok"] == []
        assert (code, err) == (0, "")
        found = {each["check"]: each["found"] for each in json.loads(out)}
        assert "answers there already" in found["port.listen"]
        assert found["port.health"] == "it says: database ok, redis ok"
        assert f"process {service.process.pid} runs" in found["embedded.running"]

        endpoints = find_running(data_dir)
        assert endpoints
        assert endpoints.postgres
        assert endpoints.redis
        async with connected(to_address(endpoints.postgres)) as owner:
            await owner.execute("drop index moments_revision")
        code, out, err = await run_telemetra(data_dir, "doctor", **settings)
        assert (code, err) == (1, "")
        assert "create index concurrently moments_revision on moments (revision);" in out
        assert out.splitlines()[-1] == "1 problem."
        assert not any(secret in out for secret in (endpoints.postgres.password, endpoints.redis.password))
        assert (await service.get("/api/v1/health")).status_code == 200


async def test_servers_of_one_s_own_are_looked_at_and_no_engine_is(
    tmp_path: Path, database: PostgresAddress, redis_url: str
) -> None:
    code, out, err = await run_telemetra(
        tmp_path / "data", "doctor", "--json", PORT="0", **external(database, redis_url)
    )
    assert (code, err) == (0, "")
    groups = {each["check"].partition(".")[0] for each in json.loads(out)}
    assert groups == {"versions", "settings", "port", "postgres", "redis"}
    assert database.password not in out
    assert redis_url not in out


async def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    for arguments in ([], ["--json"]):
        gone, output = os.pipe()
        os.close(gone)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "telemetra", "doctor", *arguments),
            env=environment(tmp_path / "data", PORT="0"),
            stdout=output,
            stderr=asyncio.subprocess.PIPE,
            cwd=tmp_path,
        )
        os.close(output)
        _, err = await asyncio.wait_for(process.communicate(), START_SECONDS)
        assert (process.returncode, err) == (0, b"")
