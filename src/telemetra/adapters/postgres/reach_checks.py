"""The way to PostgreSQL: whether it can be reached, how well, and what stands in between."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address, IPv6Address, ip_address
from time import monotonic
from typing import Any, Final

import asyncpg

from telemetra.adapters.postgres import examination_statements as statements
from telemetra.adapters.postgres.connections import CONNECTION_LOST, PostgresAddress, connect_arguments
from telemetra.adapters.postgres.failures import explain_failure
from telemetra.adapters.postgres.server_checks import Examined
from telemetra.domain.encryption_findings import judge_encryption
from telemetra.domain.findings import CHECK_SECONDS, Finding, ok, problem, warning

_DIRECTLY: Final = "Let POSTGRES_HOST and POSTGRES_PORT name the primary itself, past the pooler."
_DOES_IT_RUN: Final = (
    "Does it run, and listen there, and is it let through? Look at POSTGRES_HOST and POSTGRES_PORT."
)
_ADVICE: Final[dict[type[Exception], str]] = {
    asyncpg.InvalidPasswordError: "Set POSTGRES_USER and POSTGRES_PASSWORD as the server knows them.",
    asyncpg.InvalidAuthorizationSpecificationError: "The server lets this user, host or encryption not in: see its "
    "pg_hba.conf, POSTGRES_USER and POSTGRES_SSL.",
    asyncpg.InvalidCatalogNameError: "Make it (createdb {database}) and run `telemetra migrate`, or set POSTGRES_DB.",
    asyncpg.InsufficientPrivilegeError: "As its owner: grant connect on database {database} to {user};",
    asyncpg.TooManyConnectionsError: "End what is idle, raise max_connections, or lower POSTGRES_POOL_SIZE.",
    asyncpg.CannotConnectNowError: "Wait until it is up; its own log says what it is doing.",
}
"""What mends a refusal, by its kind: the first that it is one of."""
_TURNS: Final = 2
"""A pooler hands out the connection that came back last, or the one that came back first."""


async def connect_once(address: PostgresAddress) -> Any:
    """
    Connect as the service does. Statements are not kept: a pooler may have the next one run somewhere else.

    Raises whatever the driver does.
    """
    async with asyncio.timeout(CHECK_SECONDS):
        return await asyncpg.connect(**connect_arguments(address), statement_cache_size=0)


async def check_reach(address: PostgresAddress) -> tuple[Any | None, Finding]:
    """Return a connection, if one can be had, and how that went."""
    began = monotonic()
    try:
        connection = await connect_once(address)
    except (*CONNECTION_LOST, asyncpg.PostgresError, ValueError) as error:
        return None, _refused(address, error)
    took = monotonic() - began
    found = f"{address} answers, {took * 1000:,.0f} ms to connect"
    if took > address.acquire_timeout_seconds:
        advice = (
            f"Reads wait no longer than POSTGRES_ACQUIRE_TIMEOUT={address.acquire_timeout_seconds:g} s for a "
            "connection, and get 503 then: raise it, or find what is slow (names, TLS, a busy server)."
        )
        return connection, warning("postgres.reachable", found, advice)
    return connection, ok("postgres.reachable", found)


def _refused(address: PostgresAddress, error: Exception) -> Finding:
    explanation = explain_failure(error, mode=address.ssl, files=address.tls)
    found = explanation.found
    if isinstance(error, TimeoutError):
        found = f"no answer within {CHECK_SECONDS:g} s"
    if "startup parameter" in found:
        advice = f"That is what PgBouncer says. {_DIRECTLY}"
    else:
        kinds = (advice for kind, advice in _ADVICE.items() if isinstance(error, kind))
        otherwise = next(kinds, _DOES_IT_RUN).format(database=address.database, user=address.user)
        advice = explanation.as_advice() or otherwise
    return problem("postgres.reachable", f"{address}: {found}", advice)


async def check_encryption(server: Examined) -> list[Finding]:
    row = await server.connection.fetchrow(statements.ENCRYPTION)
    encrypted = bool(row and row["ssl"])
    network = await _network(server.address.host)
    return [
        judge_encryption(
            "postgres.encryption",
            row["version"] if encrypted else None,
            network,
            is_verified=server.address.ssl == "verify-full",
            encrypt="Have the server speak TLS, then set POSTGRES_SSL=require, or verify-full to know whom you speak to.",
            verify="POSTGRES_SSL=verify-full checks who it is.",
        )
    ]


async def _network(host: str) -> list[IPv4Address | IPv6Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, None)
    return [ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found]


async def check_pooler(server: Examined) -> list[Finding]:
    """
    Look whether a session stays with this connection: the lead is a lock of a session.

    A pooler makes up the process that it announces. Which kind it is shows when two transactions take turns.
    """
    check = "postgres.pooler"
    real = await server.connection.fetchval(statements.BACKEND)
    if real == server.connection.get_server_pid():
        return [ok(check, "none in between")]
    await server.connection.execute(statements.ROLLBACK)
    other = await connect_once(server.address)
    try:
        changes = await _changes_backend(server.connection, other)
    finally:
        other.terminate()
        await server.connection.execute(statements.BEGIN)
    if changes:
        found = "one in between, in transaction mode: it gives the session away that holds the lead"
        return [problem(check, found, _DIRECTLY)]
    found = "one in between; it keeps sessions, as far as can be seen"
    return [warning(check, found, f"{_DIRECTLY} At least be sure of pool_mode = session.")]


async def _changes_backend(connection: Any, other: Any) -> bool:
    """Whether a session is another one after a transaction, when somebody else was served meanwhile."""
    seen: dict[Any, set[int]] = {connection: set(), other: set()}
    for turn in range(2 * _TURNS):
        # Each order of beginning after one and the same order of ending: whichever is handed out, one of them gets another.
        for each in (connection, other) if turn % _TURNS else (other, connection):
            await each.execute(statements.BEGIN)
            seen[each].add(await each.fetchval(statements.BACKEND))
        for each in (connection, other):
            await each.execute(statements.ROLLBACK)
    return any(len(backends) > 1 for backends in seen.values())
