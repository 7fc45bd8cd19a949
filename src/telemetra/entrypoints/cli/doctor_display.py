"""How a doctor's findings look: grouped lines in a terminal, or JSON."""

from __future__ import annotations

import io
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from rich.console import Console
from rich.text import Text

from telemetra.domain.findings import Finding, Status
from telemetra.entrypoints.cli.tail_display import LinesConsole, printable

_STYLES: Final = {
    Status.OK: "green",
    Status.NOTE: "cyan",
    Status.WARNING: "bold yellow",
    Status.PROBLEM: "bold red",
}
_TITLES: Final = {
    "versions": "Versions",
    "settings": "Settings",
    "tokens": "Tokens",
    "port": "Address",
    "embedded": "Embedded engines",
    "postgres": "PostgreSQL",
    "redis": "Redis",
}
_STATUS_WIDTH: Final = max(len(status) for status in Status) + 2
_NAME_WIDTH: Final = 23
_ARROW: Final = "-> "
_ADVICE_AT: Final = 2 + _STATUS_WIDTH
_FOUND_AT: Final = _ADVICE_AT + _NAME_WIDTH
_NARROWEST: Final = 30
_MAX_SHOWN: Final = 2_000


def findings_json(findings: Sequence[Finding]) -> str:
    """Return the findings as a JSON array of objects, one a line."""
    return "[\n" + ",\n".join(msgspec.json.encode(finding).decode() for finding in findings) + "\n]"


class DoctorDisplay:
    """Shows findings group by group, as they come, and sums up."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _console()
        self._group: str | None = None

    def show(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            group = finding.check.partition(".")[0]
            if group != self._group:
                if self._group is not None:
                    self._say(Text())
                self._group = group
                self._say(Text(_TITLES.get(group, group), style="bold"))
            self._show(finding)

    def _show(self, finding: Finding) -> None:
        line = Text("  ").append(f"{finding.status:<{_STATUS_WIDTH}}", style=_STYLES[finding.status])
        # The whole name, as alerts, the runbook and `--json` have it.
        line.append(f"{finding.check:<{_NAME_WIDTH}}").append(self._fitted(finding.found, _FOUND_AT))
        self._say(line)
        for advice in finding.advice.splitlines():
            self._say(Text(" " * _ADVICE_AT + _ARROW + self._fitted(advice, _ADVICE_AT + len(_ARROW))))

    def _fitted(self, text: str, column: int) -> str:
        """Return the text broken so that it stays right of a column of the terminal; elsewhere a line stays a line."""
        text = printable(text, most=_MAX_SHOWN)
        width = self._console.width - column
        if not self._console.is_terminal or width < _NARROWEST:
            return text
        lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
        return ("\n" + " " * column).join(lines)

    def sum_up(self, findings: Sequence[Finding]) -> None:
        """Say in one line how it stands."""
        counted = Counter(finding.status for finding in findings)
        problems, warnings = counted[Status.PROBLEM], counted[Status.WARNING]
        told = f"{problems or 'No'} problem{'s' * (problems != 1)}"
        if warnings:
            told += f", {warnings} warning{'s' * (warnings != 1)}"
        worst = next((status for status in (Status.PROBLEM, Status.WARNING) if counted[status]), Status.OK)
        self._say(Text())
        self._say(Text(f"{told}.", style=_STYLES[worst]))

    def _say(self, line: Text) -> None:
        # Without markup: brackets in a name stay brackets.
        self._console.print(line, soft_wrap=True, highlight=False)


def _console() -> LinesConsole:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return LinesConsole()
