"""The ports of a database and a Redis that run already."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from telemetra.adapters.postgres import open_postgres
from telemetra.adapters.postgres import open_writer as open_postgres_writer
from telemetra.adapters.redis import open_redis
from telemetra.adapters.tokens import TokenFile
from telemetra.bootstrap.servers import postgres_address
from telemetra.domain.ports import Ports, StreamWriter, Vitals
from telemetra.settings import Settings


@asynccontextmanager
async def open_ports(settings: Settings) -> AsyncIterator[Ports]:
    """
    Open the ports of a database and a Redis that run already.

    Raises:
        TokensUnreadable: the file of tokens can't be used.
        DatabaseUnavailable: the database can't be reached. Redis may be away.

    """
    if settings.redis_url is None:
        raise ValueError("redis_url is not set")
    async with (
        _open_credentials(settings) as credentials,
        open_postgres(postgres_address(settings), live_interval_seconds=settings.live_interval) as postgres,
        open_redis(settings.redis_url, namespace=postgres.identity, tls=settings.redis_tls) as redis,
    ):
        yield Ports(
            streams=postgres.streams,
            metrics=postgres.metrics,
            moments=postgres.moments,
            feed=postgres.feed,
            bus=redis.bus,
            answers=redis.answers,
            database=postgres.probe,
            redis=redis.probe,
            credentials=credentials,
            vitals=lambda: Vitals(
                pools=postgres.pools(),
                rests_from_redis=redis.answers.rests,
                refused_stores=redis.answers.refused_stores,
                tokens_unreadable=credentials is not None and credentials.is_unreadable,
            ),
            ticket_key=postgres.ticket_key,
        )


@asynccontextmanager
async def _open_credentials(settings: Settings) -> AsyncIterator[TokenFile | None]:
    if settings.api_tokens_file is None:
        yield None
        return
    tokens = TokenFile(settings.api_tokens_file)
    async with tokens.watched():
        yield tokens


@asynccontextmanager
async def open_writer(settings: Settings) -> AsyncIterator[StreamWriter]:
    """Open a writer to a database that runs already."""
    async with open_postgres_writer(postgres_address(settings)) as writer:
        yield writer
