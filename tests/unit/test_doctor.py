"""The command `telemetra doctor`: what it finds in settings and on this machine, how it shows it, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import StringIO
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from telemetra.domain.encryption_findings import judge_encryption
from telemetra.domain.findings import Finding, Status, look, note, ok, problem, warning
from telemetra.entrypoints.cli import main
from telemetra.entrypoints.cli.doctor_checks import check_port, check_versions
from telemetra.entrypoints.cli.doctor_display import DoctorDisplay, findings_json
from telemetra.entrypoints.cli.doctor_settings import check_settings
from telemetra.entrypoints.cli.tail_display import LinesConsole
from telemetra.logging import configure_logging
from telemetra.settings import Settings


@pytest.fixture(autouse=True)
def directory_without_settings(tmp_path: Path) -> Iterator[None]:
    """The command reads `.env` where it is started."""
    with contextlib.chdir(tmp_path):
        yield


@pytest.fixture(autouse=True)
def own_level() -> Iterator[None]:
    """The command quiets its process; loggers keep the level at which they were first used."""
    yield
    configure_logging()


def statuses(findings: list[Finding]) -> dict[str, Status]:
    return {each.check: each.status for each in findings if each.status is not Status.OK}


# A check


async def test_a_check_that_breaks_is_a_finding_without_the_error_s_text() -> None:
    async def broken() -> list[Finding]:
        raise ValueError("redis://:hunter2@host")

    (finding,) = await look("a.check", broken())
    assert (finding.check, finding.status) == ("a.check", Status.WARNING)
    assert "ValueError at broken:" in finding.found
    assert "hunter2" not in str(finding)


async def test_a_check_that_hangs_is_a_finding_after_its_time() -> None:
    async def hanging() -> list[Finding]:
        await asyncio.Event().wait()
        return []

    (finding,) = await look("a.check", hanging(), seconds=0.01)
    assert (finding.status, finding.found) == (Status.WARNING, "no answer within 0.01 s")


# Settings


async def test_settings_that_go_together_are_in_order() -> None:
    assert statuses(await check_settings(Settings(live_max_listeners=10))) == {}


@pytest.mark.parametrize(("host", "status"), [("10.0.0.5", Status.WARNING), ("127.0.0.1", Status.NOTE)])
async def test_debug_is_worse_where_others_can_see_it(host: str, status: Status) -> None:
    found = await check_settings(Settings(debug=True, host=host, live_max_listeners=10))
    assert statuses(found) == {"settings.debug": status}


async def test_every_origin_is_a_warning() -> None:
    found = await check_settings(Settings(cors_origins=("*",), live_max_listeners=10))
    assert statuses(found) == {"settings.origins": Status.WARNING}


async def test_more_listeners_than_open_files_allow_is_a_warning() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = (1_048_576 if hard == resource.RLIM_INFINITY else min(hard, 1_048_576)) - 256
    assert statuses(await check_settings(Settings(live_max_listeners=most))) == {}
    found = await check_settings(Settings(live_max_listeners=most + 1))
    assert statuses(found) == {"settings.listeners": Status.WARNING}
    assert f"LIVE_MAX_LISTENERS={most}." in found[-1].advice


async def test_what_was_overlooked_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTGRES_HOTS=db\n")
    (finding,) = [
        each for each in await check_settings(Settings(live_max_listeners=10)) if each.status is not Status.OK
    ]
    assert (finding.check, "did you mean POSTGRES_HOST?" in finding.found) == ("settings.overlooked", True)


# The address


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@asynccontextmanager
async def stranger(answer: bytes | None) -> AsyncIterator[int]:
    """Something that answers every request with this, or never."""
    writers = []

    async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while answer is not None and await reader.readuntil(b"\r\n\r\n"):
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + answer)
            await writer.drain()
            writer.close()
            return

    server = await asyncio.start_server(call, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


async def test_a_free_port_is_free_afterwards_too(free_port: int) -> None:
    for _ in range(2):
        assert statuses(await check_port(Settings(port=free_port))) == {}
    assert statuses(await check_port(Settings(port=0))) == {}


@pytest.mark.parametrize(
    "answer", [None, b"hello", b"[1]", b'{"name": "Telemetra", "version": "1"}', b"\xff"]
)
async def test_a_port_that_a_stranger_has_is_a_problem(answer: bytes | None) -> None:
    async with stranger(answer) as port, asyncio.timeout(10):
        (finding,) = await check_port(Settings(port=port))
    assert (finding.check, finding.status) == ("port.listen", Status.PROBLEM)
    assert f"sport = :{port}" in finding.advice


async def test_a_telemetra_of_another_version_is_a_note() -> None:
    index = {"name": "Mine", "version": "0.0.1", "links": {"live": "/ws/live/{stream_id}"}}
    async with stranger(json.dumps(index).encode()) as port, asyncio.timeout(10):
        found = await check_port(Settings(port=port))
    assert statuses(found) == {"port.listen": Status.NOTE, "port.health": Status.PROBLEM}


async def test_an_address_of_another_machine_is_a_problem() -> None:
    (finding,) = await check_port(Settings(host="192.0.2.1", port=8000))
    assert finding.status is Status.PROBLEM
    assert "HOST" in finding.advice


async def test_what_makes_it_fast_is_there() -> None:
    assert statuses(await check_versions()) == {}


# Encryption


@pytest.mark.parametrize(
    ("version", "host", "is_verified", "status"),
    [
        (None, "127.0.0.1", False, Status.OK),
        (None, "10.0.0.5", False, Status.NOTE),
        (None, "8.8.8.8", False, Status.WARNING),
        ("TLSv1.3", "10.0.0.5", False, Status.OK),
        ("TLSv1.3", "8.8.8.8", False, Status.NOTE),
        ("TLSv1.3", "8.8.8.8", True, Status.OK),
    ],
)
def test_encryption_counts_by_how_far_it_goes(
    version: str | None,
    host: str,
    is_verified: bool,  # noqa: FBT001  (a parameter of a table)
    status: Status,
) -> None:
    finding = judge_encryption(
        "redis.encryption",
        version,
        [ip_address(host)],
        is_verified=is_verified,
        encrypt="encrypt",
        verify="verify",
    )
    assert (finding.check, finding.status) == ("redis.encryption", status)
    if status is not Status.OK:
        assert finding.advice == ("verify" if version else "encrypt")


# What is shown

FINDINGS = [
    ok("settings.values", "all can be used"),
    note("settings.debug", "a note"),
    warning("postgres.max_things", "a warning", "do this"),
    problem("postgres.schema", "a problem", "first;\nthen"),
]


def shown(*findings: Finding, colour: bool = False, width: int = 80) -> str:
    out = StringIO()
    display = DoctorDisplay(
        LinesConsole(file=out, force_terminal=colour, no_color=not colour, width=width, legacy_windows=False)
    )
    display.show(findings)
    display.sum_up(findings)
    return out.getvalue()


def test_a_line_a_check_in_groups_with_what_to_do_below() -> None:
    assert shown(*FINDINGS).splitlines() == [
        "Settings",
        "  ok       settings.values        all can be used",
        "  note     settings.debug         a note",
        "",
        "PostgreSQL",
        "  warning  postgres.max_things    a warning",
        "           -> do this",
        "  problem  postgres.schema        a problem",
        "           -> first;",
        "           -> then",
        "",
        "1 problem, 1 warning.",
    ]


def test_without_problems_it_says_so() -> None:
    assert shown(FINDINGS[0]).splitlines()[-1] == "No problems."
    assert shown(FINDINGS[2], FINDINGS[2]).splitlines()[-1] == "No problems, 2 warnings."


def test_in_a_terminal_what_is_long_stays_in_its_column_and_is_coloured() -> None:
    lines = shown(warning("postgres.x", "word " * 30, "word " * 30), colour=True).splitlines()
    assert "\x1b[1;33m" in lines[1]
    assert lines[2].startswith(" " * 34 + "word")
    assert lines[6].startswith(" " * 14 + "word")
    assert max(map(len, lines[2:4])) <= 80


def test_text_from_outside_moves_no_cursor() -> None:
    assert "\x1b" not in shown(problem("postgres.x", "a\x1b[2Jb [bold]", "c\x9bd"))
    assert "[bold]" in shown(problem("postgres.x", "a\x1b[2Jb [bold]", "c"))


def test_as_json_each_finding_is_an_object() -> None:
    assert json.loads(findings_json(FINDINGS))[2] == {
        "check": "postgres.max_things",
        "status": "warning",
        "found": "a warning",
        "advice": "do this",
    }


# The command


def run(tmp_path: Path, *arguments: str, **settings: str) -> Result:
    environment: dict[str, Any] = {
        "TELEMETRA_DATA_DIR": str(tmp_path / "data"),
        "PORT": "0",
        "LIVE_MAX_LISTENERS": "10",
        **settings,
    }
    return CliRunner().invoke(main, ["doctor", *arguments], env=environment)


def test_where_nothing_runs_yet_there_is_no_problem(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert result.output.count("`telemetra serve` starts") == 3
    assert "No problems" in result.output
    assert not (tmp_path / "data").exists()


def test_every_setting_that_can_t_be_used_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("this is no line\nPOSTGRES_HOTS=db\n")
    result = run(
        tmp_path, "--json", PORT="many", REDIS_URL="redis://:hunter2", POSTGRES_HOST="postgres://u:hunter2@db"
    )
    found = json.loads(result.output)
    problems = [each["found"].partition(":")[0] for each in found if each["status"] == "problem"]
    assert problems == [".env, line 1", "PORT", "POSTGRES_HOST", "REDIS_URL"]
    assert [each["check"] for each in found if each["status"] == "warning"] == ["settings.overlooked"]
    assert all(each["advice"] for each in found if each["status"] in {"problem", "warning"})
    assert "hunter2" not in result.output
    assert result.exit_code == 1


def test_what_is_away_is_a_problem_without_a_traceback(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        POSTGRES_HOST="127.0.0.1",
        POSTGRES_PORT="1",
        POSTGRES_PASSWORD="hunter2",
        REDIS_URL="redis://:hunter2@127.0.0.1:1",
    )
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "2 problems."
    assert "Traceback" not in result.output
    assert "hunter2" not in result.output
