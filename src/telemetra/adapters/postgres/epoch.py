"""The epoch: which history of which database the positions belong to, and how another one begins."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import asyncpg

from telemetra.adapters.postgres import change_statements
from telemetra.adapters.postgres.connections import CONNECTION_LOST, PostgresAddress, Record, connect
from telemetra.adapters.postgres.rows import to_position
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.positions import EPOCH_BYTES, Position

_RESTAMPED_AT_ONCE: Final = 5_000
_ANSWER_SECONDS: Final = 8.0


class Epoch:
    """
    The database's history as last seen.

    Its id is made of the system identifier, the timeline (another after a failover), the oids of the database and of
    `telemetra_state` (others after a dump was restored) and a stored UUID (another after `renew`): positions of one
    history mean nothing in another.
    """

    def __init__(self) -> None:
        self.id = bytes(EPOCH_BYTES)
        self._stored: str | None = None
        self._reached = 0
        """The greatest xmax of a position in this history: that of no later one is below it."""

    async def refresh(self, connection: Any) -> None:
        """
        Read it again; done on every new connection of the feed, since a failover looks like a reconnect.

        Raises:
            DatabaseUnavailable: it is a standby, whose timeline is its primary's affair.

        """
        try:
            row = await connection.fetchrow(change_statements.EPOCH)
        except asyncpg.ObjectNotInPrerequisiteStateError as error:
            raise DatabaseUnavailable(
                "PostgreSQL is a standby (in recovery), which can't tell what is committed: let POSTGRES_HOST name the "
                "primary, or promote this one."
            ) from error
        before, self.id = self.id, hashlib.sha256(row["history"].encode()).digest()[:EPOCH_BYTES]
        self._stored = row["epoch"]
        if self.id != before:
            self._reached = 0

    def position(self, stand: Record, epoch: bytes, *, floor: int = 0) -> Position:
        """
        Return where the statement stood that gave this row, asked when `epoch` was the history's id.

        No transaction above the newest of which a row is left is named, but positions only grow: what is named once stays
        so, also when the only row of that transaction is overwritten by an older one that commits later. `floor` is a
        client's word, and holds for this position alone.
        """
        if epoch != self.id:
            return to_position(stand, epoch, floor=floor)
        position = to_position(stand, epoch, floor=self._reached)
        self._reached = max(self._reached, position.seen.xmax)
        return to_position(stand, epoch, floor=floor) if floor > self._reached else position

    def ticket_key(self) -> bytes:
        """
        Return a secret that whoever reads this database has, and nobody else: 122 random bits, the stored UUID.

        Positions give away no more of it than a part of a digest.
        """
        return hashlib.sha256(b"telemetra ticket key\0" + (self._stored or "").encode()).digest()

    def is_renewed(self, stored: str) -> bool:
        """Whether `telemetra_state.epoch` was renewed since the last `refresh`."""
        return stored != self._stored


class Renewal:
    """Begins another history; prepared on one connection, so that nothing is left to prepare when it counts."""

    def __init__(self, begin: Any, restamp: Any) -> None:
        self._begin = begin
        self._restamp = restamp

    @classmethod
    async def prepare(cls, connection: asyncpg.Connection) -> Renewal:
        """Return it, ready to run on this connection."""
        return cls(
            await connection.prepare(change_statements.RENEW_EPOCH, timeout=_ANSWER_SECONDS),
            await connection.prepare(change_statements.RESTAMP, timeout=_ANSWER_SECONDS),
        )

    async def run(self) -> int:
        """
        Refuse every position given out so far, and return how many rows from the future were re-stamped.

        A row whose revision no transaction of this database has reached came with a dump of another; it counts as there
        from the beginning. It takes many short transactions; when it is interrupted, the next call does the rest.

        Raises:
            DatabaseUnavailable: this role may not do it, or the database takes no writes; nothing has happened.
            OSError, TimeoutError, asyncpg.PostgresError: the connection is lost.

        """
        try:
            restamped = some = await self._begin.fetchval(_RESTAMPED_AT_ONCE, timeout=_ANSWER_SECONDS)
            while some:
                some = await self._restamp.fetchval(_RESTAMPED_AT_ONCE, timeout=_ANSWER_SECONDS)
                restamped += some
        except asyncpg.InsufficientPrivilegeError as error:
            raise DatabaseUnavailable(
                f"A new epoch can't begin: {error}. Run `telemetra epoch renew` as the owner of the tables, and grant "
                "who serves what the README lists."
            ) from error
        except asyncpg.ReadOnlySQLTransactionError as error:
            raise DatabaseUnavailable(
                f"A new epoch can't begin: {error}. Something has set default_transaction_read_only: reset it, and run "
                "`telemetra epoch renew`."
            ) from error
        return int(restamped)


async def renew_epoch(address: PostgresAddress) -> int:
    """
    Run a `Renewal` on a connection of its own; services that run notice with their next look.

    Triggers that rows were loaded past, and that were not enabled again for everybody, are.

    Raises:
        DatabaseUnavailable: it can't be reached, or this role may not do it.

    """
    connection = await connect(address)
    try:
        for (mend,) in await connection.fetch(change_statements.DEMOTED_TRIGGERS, timeout=_ANSWER_SECONDS):
            await connection.execute(mend, timeout=_ANSWER_SECONDS)
        return await (await Renewal.prepare(connection)).run()
    except asyncpg.InsufficientPrivilegeError as error:
        raise DatabaseUnavailable(
            f"{error}: run `telemetra epoch renew` as the owner of the tables."
        ) from error
    except CONNECTION_LOST as error:
        raise DatabaseUnavailable(
            f"PostgreSQL at {address} went away in the middle; run it again."
        ) from error
    finally:
        connection.terminate()


async def is_restored(connection: asyncpg.Connection) -> bool:
    """Whether there are rows from the future of this database, which only another one's dump can bring."""
    return bool(await connection.fetchval(change_statements.IS_FROM_THE_FUTURE))
