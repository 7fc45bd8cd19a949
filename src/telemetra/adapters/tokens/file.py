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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hmac import compare_digest
from pathlib import Path
from typing import Final

import structlog

from telemetra.adapters.tokens.entries import EntriesInvalid, read_entries
from telemetra.domain.access import Grant

_LOOK_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class TokensUnreadable(Exception):
    """The file of tokens can't be used; the message names it and what is wrong, and nothing that is secret."""


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
        grants = read_entries(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TokensUnreadable(f"{path} can't be read: {error.strerror or error}.") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise TokensUnreadable(f"{path} can't be used: line {line}: it is not in UTF-8.") from None
    except EntriesInvalid as error:
        raise TokensUnreadable(f"{path} can't be used: {error}.") from None
    return {grant.id: grant for grant in grants}
