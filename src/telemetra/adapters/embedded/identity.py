"""
Which user runs the engines, and what in the data directory is theirs.

An ordinary user runs them as itself. PostgreSQL refuses root, so root has them run by `nobody`, a user that
owns nothing; only directories made here are given away, and nobody else's owner or mode is ever changed.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from telemetra.adapters.embedded.errors import EngineFailed

_UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineUser:
    """A user whom root runs an engine as."""

    uid: int
    gid: int


def engine_user(home: Path) -> EngineUser | None:
    """
    Choose who runs the engine whose files are in `home`: who owns them already, else nobody; None: ourselves.

    Raises:
        EngineFailed: the files belong to a user that we can't become.

    """
    owner = home.stat() if home.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise EngineFailed(f"{home} belongs to another user ({_name(owner.st_uid)}): start as that user")
        return None
    if owner is not None:
        if owner.st_uid == 0:
            raise EngineFailed(
                f"{home} belongs to root, as whom PostgreSQL refuses to run: give it to a user"
            )
        return EngineUser(uid=owner.st_uid, gid=owner.st_gid)
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        raise EngineFailed(
            f"root needs the user {_UNPRIVILEGED} to run the engines as: start as an ordinary user"
        ) from None
    return EngineUser(uid=entry.pw_uid, gid=entry.pw_gid)


def make_home(home: Path, user: EngineUser | None, files: dict[str, str]) -> None:
    """
    Make a private directory of the engine's with these files in it.

    It is given to the engine's user last: nobody else can have put a link where a file is about to be written.
    """
    home.mkdir(mode=0o700)
    for name, text in files.items():
        path = home / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  a descriptor
            file.write(text)
        if user is not None:
            os.chown(path, user.uid, user.gid)
    if user is not None:
        os.chown(home, user.uid, user.gid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
