"""Examines the file of tokens: whether it can be used, and what an operator would want to hear of what is in it."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from telemetra.adapters.tokens.file import TokensUnreadable, read_grants
from telemetra.domain.access import Grant
from telemetra.domain.findings import Finding, note, ok, problem, warning

_SOON: Final = timedelta(days=14)
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


async def examine_tokens(path: Path) -> list[Finding]:
    """Return what there is to find."""
    try:
        grants, mode = await asyncio.to_thread(_read, path)
    except (TokensUnreadable, OSError) as error:
        return [
            problem(
                "tokens.file",
                str(error),
                "Mend the file that API_TOKENS_FILE names; `telemetra token NAME` writes entries for it.",
            )
        ]
    findings = [_counted(grants, path), *_times(grants), *_scopes(grants)]
    if mode & _OTHERS:
        findings.append(
            warning("tokens.rights", f"others than its owner may write to {path}", f"chmod go-w {path}")
        )
    return findings


def _read(path: Path) -> tuple[list[Grant], int]:
    return list(read_grants(path).values()), path.stat().st_mode


def _counted(grants: Sequence[Grant], path: Path) -> Finding:
    if not grants:
        return warning(
            "tokens.file",
            f"{path} has no token: nobody may read",
            f"telemetra token NAME >> {path}",
        )
    return ok("tokens.file", f"{len(grants)} in {path}")


def _times(grants: Sequence[Grant]) -> list[Finding]:
    now = datetime.now(UTC)
    ending = sorted(
        (grant.expires_at, grant.name)
        for grant in grants
        if grant.expires_at and grant.expires_at < now + _SOON
    )
    return [
        warning(
            "tokens.expiry",
            f"the token {name!r} {'is over since' if at <= now else 'will be over on'} {at:%Y-%m-%d %H:%M} UTC",
            "Make another with `telemetra token`, hand it out, and take this one out of the file.",
        )
        for at, name in ending
    ]


def _scopes(grants: Sequence[Grant]) -> list[Finding]:
    return [
        note(
            "tokens.scopes",
            f"the token {grant.name!r} opens nothing: it has the scope write alone, which is reserved",
            'To let it read: scopes = ["read"], at its name in the file.',
        )
        for grant in grants
        if "read" not in grant.scopes
    ]
