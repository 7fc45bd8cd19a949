"""Where the servers are: the settings say, or the embedded engines that run in the data directory."""

from __future__ import annotations

import dataclasses
import os
from typing import Any
from urllib.parse import quote

from telemetra.adapters.embedded import EngineEndpoints, EngineFailed, find_running
from telemetra.adapters.postgres import PostgresAddress, libpq_options
from telemetra.settings import Settings


def wants_engines(settings: Settings) -> bool:
    return settings.embedded_postgres or settings.embedded_redis


def engines_in_use(settings: Settings) -> EngineEndpoints | None:
    return find_running(settings.telemetra_data_dir) if wants_engines(settings) else None


def runs_engines(settings: Settings) -> bool:
    """Whether it is this process that runs the embedded engines of the settings."""
    running = engines_in_use(settings)
    return running is not None and running.owner_pid == os.getpid()


def postgres_address(settings: Settings) -> PostgresAddress:
    """Return where the settings say that the database is."""
    if settings.postgres_host is None:
        raise ValueError("postgres_host is not set")
    return PostgresAddress(
        host=settings.postgres_host,
        port=settings.postgres_port,
        user=settings.postgres_user,
        password=settings.postgres_password,
        database=settings.postgres_db,
        ssl=settings.postgres_ssl,
        tls=settings.postgres_tls,
        pool_size=settings.postgres_pool_size,
        connect_timeout_seconds=settings.postgres_connect_timeout,
        acquire_timeout_seconds=settings.postgres_acquire_timeout,
        command_timeout_seconds=settings.postgres_command_timeout,
    )


def find_database_url(settings: Settings) -> str | None:
    """Return the database's address as libpq takes it, password included; None when no embedded one runs."""
    if settings.embedded_postgres:
        endpoints = find_running(settings.telemetra_data_dir)
        if endpoints is None or endpoints.postgres is None:
            return None
        settings = with_endpoints(settings, endpoints)
    address = postgres_address(settings)
    user, password = quote(address.user, safe=""), quote(address.password, safe="")
    host = f"[{address.host}]" if ":" in address.host else address.host
    options = libpq_options(address.ssl, address.tls)
    return f"postgresql://{user}:{password}@{host}:{address.port}/{quote(address.database, safe='')}{options}"


def with_what_runs(settings: Settings) -> Settings:
    """Return the settings with the embedded engines' addresses, as far as such engines can be found."""
    try:
        endpoints = engines_in_use(settings)
    except EngineFailed:
        return settings
    return _filled_in(settings, endpoints) if endpoints else settings


def with_endpoints(settings: Settings, endpoints: EngineEndpoints) -> Settings:
    completed = _filled_in(settings, endpoints)
    for engine, missing in (
        ("POSTGRES_HOST", completed.embedded_postgres),
        ("REDIS_URL", completed.embedded_redis),
    ):
        if missing:
            raise EngineFailed(
                f"process {endpoints.owner_pid} runs the engines of {settings.telemetra_data_dir} with a setting of "
                f"{engine} that this process does not have: give both the same"
            )
    return completed


def _filled_in(settings: Settings, endpoints: EngineEndpoints) -> Settings:
    changes: dict[str, Any] = {}
    if settings.embedded_postgres and (postgres := endpoints.postgres):
        changes.update(
            postgres_host=postgres.host,
            postgres_port=postgres.port,
            postgres_user=postgres.user,
            postgres_password=postgres.password,
            postgres_db=postgres.database,
            postgres_ssl="disable",
            postgres_ssl_root_cert=None,
            postgres_ssl_cert=None,
            postgres_ssl_key=None,
        )
    if settings.embedded_redis and endpoints.redis:
        changes.update(
            redis_url=endpoints.redis.url, redis_ssl_root_cert=None, redis_ssl_cert=None, redis_ssl_key=None
        )
    return dataclasses.replace(settings, **changes)
