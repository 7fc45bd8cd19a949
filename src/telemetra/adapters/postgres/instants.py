"""
Instants: how the TIMESTAMP columns, which are UTC and do not say so, come as aware datetimes, and go.

The driver's own decoding adds a timedelta to an epoch for each value. A page has two hundred, of which nearly all were read
before, by this page's last reader or of the window beside: they are remembered by their number.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import asyncpg

Microseconds: TypeAlias = tuple[int]
"""What goes over the wire: microseconds since 2000-01-01, in a tuple of one."""

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_REMEMBERED: Final = 20_000
"""Some three megabytes."""


class _Instants(dict[Microseconds, datetime]):
    """Instants by number; `__getitem__` is the decoder, and most of the time runs no Python."""

    def __missing__(self, number: Microseconds) -> datetime:
        if len(self) >= _REMEMBERED:
            self.clear()
        instant = self[number] = _EPOCH + timedelta(microseconds=number[0])
        return instant


_instants: Final = _Instants()


async def speak_utc(connection: asyncpg.Connection) -> None:
    """Have this connection give and take aware datetimes for TIMESTAMP; naive ones are taken for UTC. No round trip."""
    await connection.set_type_codec(
        "timestamp", schema="pg_catalog", encoder=_encode, decoder=_instants.__getitem__, format="tuple"
    )


def _encode(instant: datetime) -> Microseconds:
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return ((aware - _EPOCH) // _MICROSECOND,)
