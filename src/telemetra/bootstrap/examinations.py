"""What the doctor looks at, wherever the settings say that it is. Nothing is started for it."""

from __future__ import annotations

from telemetra.adapters.embedded import examine_engines
from telemetra.adapters.postgres import examine_postgres
from telemetra.adapters.redis import examine_redis
from telemetra.adapters.tokens import examine_tokens
from telemetra.bootstrap.servers import postgres_address, wants_engines, with_what_runs
from telemetra.domain.findings import Finding, note
from telemetra.settings import Settings


async def examine_engines_of(settings: Settings) -> list[Finding]:
    """Look at the embedded engines that the settings leave open; nothing is started."""
    if not wants_engines(settings):
        return []
    return await examine_engines(
        settings.telemetra_data_dir, postgres=settings.embedded_postgres, redis=settings.embedded_redis
    )


async def examine_postgres_of(settings: Settings) -> list[Finding]:
    """Look at the PostgreSQL that is served from, if it runs."""
    settings = with_what_runs(settings)
    if settings.embedded_postgres:
        return [_not_running("postgres.reachable", "PostgreSQL")]
    return await examine_postgres(postgres_address(settings))


async def examine_redis_of(settings: Settings) -> list[Finding]:
    """Look at the Redis that is published to, if it runs."""
    settings = with_what_runs(settings)
    if settings.redis_url is None:
        return [_not_running("redis.reachable", "Valkey")]
    return await examine_redis(settings.redis_url, tls=settings.redis_tls)


async def examine_tokens_of(settings: Settings) -> list[Finding]:
    """Look at the file of tokens, where one is named."""
    return await examine_tokens(settings.api_tokens_file) if settings.api_tokens_file else []


def _not_running(check: str, engine: str) -> Finding:
    return note(check, f"the embedded {engine} is not running: `telemetra serve` starts it")
