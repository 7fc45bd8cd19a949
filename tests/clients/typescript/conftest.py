"""What the end-to-end tests of the TypeScript client may ask for: its programs, a service, rows, and figures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from telemetra.adapters.postgres import PostgresAddress
from tests.clients.typescript.toolchain import PACKAGE, bundled, bundled_for_node
from tests.databases import connected
from tests.e2e.killable import Killable, killable_service

STREAM = "demo"
PutWindows: TypeAlias = Callable[..., Awaitable[None]]


@pytest.fixture(scope="session")
async def follow_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that follows, for Node."""
    target = tmp_path_factory.mktemp("node") / "follow.mjs"
    return await bundled_for_node(PACKAGE / "tests" / "programs" / "follow.ts", target)


@pytest.fixture(scope="session")
async def page_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script of a page that follows."""
    target = tmp_path_factory.mktemp("page") / "page.js"
    return await bundled(PACKAGE / "tests" / "programs" / "page.ts", target, "--format=iife")


@pytest.fixture
async def killable(tmp_path: Path, database: PostgresAddress, redis_url: str) -> AsyncIterator[Killable]:
    """A service with heartbeats each second, which any page may read."""
    async with killable_service(tmp_path / "data", database, redis_url, CORS_ORIGINS="*") as killable:
        yield killable


@pytest.fixture
def put_windows(database: PostgresAddress) -> PutWindows:
    """Write the windows of these counts, one transaction each; the count is what tells a window from others."""

    async def put(*counts: int) -> None:
        async with connected(database) as connection:
            await connection.execute(
                "insert into streams (stream_id) values ($1) on conflict do nothing", STREAM
            )
            for number in counts:
                await connection.execute(
                    "insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, unique_chatters)"
                    " select $1, start, start + interval '1 minute', $2, 1"
                    " from (select timestamp '2026-01-01' + $2 * interval '1 minute' as start) as minute",
                    STREAM,
                    number,
                )

    return put
