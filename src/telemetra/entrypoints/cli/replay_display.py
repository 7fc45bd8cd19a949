"""What a replay shows while it runs, on standard error: the bar on a terminal, and the lines that can't be used."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from telemetra.entrypoints.cli.chat_log import BadLine, ChatLog

MAX_BAD_LINES_TOLD: Final = 20


class ReplayDisplay:
    """
    A context in which a replay is shown.

    The bar measures bytes of the file, so it is right for compressed files too and never needs the number of lines;
    a pipe has no size, so its bar only moves.
    """

    def __init__(self, console: Console, path: Path, *, size_bytes: int | None) -> None:
        self._console = console
        self._name = str(path)
        self._bad_lines = 0
        self._told = 0
        self._told_first: set[str] = set()
        """Reasons told before there was a good line."""
        self._size_bytes = size_bytes
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[messages]:,} messages"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(path.name, total=size_bytes, messages=0)

    def advance(self, log: ChatLog, messages: int) -> None:
        """Show how far the reader is."""
        if not self._progress.disable:
            completed = log.bytes_read if self._size_bytes is not None else None
            self._progress.update(self._task, completed=completed, messages=messages)

    def bad_line(self, line: BadLine, *, is_before_all_good: bool = False) -> None:
        """
        Tell of a line that can't be used; after the first few they are only counted.

        Before the first good line a reason is told once: a file of another kind is wrong in one way, on every line.
        """
        self._bad_lines += 1
        if self._told == MAX_BAD_LINES_TOLD or (is_before_all_good and line.reason in self._told_first):
            return
        if is_before_all_good:
            self._told_first.add(line.reason)
        self._told += 1
        self._say(f"{self._name}:{line.number}: {line.reason}")

    def stopped(self, how: str, line_number: int, stored_until: datetime | None) -> None:
        """Tell how far a replay came that did not reach the end."""
        stored = f"stored up to {stored_until:%Y-%m-%dT%H:%M:%SZ}" if stored_until else "nothing stored yet"
        self._say(f"{self._name}: {how} at line {line_number}; {stored}. Run it again to complete it.")

    def _say(self, message: str) -> None:
        # Text, not markup: a file's name may hold brackets. Unwrapped: tools read FILE:LINE: reason line by line.
        self._console.print(Text(message), soft_wrap=True, highlight=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        untold = self._bad_lines - self._told
        if untold:
            lines = "line" if untold == 1 else "lines"
            self._say(f"{self._name}: {untold:,} more {lines} could not be used")
