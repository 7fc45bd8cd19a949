"""The composition root: settings in, engines, ports and the application out."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import structlog

from telemetra.adapters.embedded import (
    DataDirectoryInUse,
    EngineEndpoints,
    EngineFailed,
    examine_engines,
    find_running,
    run_engines,
)
from telemetra.adapters.postgres import (
    SCHEMA_REVISION,
    PostgresAddress,
    examine_postgres,
    find_schema_revision,
    libpq_options,
    open_postgres,
    require_newest_schema,
)
from telemetra.adapters.postgres import open_writer as open_postgres_writer
from telemetra.adapters.postgres import renew_epoch as renew_postgres_epoch
from telemetra.adapters.redis import examine_redis, open_redis
from telemetra.adapters.tokens import TokenFile, TokensUnreadable, examine_tokens
from telemetra.domain.findings import Finding, note
from telemetra.domain.ports import Ports, StreamWriter, Vitals
from telemetra.entrypoints.app import create_app, route_templates
from telemetra.entrypoints.lifespan import QuietEnd
from telemetra.entrypoints.route_names import RouteNames
from telemetra.settings import Settings

if TYPE_CHECKING:
    from telemetra.adapters.otel import Tracing

__all__ = [
    "DataDirectoryInUse",
    "EngineFailed",
    "TokensUnreadable",
    "TracesImpossible",
    "create_application",
    "examine_engines_of",
    "examine_postgres_of",
    "examine_redis_of",
    "examine_tokens_of",
    "find_database_url",
    "make_tracing",
    "migrate_database",
    "open_ports",
    "open_writer",
    "renew_epoch",
    "run_dependencies",
    "runs_engines",
]

_log = structlog.get_logger(__name__)


class TracesImpossible(Exception):
    """The settings want traces, and there can't be any; the message says what is missing."""


_JOIN_SECONDS: Final = 30.0
_JOIN_RETRY_SECONDS: Final = 0.1
_LOOK_SECONDS: Final = 1.0


def create_application(settings: Settings) -> Any:
    """Return the ASGI application; its lifespan starts whatever embedded engines the settings leave open."""

    @asynccontextmanager
    async def open_all() -> AsyncIterator[Ports]:
        async with AsyncExitStack() as stack:
            if tracing:
                await stack.enter_async_context(tracing.exporting())
            ports = await _open_ports_on_what_runs(settings, stack)
            watch = asyncio.create_task(_leave_with_engines(settings), name="leave-with-engines")
            try:
                yield tracing.ports(ports) if tracing else ports
            finally:
                watch.cancel()

    tracing = make_tracing(settings)
    app = QuietEnd(create_app(open_all, settings))
    return tracing.requests(app, RouteNames(route_templates(settings)).find) if tracing else app


def make_tracing(settings: Settings) -> Tracing | None:
    """
    Return what traces, where the settings want traces.

    Raises:
        TracesImpossible: its packages are not installed, or can't use what the environment tells them.

    """
    if settings.traces_endpoint is None:
        return None
    try:
        # Its libraries are there only where somebody wants traces.
        from telemetra.adapters.otel import Tracing  # noqa: PLC0415

        return Tracing(settings.traces_endpoint)
    except ModuleNotFoundError as error:
        raise TracesImpossible(
            "OTEL_EXPORTER_OTLP_ENDPOINT asks for traces, whose packages are not installed: "
            "pip install 'telemetra[otel]'"
        ) from error
    except ValueError as error:
        raise TracesImpossible(f"OpenTelemetry can't use what the environment tells it: {error}") from error


async def _open_ports_on_what_runs(settings: Settings, stack: AsyncExitStack) -> Ports:
    """Open the ports until `stack` closes; anew when engines that another process ran have ended meanwhile."""
    while True:
        async with AsyncExitStack() as attempt:
            running = await attempt.enter_async_context(
                run_dependencies(settings, share=True, migrating=False)
            )
            used = _engines_in_use(settings)
            try:
                await _bring_schema(running, embedded=settings.embedded_postgres)
                ports = await attempt.enter_async_context(open_ports(running))
            except Exception:
                if not _wants_engines(settings) or (used is not None and not _is_gone(settings, used)):
                    raise
                _log.warning("embedded_engines_gone", owner_pid=used and used.owner_pid)
                continue
            stack.push_async_exit(attempt.pop_all())
            return ports


def _engines_in_use(settings: Settings) -> EngineEndpoints | None:
    return find_running(settings.telemetra_data_dir) if _wants_engines(settings) else None


def _is_gone(settings: Settings, used: EngineEndpoints) -> bool:
    """Whether it was another process that ran these engines, and no longer does."""
    return used.owner_pid != os.getpid() and find_running(settings.telemetra_data_dir) != used


async def _leave_with_engines(settings: Settings) -> None:
    """
    End this process, in order, when another ran its embedded engines and is gone.

    Workers of a server of one's own share the engines of the first among them. Those that start after it run on other
    ports, with another password; whoever supervises the workers replaces this one by one that knows them.
    """
    used = _engines_in_use(settings)
    if used is None or used.owner_pid == os.getpid():
        return
    while not _is_gone(settings, used):  # noqa: ASYNC110  (a lock tells nobody that it is free)
        await asyncio.sleep(_LOOK_SECONDS)
    _log.error("embedded_engines_gone", owner_pid=used.owner_pid)
    signal.raise_signal(signal.SIGTERM)


def _wants_engines(settings: Settings) -> bool:
    return settings.embedded_postgres or settings.embedded_redis


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


