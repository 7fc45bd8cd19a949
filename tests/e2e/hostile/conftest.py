"""One real service for each process that runs these tests, with rows; and what its log may hold when a module is done."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from telemetra.adapters.embedded import PostgresEndpoint
from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connected, fresh_database
from tests.e2e.hostile.wire import Target
from tests.e2e.service import Service, external, serving

_ROWS = """
    insert into streams (stream_id, title) select 'demo', 'lofi nights'
    union all select 's' || n, 'Stream ' || n from generate_series(1, 30) n;
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, top_emotes, z_score)
    select 'demo', t, t + interval '1 minute', n, array['KEKW'], n / 100.0
    from generate_series(1, 300) n, lateral (select timestamp '2026-05-01 18:00' + n * interval '1 minute' as t) s;
    insert into moments (moment_id, stream_id, timestamp, moment_type, metadata)
    select 'm' || n, 'demo', timestamp '2026-05-01 18:00' + n * interval '1 minute', 'chat_spike', '{"a": 1}'
    from generate_series(1, 120) n;
"""


@pytest.fixture(scope="session")
async def own_database(postgres: PostgresEndpoint, template: str) -> AsyncIterator[PostgresAddress]:
    async with fresh_database(postgres, template=template) as address:
        async with connected(address) as writer:
            await writer.execute(_ROWS)
        yield address


@pytest.fixture(scope="session")
async def process(
    tmp_path_factory: pytest.TempPathFactory, own_database: PostgresAddress, redis_url: str
) -> AsyncIterator[Service]:
    """Run the service that all these tests share."""
    home = tmp_path_factory.mktemp("hostile")
    async with serving(home / "data", **external(own_database, redis_url)) as service:
        yield service


@pytest.fixture(scope="module")
async def target(process: Service) -> AsyncIterator[Target]:
    """Yield the service for one module's tests; afterwards it must be alive, and its log whole and free of errors."""
    before = len(process.log)
    target = Target(process)
    yield target
    await target.serves()
    await process.logged(event="http_request", request_id=target.last_request)
    assert [line for line in process.log[before:] if not _is_in_order(line)] == []


@pytest.fixture
async def writer(own_database: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
    """A stranger's connection to the database of the service."""
    async with connected(own_database) as connection:
        yield connection


def _is_in_order(text: str) -> bool:
    """Whether a line of the log is one object, of an event that is ours or the server's, and tells of no fault."""
    try:
        line: dict[str, Any] = json.loads(text)
    except ValueError:
        return False
    is_known = re.fullmatch(r"[a-z_]+", line["event"]) or line.get("logger") == "uvicorn.error"
    return bool(is_known) and line["level"] in {"info", "warning"} and "exception" not in line
