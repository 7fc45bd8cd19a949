"""Tokens that a test gives out, and takes back."""

from __future__ import annotations

from telemetra.domain.access import Grant


class MemoryCredentials:
    """A `Credentials`."""

    def __init__(self, *grants: Grant) -> None:
        self.grants = {grant.id: grant for grant in grants}

    def find(self, token_id: bytes) -> Grant | None:
        return self.grants.get(token_id)
