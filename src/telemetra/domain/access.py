"""Who may do what: tokens as they are kept, by their digests alone, and what each of them allows."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal, TypeAlias

AccessScope: TypeAlias = Literal["read", "write"]

TOKEN_PREFIX: Final = "tlm_"  # noqa: S105  (what tokens begin with, for people and for scanners of leaked secrets)
_TOKEN_BYTES: Final = 32
LONGEST_NAME: Final = 100
LONGEST_TOKEN: Final = 256
"""Characters; no token of ours is as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the bearer of one token may do."""

    id: bytes
    """The token's digest (SHA-256, 32 bytes)."""
    name: str
    """What its operator calls it; it stands in logs."""
    scopes: frozenset[AccessScope]
    streams: frozenset[str] | None = None
    """The only streams that it is for; None: all."""
    expires_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at

    def is_for(self, stream_id: str) -> bool:
        """Whether it is for this stream."""
        return self.streams is None or stream_id in self.streams


def make_token() -> str:
    """Return a new token: 256 random bits, which need no slow hash to be safe from guessing."""
    return TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)


def digest_of(token: str) -> bytes:
    """Return what is kept of a token."""
    return sha256(token.encode(errors="surrogatepass")).digest()
