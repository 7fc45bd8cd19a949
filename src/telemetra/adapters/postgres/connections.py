"""Connections to PostgreSQL: how to open them, and calls that end in time whatever hangs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, TypeVar

import asyncpg

from telemetra.adapters.postgres.encryption import encryption
from telemetra.adapters.postgres.failures import explain_failure
from telemetra.adapters.postgres.instants import speak_utc
from telemetra.adapters.postgres.names import look_up
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.ports import PoolUse
from telemetra.tls import TlsFiles

T = TypeVar("T")
Record = Any
"""asyncpg's row: values by column name and by place."""

_GIVEN_UP_SECONDS: Final = 0.25

IDLE_SECONDS: Final = 300.0
"""A connection without work for so long is ended."""

CONNECTION_LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
"""What the driver raises when the server is away, going down, or full; anything else is a fault of ours."""

_STALE: Final = (
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.AdminShutdownError,
    ConnectionResetError,
    # What asyncpg 0.32 says of a connection that the server ended between two statements.
    asyncpg.InternalClientError,
)
"""What is raised on a connection that was dead before the statement."""

REFUSED: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)
"""What no retry mends: a wrong password, an unknown user, a missing database, a missing right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresAddress:
    """Which server, and how long to wait for it."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    ssl: str = "prefer"
    """One of libpq's modes: disable, prefer, require, verify-ca or verify-full."""
    tls: TlsFiles | None = None
    pool_size: int = 10
    connect_timeout_seconds: float = 5.0
    acquire_timeout_seconds: float = 1.0
    command_timeout_seconds: float = 1.5

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}/{self.database}"


def connect_arguments(address: PostgresAddress, **server_settings: str) -> dict[str, Any]:
    """Return asyncpg's arguments for one connection; times are UTC, plans neither compiled nor parallel (reads are short)."""
    return {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "database": address.database,
        **encryption(address.ssl, address.tls),
        "timeout": address.connect_timeout_seconds,
        # What was prepared once stays so: preparing again takes an exchange that may be cut off in its middle.
        "max_cached_statement_lifetime": 0,
        "server_settings": {
            "application_name": "telemetra",
            "TimeZone": "UTC",
            "jit": "off",
            "max_parallel_workers_per_gather": "0",
            **server_settings,
        },
    }


def ends_by_itself(address: PostgresAddress) -> dict[str, str]:
    """
    Return the setting by which the server ends a statement that nobody waits for any more.

    A connection that is given up is not missed there while its statement waits for a lock: each read would leave one
    behind, until the server has no more.
    """
    return {"statement_timeout": f"{round((address.command_timeout_seconds + _GIVEN_UP_SECONDS) * 1000)}ms"}


async def connect(address: PostgresAddress, **server_settings: str) -> asyncpg.Connection:
    """
    Open a connection of one's own, outside the pool.

    Raises:
        DatabaseUnavailable: it can't be had in time; the message names the address, never the password.

    """
    try:
        async with asyncio.timeout(address.connect_timeout_seconds):
            await look_up(address.host)
            connection = await asyncpg.connect(**connect_arguments(address, **server_settings))
            await speak_utc(connection)
    except REFUSED as error:
        raise _refusal(address, error) from None
    except CONNECTION_LOST as error:
        raise _unreachable(address, error) from error
    return connection


