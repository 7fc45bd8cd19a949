"""What several processes' gauges come to, told by one of them; the library shares by files that it is given at its import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_TELL = """
import sys
from telemetra.entrypoints.meters import Meters
meters = Meters()
meters.set("listeners", "Added up.", float(sys.argv[1]))
meters.set("silent", "The longest.", float(sys.argv[1]), of_several="max")
meters.set("up", "All or none.", float(sys.argv[1]), of_several="min")
print(meters.told().decode())
"""


@pytest.mark.parametrize("order", [("1", "5"), ("5", "1")])
def test_several_processes_gauges_are_added_up_unless_the_worst_is_what_matters(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    told = [_told_by_a_process(value, tmp_path) for value in order][-1]
    assert {"listeners 6.0", "silent 5.0", "up 1.0"} <= set(told.splitlines())


def _told_by_a_process(value: str, shared: Path) -> str:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(shared)}
    ended = subprocess.run(
        [sys.executable, "-c", _TELL, value],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ended.stdout
