"""
The operator's file of tokens (TOML), by their digests alone; what is changed in it counts within two seconds.

```toml
[[tokens]]
name = "dashboard"
sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
scopes = ["read"]
streams = ["demo"]                    # without this: all
expires_at = 2027-01-01T00:00:00Z     # without this: never
```
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Final

import msgspec
import structlog
from msgspec import Meta, Struct

from telemetra.domain.access import LONGEST_NAME, AccessScope, Grant

_LOOK_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class TokensUnreadable(Exception):
    """The file of tokens can't be used; the message names it and what is wrong, and nothing that is secret."""


class _Token(Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$")]
    scopes: Annotated[list[AccessScope], Meta(min_length=1)]
    streams: list[str] | None = None
    expires_at: datetime | None = None


class _Tokens(Struct, forbid_unknown_fields=True):
    tokens: list[_Token] = []


class TokenFile:
    """A `Credentials`."""

    def __init__(self, path: Path) -> None:
        """
        Read the file.

        Raises:
            TokensUnreadable: it can't be used.

        """
        self._path = path
        self._stamp = self._seen = self._look()
        self._grants = read_grants(path)
        self.is_unreadable = False
        """Whether the file can't be used as it is now, so that the tokens from before count."""

    def find(self, token_id: bytes) -> Grant | None:
        grant = self._grants.get(token_id)
        return grant if grant and compare_digest(grant.id, token_id) else None

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Read it again whenever it changes; one that can't be used changes nothing, and is told in the log."""
        watching = asyncio.create_task(self._watch(), name="token-file")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            stamp, before = self._look(), self._seen
            self._seen = stamp
            # One that is being written has another look at the next.
            if stamp == before and stamp != self._stamp:
                self._stamp = stamp
                self._refresh()

    def _refresh(self) -> None:
        try:
            self._grants = read_grants(self._path)
        except TokensUnreadable as error:
            self.is_unreadable = True
            _log.error("tokens_unreadable", reason=str(error))
        else:
            self.is_unreadable = False
            _log.info("tokens_read", tokens=len(self._grants))

    def _look(self) -> tuple[int, int, int] | None:
        """Return what is another after a change: also where another file was put in its place, as secrets' mounts do."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def read_grants(path: Path) -> dict[bytes, Grant]:
    """
    Return what the file's tokens allow, by their digests.

    Raises:
        TokensUnreadable: it can't be used.

    """
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
        found = msgspec.convert(written, _Tokens)
    except OSError as error:
        raise TokensUnreadable(f"{path} can't be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise TokensUnreadable(f"{path} can't be used: {error}.") from None
    grants = {grant.id: grant for grant in map(_grant, found.tokens)}
    if len(grants) < len(found.tokens):
        raise TokensUnreadable(f"{path} has a token twice.")
    return grants


def _grant(token: _Token) -> Grant:
    expires_at = token.expires_at
    if expires_at is not None and expires_at.tzinfo is None:
        expires_at = expires_at.replace(tzinfo=UTC)
    return Grant(
        id=bytes.fromhex(token.sha256),
        name=token.name,
        scopes=frozenset(token.scopes),
        streams=None if token.streams is None else frozenset(token.streams),
        expires_at=expires_at,
    )
