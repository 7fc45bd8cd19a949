"""
Tickets: what a browser shows at the live socket, where it can send no header, so that no token stands in a URL.

A ticket names its token by the digest, and when it is over; it is signed, so that every process of a deployment knows it
without having seen it before. What it allows is what its token allows when it is shown.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from telemetra.domain.errors import CredentialInvalid

TICKET_SECONDS: Final = 30
_BODY: Final = struct.Struct(">32sI8s")
"""The token's digest, when it is over (seconds since 1970), and what makes it one of its own."""
_SIGNATURE_BYTES: Final = 32
_TEXT_CHARACTERS: Final = -(-(_BODY.size + _SIGNATURE_BYTES) * 4 // 3)


class Tickets:
    """Makes tickets, and knows them again. `key` gives the deployment's secret, `clock` seconds since 1970."""

    def __init__(self, key: Callable[[], bytes], clock: Callable[[], float]) -> None:
        self._key = key
        self._clock = clock

    def make(self, token_id: bytes) -> tuple[str, int]:
        """Return a ticket for the bearer of a token, and when it is over (seconds since 1970)."""
        over_at = int(self._clock()) + TICKET_SECONDS
        body = _BODY.pack(token_id, over_at, secrets.token_bytes(8))
        return urlsafe_b64encode(body + self._sign(body)).decode().rstrip("="), over_at

    def token_of(self, ticket: str) -> bytes:
        """
        Return the digest of the token that a ticket was given for.

        Raises:
            CredentialInvalid: it is none of ours, or over.

        """
        if len(ticket) != _TEXT_CHARACTERS:
            raise CredentialInvalid("This is no ticket: take one from POST /api/v1/live-tickets.")
        try:
            told = urlsafe_b64decode(ticket + "=" * (-len(ticket) % 4))
        except ValueError:
            told = b""
        body, signature = told[: _BODY.size], told[_BODY.size :]
        if not hmac.compare_digest(self._sign(body), signature):
            raise CredentialInvalid(
                "This is no ticket of this service: take one from POST /api/v1/live-tickets."
            )
        token_id, over_at, _ = _BODY.unpack(body)
        if self._clock() >= over_at:
            raise CredentialInvalid("The ticket is over: take another from POST /api/v1/live-tickets.")
        return bytes(token_id)

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._key(), b"telemetra live ticket\0" + body, sha256)
