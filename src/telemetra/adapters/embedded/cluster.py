"""Making a PostgreSQL cluster: once, and wholly or not at all."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from telemetra.adapters.embedded.binaries import EngineBinaries
from telemetra.adapters.embedded.errors import EngineFailed
from telemetra.adapters.embedded.identity import engine_user, make_home
from telemetra.adapters.embedded.kept import Order, keep

CLUSTER = "cluster"
PASSWORD = "password"  # noqa: S105  a file's name
SUPERUSER = "telemetra"

_VERSION_SECONDS = 10.0
_BUILTIN_LOCALES_SINCE = 17
_STOP = ((signal.SIGTERM, 2.0),)


async def make_cluster(home: Path, binaries: EngineBinaries, lock: int, log: Path, *, durable: bool) -> None:
    """
    Make the cluster and its password beside `home`, then give them that name in one step.

    What an interrupted attempt left is thrown away. Raises EngineFailed.
    """
    program = binaries.postgres_program("initdb")
    draft = home.with_name(f"{home.name}.new")
    if draft.exists():
        shutil.rmtree(draft)
    user = engine_user(draft)
    make_home(draft, user, {PASSWORD: secrets.token_urlsafe(24)})
    order = Order(
        name="initdb",
        command=[str(program), *_options(binaries, draft, durable=durable)],
        user=user,
        workdir=draft,
        reach=[program, draft],
        stop=_STOP,
        lock=lock,
        log=log,
    )
    async with keep(order) as engine:
        if await engine.exit_code() != 0:
            raise engine.failure()
    draft.replace(home)
    _sync_directory(home.parent)


def _options(binaries: EngineBinaries, draft: Path, *, durable: bool) -> list[str]:
    """Characters are Unicode and sorted by code point, the same on every machine and after every upgrade."""
    locale = ["--locale=C"]
    if _major_version(binaries.postgres_program("postgres")) >= _BUILTIN_LOCALES_SINCE:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [
        f"--pgdata={draft / CLUSTER}",
        f"--username={SUPERUSER}",
        f"--pwfile={draft / PASSWORD}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        *locale,
        *([] if durable else ["--no-sync"]),
    ]


def _sync_directory(directory: Path) -> None:
    """See the new name to the disk: a cluster that came back under its draft's name would be thrown away."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _major_version(postgres: Path) -> int:
    try:
        said = subprocess.run(  # noqa: S603  the operator's own program
            [postgres, "--version"], capture_output=True, text=True, timeout=_VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineFailed(f"can't run {postgres}: {error}") from None
    version = re.search(r"PostgreSQL\) (\d+)", said.stdout)
    if version is None:
        reason = (said.stderr.strip().splitlines() or ["it does not say its version"])[-1]
        raise EngineFailed(f"can't run {postgres}: {reason}")
    return int(version[1])