@asynccontextmanager
async def run_dependencies(
    settings: Settings, *, share: bool = False, migrating: bool = True, redis: bool = True
) -> AsyncIterator[Settings]:
    """
    Run the embedded engines that the settings leave open, and yield settings that name every server.

    With `share`, engines that another process runs on the same data directory are used. The database has the newest
    schema when this yields: an embedded one is migrated (unless `migrating` is off), another one must have been. With
    `redis` off, none is started for its sake alone.

    Raises:
        DataDirectoryInUse: another process runs the engines, and `share` is off.
        EngineFailed: an embedded engine does not start.
        SchemaOutdated: the operator's own database lacks a migration.
        DatabaseUnavailable: the operator's own database can't be reached.

    """
    embedded = settings.embedded_postgres
    async with AsyncExitStack() as stack:
        if embedded or (redis and settings.embedded_redis):
            endpoints = await _join_or_start(settings, stack, share=share)
            settings = _with_endpoints(settings, endpoints)
        if migrating:
            await _bring_schema(settings, embedded=embedded)
        yield settings


async def _bring_schema(settings: Settings, *, embedded: bool) -> None:
    """Migrate an embedded database that needs it; another one must have been."""
    address = postgres_address(settings)
    if not embedded:
        await require_newest_schema(address)
    elif await find_schema_revision(address) != SCHEMA_REVISION:
        await migrate_database(settings)


async def _join_or_start(settings: Settings, stack: AsyncExitStack, *, share: bool) -> EngineEndpoints:
    """Use the engines that another process runs, or run them until `stack` closes; several may come at once."""
    deadline = asyncio.get_running_loop().time() + _JOIN_SECONDS
    while True:
        endpoints = find_running(settings.telemetra_data_dir) if share else None
        if endpoints is not None:
            return endpoints
        try:
            return await stack.enter_async_context(
                run_engines(
                    settings.telemetra_data_dir,
                    postgres=settings.embedded_postgres,
                    redis=settings.embedded_redis,
                )
            )
        except DataDirectoryInUse as error:
            # Its owner is about to start the engines, or to stop them.
            if not share or asyncio.get_running_loop().time() > deadline:
                if not settings.embedded_postgres:
                    error.add_note(
                        "it is needed only for the embedded Valkey: REDIS_URL names one of your own"
                    )
                raise
            await asyncio.sleep(_JOIN_RETRY_SECONDS)


def runs_engines(settings: Settings) -> bool:
    """Whether it is this process that runs the embedded engines of the settings."""
    running = _engines_in_use(settings)
    return running is not None and running.owner_pid == os.getpid()


async def migrate_database(settings: Settings) -> str | None:
    """
    Bring the database to the newest schema and return that.

    Raises:
        MigrationFailed: a statement was refused; nothing was changed.
        DatabaseUnavailable: it can't be reached.

    """
    # The migrations' libraries take longer to load than the service to start: only those pay who migrate.
    from telemetra.adapters.postgres.migrations import migrate  # noqa: PLC0415

    return await migrate(postgres_address(settings))


async def renew_epoch(settings: Settings) -> int:
    """
    Begin another history of the database: every position given out so far is refused. Returned are the rows re-stamped.

    Raises:
        DatabaseUnavailable: it can't be reached, or the role may not do it.

    """
    return await renew_postgres_epoch(postgres_address(settings))


def find_database_url(settings: Settings) -> str | None:
    """Return the database's address as libpq takes it, password included; None when no embedded one runs."""
    if settings.embedded_postgres:
        endpoints = find_running(settings.telemetra_data_dir)
        if endpoints is None or endpoints.postgres is None:
            return None
        settings = _with_endpoints(settings, endpoints)
    address = postgres_address(settings)
    user, password = quote(address.user, safe=""), quote(address.password, safe="")
    host = f"[{address.host}]" if ":" in address.host else address.host
    options = libpq_options(address.ssl, address.tls)
    return f"postgresql://{user}:{password}@{host}:{address.port}/{quote(address.database, safe='')}{options}"


async def examine_engines_of(settings: Settings) -> list[Finding]:
    """Look at the embedded engines that the settings leave open; nothing is started."""
    if not _wants_engines(settings):
        return []
    return await examine_engines(
        settings.telemetra_data_dir, postgres=settings.embedded_postgres, redis=settings.embedded_redis
    )


async def examine_postgres_of(settings: Settings) -> list[Finding]:
    """Look at the PostgreSQL that is served from, if it runs."""
    settings = _with_what_runs(settings)
    if settings.embedded_postgres:
        return [_not_running("postgres.reachable", "PostgreSQL")]
    return await examine_postgres(postgres_address(settings))


async def examine_redis_of(settings: Settings) -> list[Finding]:
    """Look at the Redis that is published to, if it runs."""
    settings = _with_what_runs(settings)
    if settings.redis_url is None:
        return [_not_running("redis.reachable", "Valkey")]
    return await examine_redis(settings.redis_url, tls=settings.redis_tls)


async def examine_tokens_of(settings: Settings) -> list[Finding]:
    """Look at the file of tokens, where one is named."""
    return await examine_tokens(settings.api_tokens_file) if settings.api_tokens_file else []


def _not_running(check: str, engine: str) -> Finding:
    return note(check, f"the embedded {engine} is not running: `telemetra serve` starts it")


def _with_what_runs(settings: Settings) -> Settings:
    """Return the settings with the embedded engines' addresses, as far as such engines can be found."""
    try:
        endpoints = _engines_in_use(settings)
    except EngineFailed:
        return settings
    return _filled_in(settings, endpoints) if endpoints else settings


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


def _with_endpoints(settings: Settings, endpoints: EngineEndpoints) -> Settings:
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
