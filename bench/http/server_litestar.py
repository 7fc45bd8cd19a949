"""
What a careful developer writes with Litestar: asyncpg's pool, one prepared statement, msgspec; no cache, no positions.

`python -m bench.http.server_litestar PORT DSN`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
import uvicorn
from bench.http.windows import STREAM
from litestar import Litestar, Response, get

_QUERY = """
    select window_start, window_end, chat_count, unique_chatters, top_emotes, avg_sentiment, chat_rate, avg_viewers,
           z_score, is_anomaly
    from chat_summary_minute where stream_id = $1 and window_start < $2 order by window_start desc, window_end desc limit 100
"""


class Window(msgspec.Struct):
    """One window, with the fields of the API."""

    stream_id: str
    window_start: datetime
    window_end: datetime
    chat_count: int | None
    unique_chatters: int | None
    top_emotes: list[str] | None
    avg_sentiment: float | None
    chat_rate: float | None
    avg_viewers: float | None
    z_score: float | None
    is_anomaly: bool | None


def main(port: int, dsn: str) -> None:
    """Serve until the process is ended."""
    pools: list[Any] = []

    @get("/api/v1/streams/lofi/metrics")
    async def metrics(end_time: str) -> Response[bytes]:
        before = datetime.fromisoformat(end_time).replace(tzinfo=None)
        rows = await pools[0].fetch(_QUERY, STREAM, before)
        body = msgspec.json.encode([Window(STREAM, *row) for row in rows])
        return Response(body, media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=10, max_size=10) as pool:
            pools.append(pool)
            yield

    app = Litestar([metrics], lifespan=[lifespan], openapi_config=None, logging_config=None)
    uvicorn.run(app, port=port, log_config=None, access_log=False, log_level="error")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
