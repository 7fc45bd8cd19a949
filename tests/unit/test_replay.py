from __future__ import annotations

import asyncio
import gzip
import io
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from telemetra.adapters.memory import (
    MemoryDatabase,
    MemoryFeed,
    MemoryMetrics,
    MemoryMoments,
    MemoryStreams,
    MemoryWriter,
)
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.moments import Moment
from telemetra.domain.ports import StreamWriter
from telemetra.domain.queries import ReadMetrics, ReadMoments
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow, WindowSummary
from telemetra.entrypoints.cli.chat_replay import DEFAULT_START, ReplayOptions, ReplaySummary, replay_file
from telemetra.entrypoints.cli.replay import replay_command

REAL_LOGS = Path(__file__).parents[3] / "shared" / "data" / "chat"
MESSAGES = {
    "northernlion_48min.jsonl.gz": 3_090,
    "sphynx_1h.jsonl.gz": 1_846,
    "sphynx_4h.jsonl.gz": 1_941,
    "sphynx_6h.jsonl.gz": 15_862,
    "sphynx_11h.jsonl.gz": 14_250,
}
TIMEOUT_SECONDS = 30


@dataclass
class FakeTime:
    """A clock that only moves when somebody sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def clock(self) -> float:
        return self.now


class RecordingWriter:
    """Notes when each window was written; passes everything on."""

    def __init__(self, database: MemoryDatabase, time: FakeTime) -> None:
        self._writer = MemoryWriter(database)
        self._time = time
        self.written: list[tuple[float, datetime]] = []
        self.transactions = 0

    async def write(
        self, stream: Stream, windows: Sequence[WindowSummary], moments: Sequence[Moment]
    ) -> None:
        await self._writer.write(stream, windows, moments)
        self.transactions += 1
        self.written += [(self._time.now, window.window_end) for window in windows]


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def line(t: float, user: str = "ann", text: str = "hi", **fields: object) -> bytes:
    return json.dumps({"t": t, "user": user, "text": text, **fields}).encode() + b"\n"


def busy_log(seed: int = 1, minutes: int = 90) -> bytes:
    """Chat with a burst in it, viewer counts, and lines up to a minute out of order."""
    rng = Random(seed)  # noqa: S311  (test data)
    times = sorted(rng.uniform(0, minutes * 60) for _ in range(minutes * 20))
    times += [minutes * 45 + rng.uniform(0, 30) for _ in range(200)]
    lines = [(t, line(t, user=f"u{rng.randrange(50)}", text="nice LUL", emotes=["LUL"])) for t in times]
    lines += [
        (t, json.dumps({"t": t, "viewers": 100 + t}).encode() + b"\n") for t in range(0, minutes * 60, 30)
    ]
    return b"".join(text for _, text in sorted(lines, key=lambda entry: entry[0] + rng.uniform(0, 50)))


async def replay(
    path: Path,
    database: MemoryDatabase,
    *,
    writer: StreamWriter | None = None,
    time: FakeTime | None = None,
    console: Console | None = None,
    **options: Any,
) -> ReplaySummary:
    time = time or FakeTime()
    return await replay_file(
        path,
        ReplayOptions(**{"stream_id": "s"} | options),
        writer or MemoryWriter(database),
        console=console or Console(file=io.StringIO()),
        sleep=time.sleep,
        clock=time.clock,
    )


async def windows_of(database: MemoryDatabase, stream_id: str = "s") -> list[MetricWindow]:
    answer = await MemoryMetrics(database).list(ReadMetrics(stream_id=stream_id, limit=100_000))
    return list(reversed(answer.value))


async def rows_of(database: MemoryDatabase, stream_id: str = "s") -> tuple[object, ...]:
    moments = await MemoryMoments(database).list(ReadMoments(stream_id=stream_id, limit=100_000))
    stream = await MemoryStreams(database).get(stream_id)
    return stream.value, await windows_of(database, stream_id), list(moments.value)


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "chat.jsonl"


@pytest.mark.parametrize("name", MESSAGES)
async def test_every_message_of_a_real_log_is_in_one_window(name: str, database: MemoryDatabase) -> None:
    path = REAL_LOGS / name
    if not path.exists():
        pytest.skip(f"{path} is missing: the real chat logs belong beside the project")
    summary = await replay(path, database)
    windows = await windows_of(database)
    assert summary.complete
    assert summary.messages == MESSAGES[name]
    assert sum(window.chat_count for window in windows) == MESSAGES[name]
    assert summary.windows == len(windows)


@pytest.mark.parametrize("speed", [1, 60, 997.3, 1e6])
async def test_the_rows_are_the_same_at_any_speed(log_file: Path, speed: float) -> None:
    write(log_file, busy_log())
    fast, paced = MemoryDatabase(), MemoryDatabase()
    await replay(log_file, fast)
    await replay(log_file, paced, speed=speed)
    rows = await rows_of(fast)
    assert rows == await rows_of(paced)
    assert all(rows), "there are windows and moments to compare"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), size=st.integers(1, 40))
async def test_the_rows_are_the_same_in_any_batching(
    tmp_path_factory: pytest.TempPathFactory, seed: int, size: int
) -> None:
    path = tmp_path_factory.mktemp("batching") / "chat.jsonl"
    write(path, busy_log(seed, minutes=30))
    whole, batched = MemoryDatabase(), MemoryDatabase()
    await replay(path, whole)
    await replay(path, batched, windows_a_transaction=size)
    assert await rows_of(whole) == await rows_of(batched)


async def test_a_second_replay_changes_nothing(log_file: Path, database: MemoryDatabase) -> None:
    write(log_file, gzip.compress(busy_log()))
    await replay(log_file, database, title="Monday")
    position = database.position()
    summary = await replay(log_file, database, speed=100)
    assert summary.windows > 0
    assert not (await MemoryFeed(database).since("s", position, limit=10)).changes


async def test_the_stream_begins_with_the_log_and_was_updated_at_its_last_window(
    log_file: Path, database: MemoryDatabase
) -> None:
    write(log_file, line(10) + line(70))
    await replay(log_file, database, title="Monday")
    stream = (await MemoryStreams(database).get("s")).value
    assert stream == Stream(
        stream_id="s",
        title="Monday",
        created_at=DEFAULT_START,
        updated_at=DEFAULT_START + timedelta(minutes=2),
    )


async def test_without_a_title_the_stream_keeps_the_one_it_has(
    log_file: Path, database: MemoryDatabase
) -> None:
    write(log_file, line(10))
    await replay(log_file, database, title="Monday")
    await replay(log_file, database)
    assert (await MemoryStreams(database).get("s")).value.title == "Monday"


async def test_time_counts_from_the_start_that_was_given(log_file: Path, database: MemoryDatabase) -> None:
    write(log_file, line(61))
    await replay(log_file, database, start=datetime(2024, 2, 29, 23, 59, tzinfo=UTC))
    (window,) = await windows_of(database)
    assert window.window_start == datetime(2024, 3, 1, tzinfo=UTC)


async def test_at_a_given_speed_windows_are_written_as_they_close(
    log_file: Path, database: MemoryDatabase
) -> None:
    write(log_file, b"".join(line(second) for second in range(0, 1800, 5)))
    time = FakeTime()
    writer = RecordingWriter(database, time)
    await replay(log_file, database, writer=writer, time=time, speed=60)
    assert time.now == pytest.approx(1000 + 1795 / 60)
    closed = [(now, end) for now, end in writer.written if now < time.now]
    assert len(closed) > 25
    for now, end in closed:
        # A window closes a minute after its end by the log's time, when the first line after that comes.
        assert (now - 1000) * 60 == pytest.approx((end - DEFAULT_START).total_seconds() + 60, abs=6)


async def test_at_full_speed_nobody_sleeps_and_windows_go_in_together(
    log_file: Path, database: MemoryDatabase
) -> None:
    write(log_file, b"".join(line(minute * 60) for minute in range(1200)))
    time = FakeTime()
    writer = RecordingWriter(database, time)
    summary = await replay(log_file, database, writer=writer, time=time)
    assert time.slept == []
    assert (summary.windows, writer.transactions) == (1200, 3)


async def test_what_comes_too_late_is_left_out_told_and_counted(
    log_file: Path, database: MemoryDatabase
) -> None:
    write(log_file, line(10) + line(500) + line(450) + line(20) + b"oops\n")
    told = io.StringIO()
    summary = await replay(log_file, database, console=Console(file=told, width=40))
    assert (summary.messages, summary.late, summary.bad_lines, summary.complete) == (4, 1, 1, False)
    assert sum(window.chat_count for window in await windows_of(database)) == 3
    late, bad = told.getvalue().splitlines()
    assert late == f"{log_file}:4: more than a minute late: its window is closed"
    assert bad.startswith(f"{log_file}:5: not a JSON object")


async def test_bad_lines_are_told_in_full_at_first_and_then_counted(
    log_file: Path, database: MemoryDatabase
) -> None:
    write(log_file, line(1) + b"oops\n" * 25 + line(2))
    told = io.StringIO()
    summary = await replay(log_file, database, console=Console(file=told, width=40))
    assert (summary.messages, summary.bad_lines, summary.complete) == (2, 25, False)
    lines = told.getvalue().splitlines()
    assert [
        text.startswith(f"{log_file}:{number}: not a JSON object")
        for number, text in enumerate(lines[:20], 2)
    ] == [True] * 20
    assert lines[20:] == [f"{log_file}: 5 more lines could not be used"]


async def test_a_file_that_is_no_chat_log_is_told_once(log_file: Path, database: MemoryDatabase) -> None:
    write(log_file, b"seconds,user,text\n" + b"12,ann,hi\n" * 100)
    told = io.StringIO()
    summary = await replay(log_file, database, console=Console(file=told, width=40))
    assert (summary.bad_lines, summary.complete) == (101, False)
    first, rest = told.getvalue().splitlines()
    assert first.startswith(f"{log_file}:1: not a JSON object, as each line has to be, such as ")
    assert rest == f"{log_file}: 100 more lines could not be used"


async def test_before_the_first_good_line_each_reason_is_told_once_and_after_it_each_line(
    log_file: Path, database: MemoryDatabase
) -> None:
    write(log_file, b"[\n[\n{}\n" + line(1) + b"]\n]\n")
    told = io.StringIO()
    await replay(log_file, database, console=Console(file=told, width=40))
    *lines, rest = [text.removeprefix(f"{log_file}:") for text in told.getvalue().splitlines()]
    assert [text.partition(":")[0] for text in lines] == ["1", "3", "5", "6"]
    assert rest == " 1 more line could not be used"


async def test_a_terminal_shows_a_bar_of_the_file_s_bytes(log_file: Path, database: MemoryDatabase) -> None:
    write(log_file, gzip.compress(busy_log()))
    shown = io.StringIO()
    summary = await replay(
        log_file, database, console=Console(file=shown, force_terminal=True, no_color=True, width=100)
    )
    assert "100%" in shown.getvalue()
    assert f"{summary.messages:,} messages" in shown.getvalue()


async def test_an_empty_log_writes_nothing(log_file: Path, database: MemoryDatabase) -> None:
    write(log_file, b"")
    before = database.position()
    assert await replay(log_file, database) == ReplaySummary()
    assert database.position() == before


async def test_a_database_that_goes_away_ends_the_replay_with_word_of_how_far_it_came(
    log_file: Path, database: MemoryDatabase
) -> None:
    write(log_file, busy_log())
    time, told = FakeTime(), io.StringIO()

    async def sleep(seconds: float) -> None:
        await time.sleep(seconds)
        database.available = time.now < 1000 + 30 * 60

    with pytest.raises(DatabaseUnavailable):
        await replay_file(
            log_file,
            ReplayOptions(stream_id="s", speed=1),
            MemoryWriter(database),
            console=Console(file=told),
            sleep=sleep,
            clock=time.clock,
        )
    database.available = True
    newest = (await windows_of(database))[-1].window_end
    assert f"stored up to {newest:%Y-%m-%dT%H:%M:%SZ}" in told.getvalue()
    await replay(log_file, database)
    whole = MemoryDatabase()
    await replay(log_file, whole)
    assert await rows_of(database) == await rows_of(whole), "the same replay again completes it"


async def test_a_cancelled_replay_has_written_what_was_finished_and_says_how_far(
    log_file: Path, database: MemoryDatabase
) -> None:
    write(log_file, busy_log())
    time, told, stuck = FakeTime(), io.StringIO(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        await time.sleep(seconds)
        if time.now > 1000 + 30 * 60:
            stuck.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(
        replay_file(
            log_file,
            ReplayOptions(stream_id="s", speed=1),
            MemoryWriter(database),
            console=Console(file=told),
            sleep=sleep,
            clock=time.clock,
        )
    )
    await asyncio.wait_for(stuck.wait(), TIMEOUT_SECONDS)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    written = await windows_of(database)
    whole = MemoryDatabase()
    await replay(log_file, whole)
    assert written == (await windows_of(whole))[: len(written)]
    assert 27 <= len(written) <= 30
    (said,) = told.getvalue().splitlines()
    assert "interrupted at line" in said
    assert f"{written[-1].window_end:%H:%M:%SZ}" in said


# The command


@pytest.fixture
def run(database: MemoryDatabase) -> Callable[..., Result]:
    @asynccontextmanager
    async def open_writer() -> AsyncIterator[StreamWriter]:
        yield MemoryWriter(database)

    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(replay_command, [str(argument) for argument in arguments], obj=open_writer)

    return invoke


def test_the_command_sums_up_and_ends_with_0_when_all_went_in(
    run: Callable[..., Result], log_file: Path
) -> None:
    write(log_file, line(1) + line(2) + b'{"t":3,"viewers":10}\n' + line(61))
    result = run(log_file, "--stream", "s")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "s: 3 messages and 1 viewer count read" in result.stdout
    assert "stored 2 windows up to 2025-01-01T00:02:00Z and 0 moments" in result.stdout


def test_the_command_ends_with_1_when_something_was_left_out(
    run: Callable[..., Result], log_file: Path
) -> None:
    write(log_file, line(1) + b"oops\n" + line(900) + line(2))
    result = run(log_file, "--stream", "s")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{log_file}:2: not a JSON object")
    assert "left out, more than a minute late: 1" in result.stdout
    assert "left out, lines that could not be used: 1" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--stream", ""],
        ["--stream", "x" * 256],
        ["--stream", "\udcff"],
        ["--stream", "s", "--speed", "0"],
        ["--stream", "s", "--speed", "-1"],
        ["--stream", "s", "--speed", "nan"],
        ["--stream", "s", "--speed", "inf"],
        ["--stream", "s", "--speed", "fast"],
        ["--stream", "s", "--start", "yesterday"],
        ["--stream", "s", "--start", "9999-12-31T23:59:59-23:59"],
        ["--stream", "s", "--start", "1066-10-14"],
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_which_option(
    run: Callable[..., Result], log_file: Path, arguments: list[str]
) -> None:
    write(log_file, line(1))
    result = run(log_file, *arguments)
    assert result.exit_code == 2
    assert (arguments[-2] if arguments else "--stream") in result.stderr


def test_a_file_that_is_not_there_ends_with_2(run: Callable[..., Result], log_file: Path) -> None:
    result = run(log_file, "--stream", "s")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr


def test_a_database_that_is_away_is_one_line_and_ends_with_1(
    run: Callable[..., Result], log_file: Path, database: MemoryDatabase
) -> None:
    write(log_file, line(1))
    database.available = False
    result = run(log_file, "--stream", "s")
    assert result.exit_code == 1
    assert "Error: The database is not available." in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("given_start", "start"),
    [
        ("2025-06-01T20:00:00Z", datetime(2025, 6, 1, 20, tzinfo=UTC)),
        ("2025-06-01T20:00:00+02:00", datetime(2025, 6, 1, 18, tzinfo=UTC)),
        ("2025-06-01 20:00", datetime(2025, 6, 1, 20, tzinfo=UTC)),
    ],
)
async def test_the_start_may_have_any_offset_and_without_one_is_utc(
    run: Callable[..., Result], log_file: Path, database: MemoryDatabase, given_start: str, start: datetime
) -> None:
    write(log_file, line(0))
    await asyncio.to_thread(run, log_file, "--stream", "s", "--start", given_start)
    (window,) = await windows_of(database)
    assert window.window_start == start


def test_the_help_tells_the_format_the_exit_codes_and_an_example(run: Callable[..., Result]) -> None:
    shown = run("--help").output
    for wanted in (
        '{"t": 15, "viewers": 1200}',
        "2025-01-01T00:00:00Z",
        "telemetra replay monday.jsonl.gz",
        "130",
    ):
        assert wanted in shown


# The command as a process of its own

DRIVER = """
from contextlib import asynccontextmanager
from telemetra.adapters.memory import MemoryDatabase, MemoryWriter
from telemetra.entrypoints.cli.replay import replay_command

