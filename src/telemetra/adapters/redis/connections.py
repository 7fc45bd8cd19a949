"""Connections to Redis of one's own, outside any pool."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from redis.asyncio.connection import Connection, RedisSSLContext, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from telemetra.tls import Explanation, TlsFiles, chain, client_context, explain
from telemetra.unreachable import reason_of

Connect: TypeAlias = Callable[[], Awaitable[Connection]]
"""Opens a connection, or raises one of `REDIS_LOST`."""

REDIS_LOST: Final = (RedisError, OSError, TimeoutError)
"""What is raised when Redis is away, refuses, or does not answer in time."""

_AWAY: Final = (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError)
"""What of it is no refusal."""
_HUNG_UP: Final = (ConnectionResetError, BrokenPipeError)
_OPEN_SECONDS: Final = 5.0


class _Unreachable(RedisConnectionError):
    """No connection came about; the message says why, and what mends it."""


class _Context(RedisSSLContext):
    """The client's own believes the system's authorities beside those of a file, and reads files once."""

    __slots__ = ("_files",)

    def __init__(self, files: TlsFiles, *, check_hostname: bool) -> None:
        super().__init__(cert_reqs="required", check_hostname=check_hostname)
        self._files = files

    def get(self) -> ssl.SSLContext:
        return client_context(self._files, check_hostname=self.check_hostname)


class TlsConnection(SSLConnection):
    """A connection that goes by files of ours; whether the host's name counts is the address's to say."""

    def __init__(self, *, files: TlsFiles, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.ssl_context = _Context(files, check_hostname=self.check_hostname)


def connection_arguments(url: str, tls: TlsFiles | None) -> dict[str, Any]:
    """
    Return the client's arguments for a connection, with its `connection_class`.

    With `rediss://` the server's certificate is checked, the host's name too, unless the address says otherwise
    (`?ssl_check_hostname=false`, `?ssl_cert_reqs=none`).
    """
    arguments: dict[str, Any] = {"connection_class": Connection, **parse_url(url)}
    if tls:
        arguments.update(connection_class=TlsConnection, files=tls)
    arguments.update(driver_info=None, retry=Retry(NoBackoff(), 0))
    return arguments


def connector(url: str, tls: TlsFiles | None = None) -> Connect:
    """
    Return what opens connections to the server of this address.

    Nothing is tried again behind the caller's back (the client's default turns a dead Redis into seconds of waiting), and
    each wait is the caller's to bound: the client's own bound on sending can swallow a cancellation.
    """
    arguments = connection_arguments(url, tls)
    kind = arguments.pop("connection_class")
    arguments.pop("max_connections", None)
    arguments.update(
        # A subscription's messages are plain arrays there.
        protocol=2,
        decode_responses=False,
        health_check_interval=0,
        socket_connect_timeout=_OPEN_SECONDS,
        socket_timeout=None,
    )

    async def connect() -> Connection:
        connection: Connection = kind(**arguments)
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException as error:
            await connection.disconnect(nowait=True)
            if isinstance(error, _AWAY) and not isinstance(error, AuthenticationError):
                explanation = explain_failure(error, encrypted=isinstance(connection, SSLConnection))
                raise _Unreachable(f"Redis can't be reached: {explanation}") from error
            raise
        return connection

    return connect


def reason_lost(error: BaseException) -> str:
    """Return in one line, without a full stop, why Redis is away, for one of `REDIS_LOST`."""
    return str(error) if isinstance(error, _Unreachable) else reason_of(error)


def explain_failure(error: BaseException, *, encrypted: bool) -> Explanation:
    """Return why a connection came to nothing; without advice where only the server knows."""
    if explanation := explain(error, "REDIS_SSL", "REDIS_URL"):
        return explanation
    if any(isinstance(one, _HUNG_UP) or "closed by server" in str(one) for one in chain(error)):
        if encrypted:
            # Whoever wants another certificate says so, and hangs up: the second may arrive first.
            return Explanation(
                "it hangs up once TLS stands: it may want a certificate",
                "REDIS_SSL_CERT and _KEY name the one to show",
            )
        return Explanation(
            "it hangs up without a word: it may speak nothing but TLS, or be no Redis",
            "look at REDIS_URL: rediss:// is with TLS",
        )
    return Explanation(reason_of(error))
