"""What a killed PostgreSQL leaves: a pid file that the next one may take for a live server's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

_PID_FILE = "postmaster.pid"
_PS_SECONDS = 5.0
_DEAD = "ZX"


def forget_dead_postmaster(cluster: Path) -> None:
    """
    Remove the pid file of a server that is gone; only for the holder of the engines' lock.

    PostgreSQL refuses to start as long as any process of its user has that pid: after a restart of the machine
    that is easily somebody else's, and in a container whose first process buries nobody the dead one's own.
    The lock says that no engine of ours lives. A live server that somebody started by hand on these files holds no
    lock, but bears the name: its pid file stays, and PostgreSQL refuses in its own words.
    """
    if find_postmaster(cluster) is None:
        (cluster / _PID_FILE).unlink(missing_ok=True)


def find_postmaster(cluster: Path) -> int | None:
    """Return the pid of the live server that its pid file names, if that is one."""
    try:
        text = (cluster / _PID_FILE).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    pid = text.partition("\n")[0].strip()
    return int(pid) if pid.isdigit() and _is_live_postgres(int(pid)) else None


def _is_live_postgres(pid: int) -> bool:
    state, name = _state_and_name(pid)
    return bool(state) and state[0] not in _DEAD and name.startswith("postgres")


def _state_and_name(pid: int) -> tuple[str, str]:
    """Return the state's letter and the program's name, empty when there is no such process."""
    if sys.platform.startswith("linux"):  # where a slim image has no ps
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return "", ""
        found = re.fullmatch(r"\d+ \((.*)\) (\S)\s.*", stat, re.DOTALL)
    else:
        command = ["/bin/ps", "-o", "comm=,stat=", "-p", str(pid)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=_PS_SECONDS, check=False)  # noqa: S603
        found = re.fullmatch(r"(?:.*/)?(.*?)\s+(\S+)\s*", said.stdout)
    return (found[2], found[1]) if found else ("", "")