@asynccontextmanager
async def first_connection(address: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
    """
    Lend a connection for what a start has to know, for no longer than a connection may take.

    Raises:
        DatabaseUnavailable: it can't be had or does not answer in time, or this role may not do what it is for.

    """
    connection = await connect(address)
    try:
        async with asyncio.timeout(address.connect_timeout_seconds):
            yield connection
    except CONNECTION_LOST as error:
        raise DatabaseUnavailable(f"PostgreSQL at {address} does not answer.") from error
    except asyncpg.PostgresError as error:
        raise _refusal(address, error) from error
    finally:
        connection.terminate()


def _unreachable(address: PostgresAddress, error: Exception) -> DatabaseUnavailable:
    """Return what to raise for a server with which there is no connection."""
    reason = explain_failure(error, mode=address.ssl, files=address.tls)
    return DatabaseUnavailable(f"PostgreSQL at {address} can't be reached: {reason}.")


def _refusal(address: PostgresAddress, error: Exception) -> DatabaseUnavailable:
    """Return what to raise for a server that answers, but not this role; in one line, which the server's need not be."""
    reason = explain_failure(error, mode=address.ssl, files=address.tls)
    return DatabaseUnavailable(f"PostgreSQL at {address} refuses: {reason}.")


class _Lending:
    """
    The pool's connections, handed from one statement to the next.

    The pool opens them and ends them; to take one out of it and to put it back for each statement costs a third of what a
    short statement costs. One that had no work for `idle_seconds` is ended: what lies between here and the server may have
    forgotten it.
    """

    def __init__(self, pool: asyncpg.Pool, *, size: int, idle_seconds: float) -> None:
        self._pool = pool
        self._size = size
        self._idle_seconds = idle_seconds
        self._open = 0
        self._connecting = 0
        """How many of the open ones have yet to be."""
        self._idle: deque[tuple[Any, float]] = deque()
        """With the time since when, the last to come at the right."""
        self._waiting: deque[asyncio.Future[Any]] = deque()

    def use(self) -> PoolUse:
        """Say how the connections are used now."""
        idle = len(self._idle)
        waiting = sum(1 for handed in self._waiting if not handed.done())
        return PoolUse(used=self._open - idle, idle=idle, size=self._size, waiting=waiting)

    @property
    def are_all_at_work(self) -> bool:
        """Whether there is none to have, for work and not for want of the server."""
        return self._open - self._connecting - len(self._idle) >= self._size

    def take_idle(self) -> Any | None:
        """Return a connection that waits for work, if there is one, and has not for too long."""
        while self._idle:
            connection, since = self._idle.pop()
            if monotonic() - since < self._idle_seconds and _is_open(connection):
                return connection
            self._end(connection)
        return None

    async def take(self) -> Any:
        """Return a connection that is nobody's; wait for one when all are in use."""
        while True:
            if connection := self.take_idle():
                return connection
            if self._open < self._size:
                return await self._connect()
            handed = asyncio.get_running_loop().create_future()
            self._waiting.append(handed)
            try:
                connection = await handed
            except asyncio.CancelledError:
                if handed.done() and not handed.cancelled():
                    # It was told just now, and is no longer here to make use of it.
                    self._pass_on(handed.result())
                raise
            if connection:
                return connection

    def give(self, connection: Any) -> None:
        """Take a connection back, whatever has become of it."""
        if not _is_open(connection):
            self._end(connection)
        elif not self._tell_one(connection):
            self._idle.append((connection, monotonic()))
            while monotonic() - self._idle[0][1] >= self._idle_seconds and len(self._idle) > 1:
                self._end(self._idle.popleft()[0])

    def _pass_on(self, connection: Any | None) -> None:
        if connection:
            self.give(connection)
        else:
            self._tell_one(None)

    async def _connect(self) -> Any:
        self._open += 1
        self._connecting += 1
        try:
            return await self._pool.acquire()
        except BaseException:
            self._open -= 1
            self._tell_one(None)
            raise
        finally:
            self._connecting -= 1

    def _end(self, connection: Any) -> None:
        # One that has ended by itself may be out of the pool already, and says that it can't be ended.
        with suppress(asyncpg.InterfaceError):
            connection.terminate()
        self._open -= 1
        self._tell_one(None)

    def _tell_one(self, connection: Any) -> bool:
        """Hand a connection, or the news that there is room for one, to whoever waits longest; False: nobody does."""
        while self._waiting:
            handed = self._waiting.popleft()
            if not handed.done():
                handed.set_result(connection)
                return True
        return False


def _is_open(connection: Any) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        # It has ended by itself, and is out of the pool already.
        return False


class PostgresPool:
    """
    A few connections, shared by many requests; every wait is bounded, also on a server that has stopped.

    A statement that is out of time ends with its connection: to cancel it politely one would have to wait for the
    very server that does not answer.
    """

    def __init__(
        self, pool: asyncpg.Pool, address: PostgresAddress, *, size: int, idle_seconds: float
    ) -> None:
        self._connections = _Lending(pool, size=size, idle_seconds=idle_seconds)
        self._address = address

    def use(self) -> PoolUse:
        """Say how the connections are used now."""
        return self._connections.use()

    async def fetch(self, statement: str, *arguments: Any) -> list[Record]:
        """
        Run one reading statement and return its rows.

        A connection that turns out to be dead is replaced; after a restart of the server each one in the pool is.

        Raises:
            DatabaseUnavailable: no connection or no answer in time.

        """
        for _ in range(self._address.pool_size):
            try:
                return await self.run(lambda connection: connection.fetch(statement, *arguments))
            except _StaleConnection:
                continue
        return await self.run(lambda connection: connection.fetch(statement, *arguments))

    async def run(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """
        Do `work` on a connection within the time of one command.

        Raises:
            DatabaseUnavailable: no connection or no answer in time, the server went away in the middle, or this role may
                not do what it is for.

        """
        connection = self._connections.take_idle() or await self._acquire()
        try:
            try:
                async with asyncio.timeout(self._address.command_timeout_seconds):
                    return await work(connection)
            except (TimeoutError, asyncio.CancelledError, *_STALE):
                with suppress(asyncpg.InterfaceError):
                    connection.terminate()
                raise
        except _STALE as error:
            raise _StaleConnection("The database closed the connection.") from error
        except REFUSED as error:
            raise _refusal(self._address, error) from error
        except CONNECTION_LOST as error:
            raise DatabaseUnavailable("The database did not answer in time or went away.") from error
        finally:
            self._connections.give(connection)

    async def _acquire(self) -> Any:
        # Asked now: those that still connect when the time is over are not told from those at work.
        are_all_at_work = self._connections.are_all_at_work
        try:
            async with asyncio.timeout(self._address.acquire_timeout_seconds):
                return await self._connections.take()
        except REFUSED as error:
            raise _refusal(self._address, error) from None
        except CONNECTION_LOST as error:
            if are_all_at_work and isinstance(error, TimeoutError):
                raise DatabaseUnavailable(
                    f"All {self._connections.use().size} connections to the database are at work, and none was free in time."
                ) from error
            raise _unreachable(self._address, error) from error


class _StaleConnection(DatabaseUnavailable):
    """The connection was dead before the statement: another one may do."""


@asynccontextmanager
async def open_pool(
    address: PostgresAddress,
    *,
    size: int | None = None,
    idle_seconds: float = IDLE_SECONDS,
    session: Mapping[str, str] | None = None,
) -> AsyncIterator[PostgresPool]:
    """
    Open a pool that connects as it is asked; closing it waits for nobody. `session` holds settings of the server's.

    Raises:
        DatabaseUnavailable: the first connection can't be had.

    """

    async def connect_as_now(_: str | None, **arguments: Any) -> asyncpg.Connection:
        # The pool keeps its arguments for good, and certificates are renewed.
        return await asyncpg.connect(**(arguments | encryption(address.ssl, address.tls)))

    size = size or address.pool_size
    pool = asyncpg.create_pool(
        connect=connect_as_now,
        min_size=0,
        max_size=size,
        init=speak_utc,
        **connect_arguments(address, **(session or {})),
    )
    async with asyncio.timeout(address.connect_timeout_seconds):
        await pool
    try:
        yield PostgresPool(pool, address, size=size, idle_seconds=idle_seconds)
    finally:
        pool.terminate()
