"""An engine's log: kept bounded, and read for the one line that says why it ended."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO

_TAIL_BYTES = 16_384

# What PostgreSQL, then Valkey, put before a line: time and process.
_PREFIX = re.compile(r"^.*?(\d{4}-\d\d-\d\d [\d:.]+ \w+ \[\d+\] |\d+:[A-Z] \d+ \w+ \d{4} [\d:.]+ [.*#-] )")

# Nearest the cause first: the system's own reason often stands above a last line that only says what failed.
_CAUSES = (
    re.compile(
        r"already in use|No space left|could not extend|Permission denied|Read-only file system|shared librar|Library not loaded"
    ),
    re.compile(
        r"FATAL: (?! *the database system is)|PANIC|\berror\b|[Ff]ailed|[Cc]ould not|[Cc]an't|[Cc]annot"
    ),
)
_DETAIL = re.compile(r"^(DETAIL|HINT): +")


def open_log(path: Path) -> BinaryIO:
    """
    Open an empty log, with the one of the last start kept beside it as `.1`.

    The file is its owner's alone, and open for reading too so that the keeper can shorten it in place.
    """
    if path.exists():
        path.replace(path.with_suffix(path.suffix + ".1"))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return open(descriptor, "a+b", buffering=0)  # noqa: PTH123  a descriptor; the caller closes it


def cause_in(path: Path) -> str:
    """Return the line that names the cause: the last one that gives a reason, else the last one at all."""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        text = log.read().decode(errors="replace")
    lines = [line for line in (_PREFIX.sub("", raw).strip() for raw in text.splitlines()) if line]
    for pattern in _CAUSES:
        for number in reversed(range(len(lines))):
            if pattern.search(lines[number]):
                return _with_detail(lines, number)
    return lines[-1] if lines else "it ended without a word"


def _with_detail(lines: list[str], number: int) -> str:
    following = lines[number + 1] if number + 1 < len(lines) else ""
    detail = _DETAIL.sub("", following) if _DETAIL.match(following) else ""
    return f"{lines[number]} ({detail})" if detail else lines[number]
