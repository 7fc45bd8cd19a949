"""Servers as children on one core, each on a free port, ended when the block is."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.live.cores import on_core, server_core

_START_SECONDS: Final = 30.0
_END_SECONDS: Final = 15.0


@contextmanager
def serving(home: Path, module: str, *arguments: str) -> Iterator[int]:
    """Run `python -m MODULE PORT ARGUMENTS` and yield its port when it takes connections."""
    port = _free_port()
    log = home / f"{module.rpartition('.')[2]}-{port}.log"
    with log.open("wb") as errors, on_core(server_core()):
        process = subprocess.Popen(  # noqa: S603  (our own)
            [sys.executable, "-m", module, str(port), *arguments], stderr=errors, stdout=subprocess.DEVNULL
        )
    try:
        _wait(process, port, log)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"it does not start: {log.read_text(errors='replace')[-2000:]}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
