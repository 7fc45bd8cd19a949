"""The operators' runbook knows every event that they are warned of, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
WARNED = re.compile(r'\.(?:warning|error|exception)\(\s*"([a-z]+(?:_[a-z]+)+)"')
ROW = re.compile(r"^\| (`[a-z_`, ]+`) \| (?:warning|error)", re.MULTILINE)


def test_every_warning_and_error_is_in_the_runbook() -> None:
    logged = {
        name for file in (ROOT / "src").rglob("*.py") for name in WARNED.findall(file.read_text("utf-8"))
    }
    rows = ROW.findall((ROOT / "docs" / "operations.md").read_text("utf-8"))
    told = {name for row in rows for name in re.findall("[a-z_]+", row)}
    assert logged
    assert told == logged
