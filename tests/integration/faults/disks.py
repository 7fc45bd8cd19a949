"""
A disk of a test's own, which can be full: never the machine's.

Where this process may mount, it is a small file system in memory. Elsewhere it is a bound on the size of each file that the
engine writes, which makes the same calls fail, with another reason.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import asyncpg
import psutil

_SIZE_BYTES = 300 * 2**20
SEGMENT_BYTES = 16 * 2**20
"""What PostgreSQL writes its log in: one file after the other, each made before it is used."""


class Disk(Protocol):
    """Where a service keeps its data."""

    path: Path

    async def fill(self, writer: asyncpg.Connection, *, left_bytes: int) -> None:
        """Leave so much room for the engine."""

    def free(self) -> None:
        """Make room again."""


class MountedDisk:
    """A file system in memory, filled by a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    async def fill(self, writer: asyncpg.Connection, *, left_bytes: int) -> None:
        space = os.statvfs(self.path)
        size = space.f_bavail * space.f_frsize - left_bytes
        with self._ballast.open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, size)

    def free(self) -> None:
        self._ballast.unlink()


class BoundedFiles:
    """An ordinary directory, in which the engine's files may not grow beyond a bound."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keeper: psutil.Process | None = None

    async def fill(self, writer: asyncpg.Connection, *, left_bytes: int) -> None:
        backend = psutil.Process(await writer.fetchval("select pg_backend_pid()"))
        # The server's parent starts it again when it ends.
        server = backend.parents()[0]
        self._keeper = server.parent()
        largest = await writer.fetchval("select max(size) from pg_ls_waldir()") if left_bytes else 0
        self._bound(max(largest + left_bytes, SEGMENT_BYTES // 2))

    def free(self) -> None:
        self._bound("unlimited")

    def _bound(self, file_bytes: int | str) -> None:
        assert self._keeper is not None
        for process in (self._keeper, *self._keeper.children(recursive=True)):
            # Who is root may not be allowed to do it either, but may become the one who is.
            user = {"user": process.uids().real, "group": process.gids().real, "extra_groups": []}
            subprocess.run(
                ["prlimit", f"--pid={process.pid}", f"--fsize={file_bytes}:"],
                timeout=10,
                check=process.is_running(),
                **(user if os.geteuid() == 0 else {}),
            )


@contextmanager
def own_disk() -> Iterator[Disk]:
    """Yield a disk of one's own, where other users (the engines') come through to."""
    with tempfile.TemporaryDirectory(prefix="telemetra-test-") as directory:
        place = Path(directory)
        place.chmod(0o755)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_BYTES},mode=0755", "tmpfs", directory]
        if subprocess.run(mount, capture_output=True, timeout=10, check=False).returncode != 0:
            yield BoundedFiles(place)
            return
        try:
            yield MountedDisk(place)
        finally:
            subprocess.run(["umount", "--lazy", directory], timeout=10, check=True)
