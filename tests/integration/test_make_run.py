"""Where `make run` keeps its data: a default of its own, which gives way to whatever the user says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[2] / "Makefile"
# Stands for the command: says which directory the settings that it is started with come to.
_TELEMETRA = f"""#!{sys.executable}
from telemetra.settings import load_settings
print(load_settings().telemetra_data_dir.absolute())
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose environment stands already."""
    for name in ("requirements/run.lock", "pyproject.toml", "hatch_build.py", ".venv/bin/python"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "Makefile").write_text(MAKEFILE.read_text())
    command = tmp_path / ".venv/bin/telemetra"
    command.write_text(_TELEMETRA)
    command.chmod(0o755)
    (tmp_path / ".venv/.installed").touch()
    return tmp_path


@pytest.fixture
def directory_of_run(checkout: Path) -> Callable[..., str]:
    def run(*, env_file: str | None = None, **environ: str) -> str:
        if env_file is not None:
            (checkout / ".env").write_text(env_file)
        kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
        ended = subprocess.run(
            ["make", "--silent", "run"],
            cwd=checkout,
            env=kept | {"HOME": str(checkout / "home")} | environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    return run


@pytest.mark.parametrize(
    "env_file", [None, "PORT=9000\n", "TELEMETRA_DATA_DIR=\n", "#TELEMETRA_DATA_DIR=data\n"]
)
def test_it_is_in_the_checkout_unless_said_otherwise(
    checkout: Path, directory_of_run: Callable[..., str], env_file: str | None
) -> None:
    assert directory_of_run(env_file=env_file) == str(checkout / ".telemetra")


@pytest.mark.parametrize("line", ["TELEMETRA_DATA_DIR=data", "  export TELEMETRA_DATA_DIR = 'data'"])
def test_the_file_says_otherwise_from_the_checkout(
    checkout: Path, directory_of_run: Callable[..., str], line: str
) -> None:
    assert directory_of_run(env_file=f"PORT=9000\n{line}\n") == str(checkout / "data")


def test_the_environment_goes_before_the_file(directory_of_run: Callable[..., str]) -> None:
    told = directory_of_run(env_file="TELEMETRA_DATA_DIR=data\n", TELEMETRA_DATA_DIR="/elsewhere")
    assert told == "/elsewhere"
