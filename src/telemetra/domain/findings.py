"""
Findings: what a look at the service's surroundings brings to light, and what to do about it.

A check brings findings and never an exception: whoever asks has trouble enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CHECK_SECONDS: Final = 2.0
"""How long one check may take."""
REPORT_IT: Final = "The check itself is at fault, not what it looks at: please report this line."


class Status(StrEnum):
    """How bad a finding is, from good to bad."""

    OK = "ok"
    NOTE = "note"
    """Good to know; nothing has to be done."""
    WARNING = "warning"
    """It works, and will not for long, or worse than it could."""
    PROBLEM = "problem"
    """Something does not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of a report. No text of it holds a secret."""

    check: str
    """A stable name, `group.subject`."""
    status: Status
    found: str
    advice: str = ""
    """What to do, with the command or the setting; a line each where it takes several."""


def ok(check: str, found: str) -> Finding:
    return Finding(check=check, status=Status.OK, found=found)


def note(check: str, found: str, advice: str = "") -> Finding:
    return Finding(check=check, status=Status.NOTE, found=found, advice=advice)


def warning(check: str, found: str, advice: str) -> Finding:
    return Finding(check=check, status=Status.WARNING, found=found, advice=advice)


def problem(check: str, found: str, advice: str) -> Finding:
    return Finding(check=check, status=Status.PROBLEM, found=found, advice=advice)


async def look(
    check: str, work: Awaitable[Iterable[Finding]], *, seconds: float = CHECK_SECONDS
) -> list[Finding]:
    """Return what `work` finds; that it breaks, or takes longer than `seconds`, is a finding too."""
    try:
        async with asyncio.timeout(seconds):
            return list(await work)
    except TimeoutError:
        return [
            warning(check, f"no answer within {seconds:g} s", "Look again; if it stays so, look there first.")
        ]
    except Exception as error:  # noqa: BLE001  (a report with a hole is better than none)
        return [warning(check, broken(error), REPORT_IT)]


def broken(error: Exception) -> str:
    """Return how a check broke: the kind of error and the line, not its text, which may hold anything."""
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f" at {place.tb_frame.f_code.co_name}:{place.tb_lineno}" if place else ""
    return f"could not be looked at ({type(error).__name__}{where})"
