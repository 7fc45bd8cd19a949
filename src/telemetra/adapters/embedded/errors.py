"""What can go wrong with the local engines, each as one line that an operator can act on."""

from __future__ import annotations

from pathlib import Path


class EngineFailed(Exception):
    """An engine did not start; the message is one line that names the cause."""


class DataDirectoryInUse(Exception):
    """Another live process runs the engines of this data directory; `pid` is that process, 0 when unknown."""

    def __init__(self, data_dir: Path, pid: int) -> None:
        owner = f"process {pid}" if pid else "another process"
        super().__init__(f"{data_dir} is in use by {owner}: stop it, or choose another data directory")
        self.data_dir = data_dir
        self.pid = pid
