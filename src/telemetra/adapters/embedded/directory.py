"""Whether a data directory can be used, has room, and is nobody else's to change."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from telemetra.adapters.embedded.errors import EngineFailed
from telemetra.adapters.embedded.identity import engine_user
from telemetra.domain.findings import Finding, ok, problem, warning

ELSEWHERE: Final = "TELEMETRA_DATA_DIR names another directory; POSTGRES_HOST and REDIS_URL make it needless."

_ENOUGH_BYTES: Final = 1024**3
_ENOUGH_SHARE: Final = 0.05


def check_directory(data_dir: Path) -> Iterator[Finding]:
    """Look whether the directory can be used, and by nobody else."""
    check = "embedded.directory"
    there = _nearest(data_dir)
    if not there.is_dir():
        yield problem(
            check, f"{data_dir} can't be made: {there} is no directory", f"Set it anew: {ELSEWHERE}"
        )
        return
    if not os.access(there, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        yield problem(
            check, f"{there} can't be written", f"Give it to this user, or set it anew: {ELSEWHERE}"
        )
        return
    try:
        engine_user(data_dir / "postgres")
    except (EngineFailed, PermissionError) as error:
        yield problem(check, str(error), f"Run as that user. Or: {ELSEWHERE}")
        return
    exposed = [place for place in (data_dir, *data_dir.resolve().parents) if _is_open_to_others(place)]
    if exposed:
        found = f"others can write {exposed[0]}, and so put something else in the data's place"
        yield warning(check, found, f"chmod go-w {shlex.quote(str(exposed[0]))}")
    else:
        made = "" if there == data_dir else f", made when it is needed ({there} is there)"
        yield ok(check, f"{data_dir} can be used{made}")


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest above it that is there."""
    return next(place for place in (path, *path.parents) if os.path.lexists(place))


def _is_open_to_others(place: Path) -> bool:
    try:
        mode = place.stat().st_mode
    except OSError:
        return False
    # With the sticky bit, as /tmp has it, what is in there is its owner's alone.
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def check_room(data_dir: Path) -> Iterator[Finding]:
    """Look whether there is room for more rows."""
    usage = shutil.disk_usage(_nearest(data_dir))
    yield judge_room(data_dir, usage.free, usage.total)


def judge_room(data_dir: Path, free_bytes: int, total_bytes: int) -> Finding:
    """Return what to say of so much room on the file system of a directory."""
    found = f"{free_bytes / 1024**3:,.1f} GiB free ({free_bytes / total_bytes:.0%})"
    if free_bytes < _ENOUGH_BYTES or free_bytes < _ENOUGH_SHARE * total_bytes:
        advice = f"Make room on the file system of {data_dir}: when it is full, writes fail (reads go on)."
        return warning("embedded.room", found, advice)
    return ok("embedded.room", found)
