"""Connections: the HTTP client that reads go through, as this client makes one where none is given."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from telemetra.client.access import Access, Token
from telemetra.client.addresses import Address, is_loopback
from telemetra.client.errors import UrlInvalid
from telemetra.client.reads import Request

TIMEOUT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a client was told about the service, checked."""

    address: Address
    access: Access
    retries: int

    @classmethod
    def checked(
        cls, base_url: str, *, token: Token, ssl_context: ssl.SSLContext | None, retries: int
    ) -> Settings:
        """
        Look whether it can be used.

        Raises:
            UrlInvalid: the address is none, or names a user although there is a token.
            TokenInvalid: no header can carry the token.
            ValueError: a number makes no sense.

        """
        address = Address.parse(base_url)
        if token is not None and address.has_credentials:
            raise UrlInvalid("The address names a user, and there is a token: only one of them can be sent.")
        if retries < 0:
            raise ValueError("retries: expected 0 or more.")
        access = Access(token=token, ssl_context=ssl_context)
        if not callable(token):
            access.headers()
        return cls(address=address, access=access, retries=retries)

    def http_options(self, timeout_seconds: float | None) -> dict[str, Any]:
        """Return what `httpx` is to be told."""
        host = self.address.host
        return {
            "timeout": TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds,
            "verify": True if self.access.ssl_context is None else self.access.ssl_context,
            # What a machine says to itself is none of its proxy's business.
            "mounts": {f"all://{_bracketed(host)}": None} if is_loopback(host) else None,
        }

    def headers(self, request: Request[Any]) -> Mapping[str, str]:
        """Return what a request carries."""
        return {"Accept": "application/json", **request.freshness.headers(), **self.access.headers()}


def _bracketed(host: str | None) -> str:
    return f"[{host}]" if host and ":" in host else str(host)
