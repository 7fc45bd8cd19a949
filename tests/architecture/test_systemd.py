"""The unit for systemd is one that systemd takes, and gives the service what it needs: files, time to drain, one SIGTERM."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from telemetra.entrypoints.cli import main
from telemetra.entrypoints.server import GRACE_SECONDS
from telemetra.settings import Settings

_UNIT: Final = Path(__file__).parents[2] / "deploy" / "systemd" / "telemetra.service"
_FILES_FOR_THE_REST: Final = 256
_DRAIN_SECONDS: Final = 60
"""Longer than any load balancer takes to notice."""


def _options() -> dict[str, list[str]]:
    lines = [line for line in _UNIT.read_text().splitlines() if line[:1].isalpha()]
    found: dict[str, list[str]] = {}
    for name, _, value in (line.partition("=") for line in lines):
        found.setdefault(name, []).append(value)
    return found


def test_systemd_takes_every_line_of_it(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd is installed")
    # What it starts has to be there, which the environment in /opt is not.
    program = tmp_path / "telemetra"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "telemetra.service"
    unit.write_text(_UNIT.read_text().replace("/opt/telemetra/bin/telemetra", str(program)))
    done = subprocess.run(
        [analyze, "verify", "--man=no", unit], check=False, capture_output=True, text=True, timeout=60
    )
    told = [line for line in done.stderr.splitlines() if "telemetra" in line]
    assert (done.returncode, told) == (0, [])


def test_it_starts_the_service_with_the_settings_of_a_file() -> None:
    options = _options()
    ((program, *arguments),) = (command.split() for command in options["ExecStart"])
    assert program == "/opt/telemetra/bin/telemetra"
    assert CliRunner().invoke(main, [*arguments, "--help"]).exit_code == 0
    assert options["EnvironmentFile"] == ["/etc/telemetra/telemetra.env"]


def test_it_leaves_time_to_drain_and_sends_one_signal() -> None:
    options = _options()
    assert int(options["TimeoutStopSec"][0]) >= _DRAIN_SECONDS + GRACE_SECONDS + 2
    assert options["KillMode"] == ["mixed"]


def test_it_lets_the_service_open_as_many_files_as_it_may_need() -> None:
    settings = Settings()
    needed = settings.live_max_listeners + settings.http_max_connections + _FILES_FOR_THE_REST
    assert int(_options()["LimitNOFILE"][0]) >= needed


def test_a_database_that_is_away_for_long_does_not_end_it_for_good() -> None:
    options = _options()
    assert (options["Restart"], options["StartLimitIntervalSec"]) == (["always"], ["0"])
