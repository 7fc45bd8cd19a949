"""Which core the servers run on and which the clients, what they take of it, and how many files they may open."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.live.report import say

if sys.platform != "linux":
    raise SystemExit("bench/live measures on Linux only: it needs epoll, processor affinity and /proc.")


def server_core() -> int:
    """Return the core that whatever serves is pinned to."""
    return min(_ALL)


def client_core() -> int:
    """Return the core of the clients: another one, where there is another."""
    return max(_ALL)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Pin this process for a while; what it starts meanwhile inherits that."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin_threads(pid: int, core: int) -> None:
    """Pin every thread of a running process."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def cpu_seconds(pid: int) -> float:
    """Return the processor time that all threads of a process have had."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def raise_file_limit() -> None:
    """Allow as many open files as the system lets this process have; those it starts inherit that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def require_files(listeners: int) -> None:
    """
    Fail where a process can't hold this many sockets.

    Raises:
        RuntimeError: with the way out.

    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < listeners + 500:
        raise RuntimeError(f"{listeners} listeners need more than {soft} open files: raise `ulimit -n`")


_ALL = os.sched_getaffinity(0)
if len(_ALL) == 1:
    say("There is one core only: servers and clients share it, and the figures say little.")
