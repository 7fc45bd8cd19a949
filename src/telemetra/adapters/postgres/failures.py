"""Why a connection to PostgreSQL came to nothing, and which setting mends it: for a start and for the doctor alike."""

from __future__ import annotations

from typing import Final

import asyncpg

from telemetra.tls import Explanation, TlsFiles, explain
from telemetra.unreachable import reason_of

_LOOK_AT_THE_ADDRESS: Final = "look at POSTGRES_HOST and POSTGRES_PORT"
_HUNG_UP: Final = "unexpected connection_lost()"
"""What the driver says of a server that ends the connection before it has said anything."""


def explain_failure(error: BaseException, *, mode: str, files: TlsFiles | None) -> Explanation:
    """Return what the error means for a connection by this mode and these files; without advice where only the server knows."""
    if explanation := explain(error, "POSTGRES_SSL", "POSTGRES_HOST"):
        return explanation
    if type(error) is ConnectionError and "rejected SSL upgrade" in str(error):
        return _no_upgrade(mode)
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError) and "certificate" in str(error):
        return Explanation(_reason(error), "POSTGRES_SSL_CERT and _KEY name the one to show")
    if isinstance(error, asyncpg.ConnectionDoesNotExistError) and files and files.cert:
        # Whoever refuses a certificate says so, and hangs up: the second may arrive first.
        return Explanation("it hangs up: it may not take the certificate that POSTGRES_SSL_CERT names")
    if isinstance(error, asyncpg.ConnectionDoesNotExistError) or _HUNG_UP in str(error):
        return Explanation(
            "it hangs up without a word: it goes down, is no PostgreSQL, or a proxy that has none behind it",
            _LOOK_AT_THE_ADDRESS,
        )
    return Explanation(_reason(error))


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncpg.PostgresError):
        # What the server says counts, not what became of an attempt before: with `prefer` there are two.
        return " ".join(str(error).split()).rstrip(".")
    return reason_of(error)


def _no_upgrade(mode: str) -> Explanation:
    """Return what an answer to the question for TLS means that was no yes; with `prefer` a no would have been well."""
    if mode == "prefer":
        return Explanation("what answers there is no PostgreSQL", _LOOK_AT_THE_ADDRESS)
    return Explanation(
        f"it speaks no TLS, which POSTGRES_SSL={mode} asks for, or is no PostgreSQL",
        "have the server speak TLS, or set POSTGRES_SSL=prefer where the network can be trusted",
    )
