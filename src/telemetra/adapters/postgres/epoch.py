"""The epoch: which history of which database the positions belong to."""

from __future__ import annotations

import hashlib
from typing import Any

from telemetra.adapters.postgres import change_statements
from telemetra.domain.positions import EPOCH_BYTES


class Epoch:
    """
    The database's history as last seen.

    Its id is made of the system identifier, the timeline (another after a failover) and a stored UUID (another after
    `telemetra_state.epoch` was renewed): positions of one history mean nothing in another.
    """

    def __init__(self) -> None:
        self.id = bytes(EPOCH_BYTES)

    async def refresh(self, connection: Any) -> None:
        """Read it again; done on every new connection of the feed, since a failover looks like a reconnect."""
        row = await connection.fetchrow(change_statements.EPOCH)
        self.id = hashlib.sha256(row["history"].encode()).digest()[:EPOCH_BYTES]
