"""Examines a Redis or Valkey for all that the service needs of it; what it stores there lasts a second."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from statistics import median
from time import monotonic
from typing import Any, Final

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from telemetra.adapters.redis.connections import connection_arguments, explain_failure
from telemetra.adapters.redis.messages import VERSION
from telemetra.domain.encryption_findings import judge_encryption
from telemetra.domain.findings import CHECK_SECONDS, Finding, Status, look, note, ok, problem, warning
from telemetra.tls import TlsFiles
from telemetra.unreachable import reason_of

Check = Callable[[Redis], Awaitable[list[Finding]]]

OLDEST_VERSION: Final = 7
_SLOW_SECONDS: Final = 0.01
_HEARD_WITHIN_SECONDS: Final = 1.0
_PINGS: Final = 5
_PROBE_LASTS_MS: Final = 1_000
_DOES_IT_RUN: Final = "Does it run, and listen there? Look at REDIS_URL."
_UNTIL_THEN: Final = "Until it is back reads go to PostgreSQL, and updates may be 3 s late once."


async def examine_redis(url: str, *, tls: TlsFiles | None = None) -> list[Finding]:
    """Return what there is to find, all within a dozen seconds, whatever hangs."""
    arguments = connection_arguments(url, tls)
    arguments.update(
        socket_timeout=CHECK_SECONDS, socket_connect_timeout=CHECK_SECONDS, decode_responses=True
    )
    client = Redis.from_pool(ConnectionPool(**arguments))
    try:
        reach = await _check_reach(client, _name(url))
        findings = [reach]
        if reach.status is Status.PROBLEM:
            return findings
        for name, check in _CHECKS.items():
            findings += await look(name, _refusable(name, check, client))
        return findings
    finally:
        await client.aclose()


def _name(url: str) -> str:
    """Return what of the address is no secret."""
    parts: dict[str, Any] = {**parse_url(url)}
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 6379)}/{parts.get('db', 0)}"


async def _check_reach(client: Redis, name: str) -> Finding:
    check, began = "redis.reachable", monotonic()
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await client.ping()
    except AuthenticationError:
        advice = "Put the password into REDIS_URL: redis://:password@host, or redis://user:password@host."
        return problem(check, f"{name}: the password is not taken, or one is wanted", advice)
    except ResponseError as error:
        return problem(
            check, f"{name}: {_in_one_line(error)}", "Look at REDIS_URL, and at what its user may do."
        )
    except TimeoutError:
        return problem(
            check, f"{name}: no answer within {CHECK_SECONDS:g} s", f"{_DOES_IT_RUN} {_UNTIL_THEN}"
        )
    except (RedisError, OSError) as error:
        return _unreachable(
            name, error, encrypted=issubclass(client.connection_pool.connection_class, SSLConnection)
        )
    return ok(check, f"{name} answers, {(monotonic() - began) * 1000:,.0f} ms to connect")


def _unreachable(name: str, error: Exception, *, encrypted: bool) -> Finding:
    explanation = explain_failure(error, encrypted=encrypted)
    advice = f"{explanation.as_advice() or _DOES_IT_RUN} {_UNTIL_THEN}"
    return problem("redis.reachable", f"{name}: {explanation.found}", advice)


async def _check_encryption(client: Redis) -> list[Finding]:
    pool = client.connection_pool
    connection: Any = await pool.get_connection()  # type: ignore[no-untyped-call]
    try:
        # The client tells neither how it speaks nor to which of a name's addresses.
        transport = connection._writer.transport  # noqa: SLF001
        encrypted = transport.get_extra_info("ssl_object")
        address = ip_address(str(transport.get_extra_info("peername")[0]).partition("%")[0])
    finally:
        await pool.release(connection)
    return [
        judge_encryption(
            "redis.encryption",
            encrypted.version() if encrypted else None,
            [address],
            is_verified=bool(encrypted and encrypted.context.check_hostname),
            encrypt="Have the server speak TLS, and let REDIS_URL begin with rediss://.",
            verify="Leave ssl_cert_reqs and ssl_check_hostname out of REDIS_URL: then it is checked who it is.",
        )
    ]


async def _check_version(client: Redis) -> list[Finding]:
    told = await client.info("server")
    if valkey := told.get("valkey_version"):
        return [ok("redis.version", f"Valkey {valkey}")]
    version = str(told.get("redis_version", "that does not tell its version"))
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < OLDEST_VERSION:
        advice = f"Redis {OLDEST_VERSION} or newer, or Valkey, is needed: upgrade it, or name another by REDIS_URL."
        return [problem("redis.version", f"Redis {version}", advice)]
    return [ok("redis.version", f"Redis {version}")]


async def _check_role(client: Redis) -> list[Finding]:
    role = (await client.info("replication")).get("role")
    if role != "master":
        advice = (
            "Let REDIS_URL name the master: a replica stores nothing, and hands on nothing that is published."
        )
        return [problem("redis.role", f"it is a {'replica' if role == 'slave' else role}", advice)]
    return [ok("redis.role", "it is the master")]


async def _check_memory(client: Redis) -> list[Finding]:
    told = await client.info("memory")
    most, policy = int(told.get("maxmemory", 0)), str(told.get("maxmemory_policy"))
    if not most:
        return [
            ok(
                "redis.memory",
                f"{told.get('used_memory_human')} used, without a limit; answers expire by themselves",
            )
        ]
    found = f"{told.get('used_memory_human')} of {told.get('maxmemory_human')} used, {policy}"
    if policy == "noeviction":
        is_full = int(told.get("used_memory", 0)) >= most
        when = "It is full, and refuses" if is_full else "Once it is full it refuses"
        advice = (
            f"{when} to store answers, and reads go to PostgreSQL:\n"
            "redis-cli config set maxmemory-policy allkeys-lru, and maxmemory-policy allkeys-lru in its configuration"
        )
        return [warning("redis.memory", found, advice)]
    return [ok("redis.memory", found)]


async def _check_storing(client: Redis) -> list[Finding]:
    key = f"telemetra:doctor:{secrets.token_hex(8)}"
    try:
        await client.set(key, "x", px=_PROBE_LASTS_MS)
        kept = await client.get(key)
    except OutOfMemoryError:
        advice = "It is full: redis-cli config set maxmemory-policy allkeys-lru, or give it more maxmemory."
        return [problem("redis.storing", "refused: answers are shared no longer", advice)]
    except ReadOnlyError:
        return [problem("redis.storing", "refused: it is read-only", "Let REDIS_URL name the master.")]
    if kept != "x":
        return [
            warning(
                "redis.storing",
                "what was stored was gone at once",
                "Look at its memory, and what else uses it.",
            )
        ]
    return [ok("redis.storing", "an answer is stored and read")]


async def _check_publishing(client: Redis) -> list[Finding]:
    """Publish on a channel that is named like the bus's, and hear it."""
    channel, word = f"telemetra:{VERSION}:doctor:{secrets.token_hex(8)}", secrets.token_hex(8)
    began = monotonic()
    async with client.pubsub() as heard:
        try:
            async with asyncio.timeout(_HEARD_WITHIN_SECONDS):
                await heard.subscribe(channel)
                await heard.parse_response()
                await client.publish(channel, word)
                while word not in (await heard.parse_response() or ()):
                    pass
        except TimeoutError:
            advice = "Other processes' updates come up to 3 s late: look at its client-output-buffer-limit, and at proxies."
            found = f"nothing was heard within {_HEARD_WITHIN_SECONDS:g} s"
            return [problem("redis.publishing", found, advice)]
    return [ok("redis.publishing", f"published and heard, {(monotonic() - began) * 1000:,.0f} ms")]


