"""
Whose data directory it is: one live process's at a time.

A lock says so, never a pid file: the kernel drops it with the last process that holds it, and a pid may be
somebody else's by then. The pid in the lock file is only for the message. Two locks, for two lifetimes:
`owner.lock` dies with the owner; `engines.lock` is inherited by the engines and lives until the last is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from telemetra.adapters.embedded.endpoints import EngineEndpoints
from telemetra.adapters.embedded.errors import DataDirectoryInUse, EngineFailed

_OWNER_LOCK = "owner.lock"
_ENGINES_LOCK = "engines.lock"
_STATE = "running.json"
_RETRY_SECONDS = 0.02
_GLANCE_SECONDS = 0.3
"""Longer than `find_running` holds the lock to look."""
_LEFTOVERS_SECONDS = 60.0
"""Longer than the keepers of a killed owner take to stop their engines."""


@asynccontextmanager
async def own(data_dir: Path) -> AsyncIterator[int]:
    """
    Be the one owner of the directory, made when missing; yields the engines' lock, for them to inherit.

    Raises:
        DataDirectoryInUse: another live process owns it.
        EngineFailed: engines of an earlier owner do not end.
        OSError: it can't be made or written.

    """
    _make(data_dir)
    with _opened(data_dir / _OWNER_LOCK) as owner, _opened(data_dir / _ENGINES_LOCK) as engines:
        if not await _locked(owner, _GLANCE_SECONDS):
            raise DataDirectoryInUse(data_dir, _pid_in(owner))
        _withdraw(data_dir, owner)
        os.pwrite(owner, str(os.getpid()).encode(), 0)
        if not await _locked(engines, _LEFTOVERS_SECONDS):
            raise EngineFailed(f"engines of an earlier run still use {data_dir}: end them, then start again")
        try:
            yield engines
        finally:
            _withdraw(data_dir, owner)


def _make(data_dir: Path) -> None:
    """Make it where missing: root's engines run as another user, who must pass through; each file is private."""
    if not data_dir.exists():
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)


def _withdraw(data_dir: Path, owner: int) -> None:
    (data_dir / _STATE).unlink(missing_ok=True)
    os.ftruncate(owner, 0)


def publish(data_dir: Path, endpoints: EngineEndpoints) -> None:
    """Let others of the same user find what the owner runs."""
    draft = data_dir / f"{_STATE}.new"
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
        file.write(msgspec.json.encode(endpoints))
    draft.replace(data_dir / _STATE)


def withdraw(data_dir: Path) -> None:
    """Let nobody find any longer what the owner still runs."""
    (data_dir / _STATE).unlink(missing_ok=True)


def find_running(data_dir: Path) -> EngineEndpoints | None:
    """
    Find the engines that a live process runs in this directory; None when none does, or they do not answer yet.

    Raises:
        EngineFailed: they are another user's.

    """
    try:
        with _opened(data_dir / _OWNER_LOCK, os.O_RDONLY) as owner:
            if _try_lock(owner, fcntl.LOCK_SH):
                return None
            found = msgspec.json.decode((data_dir / _STATE).read_bytes(), type=EngineEndpoints)
            return found if found.owner_pid == _pid_in(owner) else None
    except FileNotFoundError:
        return None
    except PermissionError:
        raise EngineFailed(f"{data_dir} belongs to another user") from None


def find_owner(data_dir: Path) -> int | None:
    """
    Return the pid of the live process that owns this directory, 0 when it does not say; None: nobody does.

    It may be on its way up or down, with no engine that answers. Raises PermissionError where they are another user's.
    """
    return _holder(data_dir / _OWNER_LOCK)


def has_engines(data_dir: Path) -> bool:
    """Whether an engine of this directory is alive, also one that a killed owner has left; raises PermissionError."""
    return _holder(data_dir / _ENGINES_LOCK) is not None


def _holder(lock: Path) -> int | None:
    try:
        with _opened(lock, os.O_RDONLY) as descriptor:
            return None if _try_lock(descriptor, fcntl.LOCK_SH) else _pid_in(descriptor)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _opened(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def _locked(descriptor: int, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not _try_lock(descriptor, fcntl.LOCK_EX):  # noqa: ASYNC110  the kernel tells of no lock's end
                await asyncio.sleep(_RETRY_SECONDS)
            return True
    return False


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid_in(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0)
    return int(text) if text.isdigit() else 0