@asynccontextmanager
async def open_writer():
    yield MemoryWriter(MemoryDatabase())

replay_command(obj=open_writer)
"""


@pytest.fixture
def spawn() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_standard_input_is_read_when_the_file_is_a_dash(
    spawn: Callable[..., subprocess.Popen[bytes]],
) -> None:
    process = spawn("-", "--stream", "s")
    output, errors = process.communicate(gzip.compress(line(1) + b"oops\n" + line(2)), TIMEOUT_SECONDS)
    assert process.returncode == 1
    assert b"s: 2 messages" in output
    assert errors.startswith(b"-:2: not a JSON object")


def test_ctrl_c_ends_with_130_and_one_line(
    spawn: Callable[..., subprocess.Popen[bytes]], log_file: Path
) -> None:
    # The bad line is told just before a wait of 86 s, for the message of a day later.
    write(log_file, line(0) + line(300) + b"oops\n" + line(300 + 86_000))
    process = spawn(log_file, "--stream", "s", "--speed", "1000")
    assert process.stderr
    assert b":3: not a JSON object" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 130
    assert output == b""
    assert errors.decode().splitlines() == [
        f"{log_file}: interrupted at line 4; stored up to 2025-01-01T00:04:00Z. Run it again to complete it."
    ]


def test_ctrl_c_that_ends_the_pipe_too_does_not_write_the_window_that_was_still_open(
    spawn: Callable[..., subprocess.Popen[bytes]],
) -> None:
    process = spawn("-", "--stream", "s")
    assert process.stdin
    assert process.stderr
    process.stdin.write(line(0) + line(300) + b"oops\n")
    process.stdin.flush()
    assert b"-:3: not a JSON object" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 130
    assert output == b""
    assert b"interrupted at line 3; stored up to 2025-01-01T00:04:00Z" in errors
