"""How connections to PostgreSQL are encrypted: libpq's modes, in the driver's terms."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, urlencode

from telemetra.tls import TlsFiles, client_context

_VERIFIED: Final = ("verify-ca", "verify-full")


def encryption(mode: str, files: TlsFiles | None) -> dict[str, Any]:
    """
    Return asyncpg's arguments for a mode, for connections that are opened now.

    `prefer` and `require` are left to the driver, whose meaning is libpq's: to go on without TLS is the first's, and to check
    by a root certificate where there is one the second's. The system's authorities it does not know.

    Raises:
        OSError: a file can't be read or used.

    """
    if mode == "disable":
        return {"ssl": False}
    if mode in _VERIFIED:
        return {"ssl": client_context(files or TlsFiles(), check_hostname=mode == "verify-full")}
    query = urlencode(_named(files), quote_via=quote)
    return {"ssl": mode, "dsn": f"postgresql://?{query}"} if query else {"ssl": mode}


def libpq_options(mode: str, files: TlsFiles | None) -> str:
    """Return what makes a client of libpq, given at the end of an address, connect as we do; nothing where it does anyway."""
    options = _named(files)
    if mode == "verify-full" and "sslrootcert" not in options:
        options["sslrootcert"] = "system"
    if mode in ("require", *_VERIFIED):
        options["sslmode"] = mode
    return f"?{urlencode(options, quote_via=quote)}" if options else ""


def _named(files: TlsFiles | None) -> dict[str, str]:
    if files is None:
        return {}
    options = {"sslrootcert": files.root_cert, "sslcert": files.cert, "sslkey": files.key or files.cert}
    return {name: str(path.absolute()) for name, path in options.items() if path}
