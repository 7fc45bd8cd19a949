"""Clients that ask the local engines, each with a bound on its waits."""

from __future__ import annotations

import asyncpg
from redis.asyncio import Redis

from telemetra.adapters.embedded import PostgresEndpoint, RedisEndpoint


async def connect(endpoint: PostgresEndpoint | None, password: str | None = None) -> asyncpg.Connection:
    assert endpoint is not None
    return await asyncpg.connect(
        host=endpoint.host,
        port=endpoint.port,
        user=endpoint.user,
        password=endpoint.password if password is None else password,
        database=endpoint.database,
        ssl=False,
        timeout=10,
    )


async def execute(endpoint: PostgresEndpoint | None, statement: str) -> None:
    connection = await connect(endpoint)
    try:
        await connection.execute(statement)
    finally:
        await connection.close(timeout=5)


async def value(endpoint: PostgresEndpoint | None, query: str) -> object:
    connection = await connect(endpoint)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close(timeout=5)


async def ping(endpoint: RedisEndpoint | None, url: str | None = None) -> bool:
    assert endpoint is not None
    async with Redis.from_url(url or endpoint.url, socket_timeout=5, retry=None) as client:
        return bool(await client.ping())
