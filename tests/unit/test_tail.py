"""The command `telemetra tail`: what it shows, what it says of the connection, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from telemetra.entrypoints.cli import main
from telemetra.entrypoints.cli.tail_display import LinesConsole, TailDisplay, printable
from tests.unit.scripted_server import (
    PATIENCE_SECONDS,
    Conversation,
    connected,
    keep_silent,
    message,
    metrics,
    moment,
    playing,
    problem,
    refuse,
    repeat,
    snapshot,
    stream,
    talk,
    window,
)

DAY = "2026-01-01, times in UTC"
HOSTILE = "a\x1b]0;owned\x07\r\n\x9b2J\u202eb"
VISIBLE = r"a\x1b]0;owned\x07\r\n\x9b2J\u202eb"


def shown(*messages: dict[str, Any] | str, colour: bool = False) -> list[str]:
    """Return the lines that the display makes of these messages."""
    out = StringIO()
    display = TailDisplay(LinesConsole(file=out, force_terminal=colour, no_color=not colour, width=40))
    for each in messages:
        display.show(each if isinstance(each, str) else json.dumps(each))
    return out.getvalue().splitlines()


# What is shown


def test_a_window_is_one_line() -> None:
    assert shown(metrics("p", 3)) == [
        DAY,
        "12:03:00-12:04:00     90 chat   1.5/s    40 chatters  1,234 viewers  mood +0.25  KEKW LUL",
    ]


def test_what_a_window_does_not_know_is_a_dash() -> None:
    bare = metrics("p", avg_sentiment=None, chat_rate=None, avg_viewers=None, z_score=None, top_emotes=[])
    assert shown(bare)[-1] == (
        "12:00:00-12:01:00     90 chat     -/s    40 chatters      - viewers  mood     -"
    )


def test_an_anomaly_is_marked_and_only_the_first_emotes_are_named() -> None:
    spike = metrics("p", chat_count=12_345, z_score=7.25, is_anomaly=True, top_emotes=list("abcdefgh"))
    line = shown(spike)[-1]
    assert "12,345 chat" in line
    assert line.endswith("  ! z +7.2  a b c")


def test_a_moment_tells_its_description() -> None:
    assert shown(message("moment", "p", data=moment(3))) == [
        DAY,
        "12:03:00  *** chat spike: Chat jumped to 420 messages, where about 38 were usual. (z +7.2)",
    ]


def test_a_moment_without_a_description_tells_what_was_measured() -> None:
    bare = moment(3, description=None, z_score=None)
    line = shown(message("moment", "p", data=bare))[-1]
    assert line == "12:03:00  *** chat spike: chat_count 420, threshold 90.5"


def test_a_snapshot_is_its_title_and_the_newest_windows_with_their_moments_time_flowing_downwards() -> None:
    windows = [window(minute) for minute in range(30, 10, -1)]
    lines = shown(snapshot("p", title="Monday", windows=windows, moments=[moment(29), moment(12)]))
    assert lines[:2] == ["title: Monday", DAY]
    assert [line[:8] for line in lines[2:]] == [
        *(f"12:{minute}:00" for minute in range(21, 30)),
        "12:29:00",
        "12:30:00",
    ]
    assert "***" in lines[11]


def test_a_stream_that_nobody_described_has_no_title() -> None:
    assert shown(message("snapshot", "p", stream=None, metrics=[], moments=[])) == ["title: -"]


def test_a_title_is_told_when_it_changes_and_not_when_the_row_was_only_touched() -> None:
    assert shown(
        snapshot("p", title="Monday"),
        message("stream", "p", data=stream("Monday")),
        message("stream", "p", data=stream("Tuesday")),
        message("stream", "p", data=stream("Tuesday")),
        message("stream", "p", data=stream(None)),
    ) == ["title: Monday", "title: Tuesday", "title: -"]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"all": True}, "removed: a whole table was emptied; some of the above is gone"),
        ({"stream": True}, "removed: the stream's own row"),
        ({"moment_id": "x"}, "removed: the moment x"),
        (
            {"window": {"window_start": "2026-01-01T12:00:00Z", "window_end": "2026-01-01T12:01:00Z"}},
            "removed: the window 2026-01-01 12:00:00-12:01:00",
        ),
    ],
)
def test_a_removal_says_what_is_gone(data: dict[str, Any], line: str) -> None:
    assert shown(message("removed", "p", data=data)) == [line]


def test_each_day_is_named_once() -> None:
    lines = shown(
        metrics("p", 1),
        metrics("p", 2),
        metrics("p", window_start="2026-01-02T00:00:00Z", window_end="2026-01-02T00:01:00Z"),
    )
    assert [line for line in lines if "UTC" in line] == [DAY, "2026-01-02, times in UTC"]


def test_what_concerns_the_connection_alone_is_not_shown() -> None:
    assert (
        shown(
            connected(),
            message("heartbeat", "p"),
            message("pong"),
            message("error", code="server_restarting", detail="The server goes away."),
        )
        == []
    )


@pytest.mark.parametrize("kind", ["from_the_future", "metrics"])
def test_a_message_that_this_version_can_t_read_is_shown_raw(kind: str) -> None:
    strange = json.dumps(message(kind, "p", data=1))
    assert shown(strange) == [strange]


def test_nothing_from_outside_reaches_the_terminal_as_a_command() -> None:
    lines = shown(
        snapshot("p", title=HOSTILE, windows=[window(top_emotes=[HOSTILE, "[bold]"])]),
        message("moment", "p", data=moment(description=HOSTILE)),
        message("moment", "p", data=moment(description=None, metric_name=HOSTILE)),
        message("removed", "p", data={"moment_id": HOSTILE}),
        # A terminal takes U+009B for an escape too, and JSON may hold it as it is.
        '{"type":"from_the_future\x9b2J"}',
    )
    text = "\n".join(lines)
    assert text.count(VISIBLE) == 5
    assert r"from_the_future\x9b2J" in text
    assert "[bold]" in text
    assert all(line.isprintable() for line in lines)


def test_on_a_terminal_the_only_commands_are_colours() -> None:
    lines = shown(snapshot("p", title=HOSTILE, windows=[window(is_anomaly=True, z_score=4)]), colour=True)
    pieces = "\n".join(lines).split("\x1b[")
    assert len(pieces) > 4
    assert all(piece.partition("m")[0].replace(";", "").isdigit() for piece in pieces[1:])


def test_text_stays_readable_in_any_script_and_ends_somewhere() -> None:
    assert printable("Ünï 日本 👩‍👩‍👧") == "Ünï 日本 👩‍👩‍👧"
    assert len(printable("x" * 10_000)) == 300


# The command


async def tail(*arguments: str, **environment: str) -> Result:
    """Run the command to its end."""
    none: dict[str, str | None] = dict.fromkeys(("LOG_LEVEL", "LOG_FORMAT", "HOST", "PORT"))
    runner = CliRunner(env=none | environment)
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await asyncio.to_thread(runner.invoke, main, ["tail", *arguments])


async def test_it_shows_a_stream_and_what_came_of_the_connection() -> None:
    async with playing(
        talk(connected("p0"), snapshot("p1", windows=[window(1)])),
        refuse(HTTPStatus.BAD_GATEWAY),
        talk(connected("p1", resumed=True), metrics("p2", 2), code=1012, reason="reconnect_after_ms=1"),
        talk(connected("p2", resumed=True), code=1011, reason="fault\x1b"),
        talk(connected("p3"), snapshot("p3", title="Restored"), code=4404, reason="gone\x1b"),
    ) as server:
        result = await tail("s", "--url", server.url)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert (lines[:2], lines[-1]) == (["title: A title", DAY], "title: Restored")
    assert [line[:8] for line in lines[2:-1]] == ["12:01:00", "12:02:00"]
    lost, back, restarting, back_again, fault, anew, end = result.stderr.splitlines()
    assert lost.startswith("connection lost (cut off); reconnecting in 0.")
    assert back == back_again == "back, resumed exactly"
    assert restarting == "connection lost (1012: the server restarts); reconnecting in 0.00 s"
    assert fault.startswith(r"connection lost (1011: fault\x1b); reconnecting in ")
    assert anew == "back; what was missed cannot be told, snapshot follows"
    assert end == r"Error: The server ends it (4404: gone\x1b)."


async def test_json_is_every_message_unchanged_a_line_each() -> None:
    sent = [
        connected("p0"),
        snapshot("p1", title="Ünï \x1b"),
        message("heartbeat", "p2"),
        metrics("p3"),
        message("from_the_future", "p4"),
        message("error", code="stream_not_found", detail="There is no stream 's'."),
    ]
    async with playing(talk(*sent, code=4404)) as server:
        result = await tail("s", "--url", server.url, "--json")
    assert result.stdout_bytes.decode() == "".join(f"{json.dumps(each)}\n" for each in sent)
    assert result.stderr == "Error: The server ends it (4404: There is no stream 's').\n"


async def test_json_with_line_breaks_in_it_is_one_line_all_the_same() -> None:
    pretty = json.dumps(connected("p0"), indent=2).replace("\n", "\r\n")
    async with playing(talk(pretty, code=4404)) as server:
        result = await tail("s", "--url", server.url, "--json")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [connected("p0")]


async def test_a_position_that_is_of_no_use_is_told() -> None:
    async with playing(talk(connected("p1"), snapshot("p1"), code=4404)) as server:
        result = await tail("s", "--url", server.url, "--since", "elsewhere")
    assert server.targets == ["/ws/live/s?since=elsewhere"]
    assert result.stderr.splitlines()[0] == ("connected; what was missed cannot be told, snapshot follows")


async def test_nothing_is_said_of_a_connection_that_is_as_asked_for() -> None:
    async with playing(
        talk(connected("p1", resumed=True), code=4404),
        talk(connected("p1"), snapshot("p1"), code=4404),
    ) as server:
        resumed = await tail("s", "--url", server.url, "--since", "p1")
        fresh = await tail("s", "--url", server.url)
    assert len(resumed.stderr.splitlines()) == len(fresh.stderr.splitlines()) == 1


async def test_a_service_that_is_not_there_yet_is_waited_for() -> None:
    async with playing(
        *[refuse(HTTPStatus.SERVICE_UNAVAILABLE, Retry_After="0")] * 3,
        talk(connected("p1"), snapshot("p1"), code=4404),
    ) as server:
        result = await tail("s", "--url", server.url)
    said = result.stderr.splitlines()
    address = server.url.removeprefix("http://")
    assert said[:2] == [f"no connection to {address} (HTTP 503); trying again in 0.00 s", "connected"]
    assert len(said) == 3


async def test_without_a_url_the_service_is_looked_for_where_the_settings_say() -> None:
    async with playing(talk(connected("p0"), code=4404)) as server:
        port = server.url.rpartition(":")[2]
        result = await tail("a/b", HOST="0.0.0.0", PORT=port)  # noqa: S104  (all addresses: the command takes one)
    assert result.exit_code == 1
    assert server.targets == ["/ws/live/a%2Fb"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "STREAM"),
        ([""], "STREAM"),
        (["\udcff"], "STREAM"),
        (["s", "--url", "localhost:8000"], "--url"),
        (["s", "--url", ""], "--url"),
        (["s", "--url", "http://h/\udcff"], "--url"),
        (["s", "--since", "\udcff"], "--since"),
        (["s", "--since", ""], "--since"),
    ],
)
async def test_a_wrong_command_line_ends_with_2_and_says_what(arguments: list[str], named: str) -> None:
    result = await tail(*arguments)
    assert result.exit_code == 2
    assert named in result.stderr


async def test_the_help_tells_the_exit_codes_and_an_example() -> None:
    result = await tail("--help")
    for wanted in ("telemetra tail demo", "--json | jq", "Exit code", "130"):
        assert wanted in result.output


# The command as a process of its own


@asynccontextmanager
async def spawned(
    tmp_path: Path, *arguments: str, stdout: int = asyncio.subprocess.PIPE, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    kept = ("PATH", "LANG", "COVERAGE_PROCESS_CONFIG")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telemetra", "tail", *arguments),
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        env={name: os.environ[name] for name in kept if name in os.environ}
        | {"HOME": str(tmp_path)}
        | environment,
        cwd=tmp_path,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    """Return what a process still prints until its end."""
    return await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)


@pytest.mark.parametrize(
    "conversation",
    [
        keep_silent(connected(), snapshot("p1")),
        talk(connected(), snapshot("p1"), code=1012, reason="reconnect_after_ms=100000"),
    ],
    ids=["listening", "waiting"],
)
async def test_ctrl_c_ends_with_130_and_no_word(tmp_path: Path, conversation: Conversation) -> None:
    async with playing(conversation) as server, spawned(tmp_path, "s", "--url", server.url) as process:
        assert process.stdout
        first = await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS)
        assert first == b"title: A title\n"
        process.send_signal(signal.SIGINT)
        output, errors = await ended(process)
    assert (process.returncode, output) == (130, b"")
    assert [line for line in errors.splitlines() if not line.startswith(b"connection lost")] == []


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["lines", "json"])
async def test_a_reader_that_has_enough_ends_it_quietly(tmp_path: Path, options: list[str]) -> None:
    reader, writer = os.pipe()
    async with (
        playing(repeat(metrics("p1"))) as server,
        spawned(tmp_path, "s", "--url", server.url, *options, stdout=writer) as process,
    ):
        os.close(writer)
        assert await asyncio.wait_for(asyncio.to_thread(os.read, reader, 100), PATIENCE_SECONDS)
        os.close(reader)
        _, errors = await ended(process)
    assert (process.returncode, errors) == (0, b"")


async def test_a_terminal_or_pipe_without_unicode_gets_escapes(tmp_path: Path) -> None:
    async with (
        playing(talk(connected(), snapshot("p1", title="日本"), code=4404)) as server,
        spawned(tmp_path, "s", "--url", server.url, PYTHONIOENCODING="ascii") as process,
    ):
        output, errors = await ended(process)
    assert output == rb"title: \u65e5\u672c" + b"\n"
    assert b"Traceback" not in errors


async def test_a_token_is_shown_to_a_service_that_asks_for_one() -> None:
    async with playing(talk(connected("p0"), code=4404), talk(connected("p0"), code=4404)) as server:
        await tail("s", "--url", server.url, TELEMETRA_TOKEN="tlm_secret")
        await tail("s", "--url", server.url)
    shown = [request.headers.get("Authorization") for request in server.requests]
    assert shown == ["Bearer tlm_secret", None]


async def test_what_a_problem_says_is_told() -> None:
    async with playing(problem(HTTPStatus.FORBIDDEN, "The token is not for this stream.")) as server:
        result = await tail("s", "--url", server.url)
    assert result.exit_code == 1
    assert "HTTP 403: The token is not for this stream." in result.stderr


@pytest.mark.parametrize(
    ("code", "environment", "told"),
    [
        ("credential_missing", {}, "The service asks for a token: set TELEMETRA_TOKEN."),
        ("credential_missing", {"TELEMETRA_TOKEN": ""}, "The service asks for a token: set TELEMETRA_TOKEN."),
        (
            "credential_invalid",
            {"TELEMETRA_TOKEN": "tlm_old"},
            "The service refuses the token in TELEMETRA_TOKEN: This token is not known here, or no longer.",
        ),
    ],
)
async def test_a_token_that_is_missing_or_refused_is_told_by_the_name_of_the_setting(
    code: str, environment: dict[str, str], told: str
) -> None:
    detail = "This token is not known here, or no longer."
    async with playing(problem(HTTPStatus.UNAUTHORIZED, detail, code=code)) as server:
        result = await tail("s", "--url", server.url, **environment)
    assert (result.exit_code, result.stderr) == (1, f"Error: {told}\n")


async def test_a_proxy_that_asks_for_a_password_is_not_taken_for_the_service() -> None:
    async with playing(refuse(HTTPStatus.UNAUTHORIZED)) as server:
        result = await tail("s", "--url", server.url)
    assert "HTTP 401 and does not open the live socket" in result.stderr
