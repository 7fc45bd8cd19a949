"""What a client shows the service, and what it wants to see of it: a token, and a certificate that it trusts."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from telemetra.client.errors import TokenInvalid

Token: TypeAlias = str | Callable[[], str | None] | None
"""A token, or what returns the one of the moment: it is asked for each request and each connection."""

_BEARER: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a client makes itself known, and whom it trusts."""

    token: Token = field(default=None, repr=False)
    ssl_context: ssl.SSLContext | None = None
    """Which certificates are trusted, and which is shown; None: those of the system, and none."""

    def headers(self) -> dict[str, str]:
        """
        Return what every request carries.

        Raises:
            TokenInvalid: no header can carry the token.

        """
        token = self.token() if callable(self.token) else self.token
        if token is None:
            return {}
        if not _BEARER.fullmatch(token):
            raise TokenInvalid(
                "token: it is empty, or holds a space, a line break or a letter that no header can carry."
            )
        return {"Authorization": f"Bearer {token}"}