async def _check_latency(client: Redis) -> list[Finding]:
    took = []
    for _ in range(_PINGS):
        began = monotonic()
        await client.ping()
        took.append(monotonic() - began)
    found = f"{median(took) * 1000:.1f} ms a question"
    if median(took) > _SLOW_SECONDS:
        advice = "A cache so far away helps little: bring it nearer, or see what keeps it busy: redis-cli slowlog get"
        return [warning("redis.latency", found, advice)]
    return [ok("redis.latency", found)]


_CHECKS: Final[dict[str, Check]] = {
    "redis.version": _check_version,
    "redis.encryption": _check_encryption,
    "redis.role": _check_role,
    "redis.memory": _check_memory,
    "redis.storing": _check_storing,
    "redis.publishing": _check_publishing,
    "redis.latency": _check_latency,
}


async def _refusable(name: str, check: Check, client: Redis) -> list[Finding]:
    """Run a check; that Redis refuses its commands, or goes away, is a finding."""
    try:
        return await check(client)
    except NoPermissionError as error:
        found = f"can't be looked at: {_in_one_line(error)}"
        if name in {"redis.storing", "redis.publishing"}:
            advice = "Its user needs: ACL SETUSER ... ~telemetra:* &telemetra:* +get +set +publish +subscribe +unsubscribe +ping"
            return [problem(name, found, advice)]
        return [note(name, found, "It is needed for this report alone: ACL SETUSER ... +info")]
    except (RedisError, OSError) as error:
        return [problem(name, reason_of(error), f"{_DOES_IT_RUN} {_UNTIL_THEN}")]


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
