"""A database that a service can't begin with: the start fails in time, with one line, and without a secret in it."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

import pytest

from telemetra.adapters.postgres import PostgresAddress
from tests.e2e.service import external, run_telemetra

START_SECONDS = 10.0
PROGRAM_SECONDS = 1.0
"""What the program itself takes of it, before it asks the database and afterwards."""
PASSWORD = "s3cret-of-the-test"
LOOPBACK = "127.0.0.1"

Settings: TypeAlias = dict[str, str]
Fault: TypeAlias = Callable[[ExitStack], Settings]


def wrong_password(_: ExitStack) -> Settings:
    return {"POSTGRES_PASSWORD": PASSWORD}


def unknown_role(_: ExitStack) -> Settings:
    return {"POSTGRES_USER": "nobody-at-all", "POSTGRES_PASSWORD": PASSWORD}


def missing_database(_: ExitStack) -> Settings:
    return {"POSTGRES_DB": "nowhere"}


def unknown_host(_: ExitStack) -> Settings:
    return {"POSTGRES_HOST": "no-such-host.invalid"}


def nobody_listens(stack: ExitStack) -> Settings:
    reserved = stack.enter_context(socket.socket())
    reserved.bind((LOOPBACK, 0))
    return {"POSTGRES_PORT": str(reserved.getsockname()[1])}


def never_answers(stack: ExitStack) -> Settings:
    silent = stack.enter_context(socket.create_server((LOOPBACK, 0)))
    return {"POSTGRES_PORT": str(silent.getsockname()[1])}


def unreachable(stack: ExitStack) -> Settings:
    """As behind a firewall that drops what it does not let through: nobody answers the first packet."""
    full = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=0))
    port = full.getsockname()[1]
    for _ in range(8):
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)  # noqa: FBT003  (that is how it is called)
        with suppress(BlockingIOError):
            waiting.connect((LOOPBACK, port))
    return {"POSTGRES_PORT": str(port)}


@contextmanager
def faulty(fault: Fault) -> Iterator[Settings]:
    with ExitStack() as stack:
        yield fault(stack)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (wrong_password, "password authentication failed"),
        (unknown_role, "nobody-at-all"),
        (missing_database, '"nowhere" does not exist'),
        (unknown_host, "no-such-host.invalid"),
        (nobody_listens, "can't be reached"),
        (never_answers, "no answer in time"),
        (unreachable, "no answer in time"),
    ],
)
@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("migrate",)], ids=["serve", "migrate"])
async def test_it_is_told_in_one_line_in_time(
    fault: Fault,
    told: str,
    command: tuple[str, ...],
    tmp_path: Path,
    database: PostgresAddress,
    redis_url: str,
) -> None:
    with faulty(fault) as changes:
        settings = external(database, redis_url) | changes
        await assert_told(told, settings, tmp_path, *command)


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("migrate",)], ids=["serve", "migrate"])
async def test_a_resolver_that_does_not_answer_is_not_waited_for(
    command: tuple[str, ...], tmp_path: Path, database: PostgresAddress, redis_url: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(_SILENT_RESOLVER)
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    settings = external(database, redis_url) | {"POSTGRES_HOST": "silence.invalid", "PYTHONPATH": paths}
    await assert_told("no answer in time", settings, tmp_path, *command)


# In the place of the machine's own, which a test can't have fall silent.
_SILENT_RESOLVER = """
import socket, time
ask = socket.getaddrinfo
def ask_and_wait(host, *arguments, **options):
    if host == "silence.invalid":
        time.sleep(30)
    return ask(host, *arguments, **options)
socket.getaddrinfo = ask_and_wait
"""


async def assert_told(told: str, settings: Settings, home: Path, *command: str) -> None:
    began = time.monotonic()
    code, out, error = await run_telemetra(home / "data", *command, **settings)
    seconds = time.monotonic() - began
    if seconds >= START_SECONDS:
        # A machine that is busy with other tests makes a program slow that waits for nobody.
        began = time.monotonic()
        await run_telemetra(home / "data", "openapi")
        seconds -= time.monotonic() - began - PROGRAM_SECONDS
    assert seconds < START_SECONDS
    assert (code, out) == (1, "")
    (line,) = error.splitlines()
    if command[0] == "serve":
        event = json.loads(line)
        assert (event["level"], event["event"]) == ("error", "service_failed")
        line = event["reason"]
    assert line.removeprefix("Error: ").startswith("PostgreSQL at ")
    assert told in line
    where = (settings["POSTGRES_HOST"], settings["POSTGRES_PORT"], settings["POSTGRES_DB"])
    assert all(part in line for part in where)
    assert not any(secret in line for secret in (PASSWORD, settings["POSTGRES_PASSWORD"]))
