"""What the services themselves found wrong: the lines of their logs that tell of an error, the same ones counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_ERRORS: Final = frozenset({"error", "critical"})


@dataclass(slots=True)
class Complaints:
    """Counted by what tells one from another."""

    exceptions: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    """Lines that are no JSON: something wrote past the log."""

    def by_kind(self) -> dict[str, Counter[str]]:
        """Return all of them."""
        return {
            "exceptions": self.exceptions,
            "errors": self.errors,
            "warnings": self.warnings,
            "unreadable": self.unreadable,
        }


def read_logs(paths: Iterable[Path]) -> Complaints:
    """Read all lines."""
    complaints = Complaints()
    for path in paths:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if '"level":"info"' not in line and line.strip():
                    _take(complaints, line)
    return complaints


def _take(complaints: Complaints, line: str) -> None:
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        complaints.unreadable[line.strip()[:200]] += 1
        return
    name = str(entry.get("event"))
    if text := entry.get("exception"):
        complaints.exceptions[f"{name}: {str(text).strip().splitlines()[-1]}"] += 1
    elif entry.get("level") in _ERRORS:
        complaints.errors[f"{name}: {entry.get('reason', '')}"] += 1
    elif entry.get("level") == "warning":
        complaints.warnings[name] += 1
