"""The TypeScript client in Node, against the real service: cut off, frozen out, refused, and far behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from bench.live.resume_clients import Tally
from bench.live.resume_course import compare, run_course
from bench.live.resume_writers import Writers

from telemetra.adapters.postgres import PostgresAddress
from tests.clients.typescript.conftest import STREAM, PutWindows
from tests.clients.typescript.cut_off import CutOff
from tests.clients.typescript.node_program import node_program
from tests.clients.typescript.toolchain import needs_node
from tests.contract.proxy import Proxy
from tests.databases import connect, connected
from tests.e2e.killable import Killable, killable_service
from tests.e2e.service import run_telemetra

pytestmark = [needs_node, pytest.mark.timeout(240)]

CUTS = 100
CLIENTS = 4
MANY = 20_000


def proxy_to(killable: Killable) -> Proxy:
    address = urlsplit(killable.service.url)
    assert address.port
    return Proxy("127.0.0.1", address.port)


async def test_a_hundred_random_cuts_lose_nothing_and_double_nothing(
    killable: Killable,
    database: PostgresAddress,
    follow_script: Path,
    record_property: Callable[[str, object], None],
) -> None:
    streams = ["alpha", "beta"]
    writers = Writers(partial(connect, database), streams, writers=4, seed=6)
    await writers.prepare()
    tally = Tally()
    clients = []
    async with AsyncExitStack() as stack:
        for seat in range(CLIENTS):
            proxy = await stack.enter_async_context(proxy_to(killable))
            stream_id = streams[seat % len(streams)]
            following = node_program(follow_script, f"http://127.0.0.1:{proxy.port}", stream_id)
            program = await stack.enter_async_context(following)
            clients.append(CutOff(f"client {seat}", stream_id, program, proxy, tally, seed=seat))
        events = [(CUTS // 2, killable.kill_and_start_again)]
        await run_course(clients, writers, tally, cuts=CUTS, events=events)
        async with connected(database) as connection:
            await compare(clients, connection)
    kinds = sum((client.kinds for client in clients), Counter())
    record_property(
        "figures",
        f"Node: {tally.cuts} disconnects ({dict(kinds)}, and one SIGKILL of the service), {tally.messages} messages, "
        f"{tally.lost} lost, {tally.doubled} doubled, {tally.resets} resets",
    )
    assert tally.cuts >= CUTS
    assert killable.kills == 1
    assert (tally.lost, tally.doubled, tally.resets) == (0, 0, 0), "\n".join(tally.faults)
    assert not tally.faults


async def test_a_service_that_is_killed_and_started_again_is_found_again(
    killable: Killable, put_windows: PutWindows, follow_script: Path
) -> None:
    await put_windows(1)
    async with node_program(follow_script, killable.service.url, STREAM) as program:
        await program.until_state("live")
        await put_windows(2)
        await program.until_counted(2)
        killing = killable.kill_and_start_again()
        await put_windows(3, 4)
        await killing
        await put_windows(5)
        await program.until_counted(5)
    assert program.counts == [2, 3, 4, 5]
    assert program.resumed == [False, True]
    assert "waiting" in [status["state"] for status in program.statuses]


async def test_a_connection_that_carries_nothing_more_is_noticed_and_replaced(
    killable: Killable, put_windows: PutWindows, follow_script: Path
) -> None:
    await put_windows(1)
    async with (
        proxy_to(killable) as proxy,
        node_program(follow_script, f"http://127.0.0.1:{proxy.port}", STREAM) as program,
    ):
        await program.until_state("live")
        proxy.freeze()
        await put_windows(2)
        await program.until_counted(2)
        reasons = {status["reason"] for status in program.statuses}
    assert "nothing heard any more" in reasons
    assert (program.counts, program.resumed) == ([2], [False, True])


async def test_a_handler_that_throws_neither_stops_the_stream_nor_gets_a_message_twice(
    killable: Killable, put_windows: PutWindows, follow_script: Path
) -> None:
    await put_windows(1)
    async with (
        proxy_to(killable) as proxy,
        node_program(follow_script, f"http://127.0.0.1:{proxy.port}", STREAM, throwAt="metrics") as program,
    ):
        await program.until_state("live")
        await put_windows(2, 3)
        await program.until_counted(3)
        await proxy.cut()
        await proxy.restore()
        await put_windows(4)
        await program.until_counted(4)
    assert program.counts == [2, 3, 4]
    uncaught = [line["uncaught"] for line in program.lines if "uncaught" in line]
    assert uncaught == ["thrown at metrics"] * 3


async def test_an_unknown_stream_ends_it_with_a_typed_reason(killable: Killable, follow_script: Path) -> None:
    async with node_program(follow_script, killable.service.url, "no/such stream?") as program:
        await program.until_state("closed")
    assert program.statuses[-1]["kind"] == "stream_not_found"
    assert program.messages[-1]["code"] == "stream_not_found"
    async with node_program(follow_script, killable.service.url, "nowhere", restMs=0) as iterating:
        await iterating.until(lambda: "refused" in iterating.lines[-1] if iterating.lines else False)
    assert iterating.lines[-1] == {"refused": "stream_not_found"}


async def test_history_is_read_page_by_page_and_followed_from_exactly_there(
    killable: Killable, put_windows: PutWindows, follow_script: Path
) -> None:
    await put_windows(*range(1, 251))
    async with node_program(follow_script, killable.service.url, STREAM, historyLimit=20) as program:
        await program.until(lambda: any("history" in line for line in program.lines))
        await put_windows(251)
        await program.until_counted(251)
    rows = [line["row"]["chat_count"] for line in program.lines if "row" in line]
    assert rows == list(range(250, 0, -1))
    assert (program.counts, program.resumed) == ([251], [True])


async def test_a_reader_that_lags_behind_is_told_everything_in_bounded_memory(
    killable: Killable, put_windows: PutWindows, database: PostgresAddress, follow_script: Path
) -> None:
    await put_windows(0)
    async with node_program(follow_script, killable.service.url, STREAM, restMs=1) as program:
        await program.until_state("live")
        async with connected(database) as connection:
            await connection.execute(
                "insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, unique_chatters)"
                " select $1, start, start + interval '1 minute', number, 1 from (select number,"
                " timestamp '2026-01-01' + number * interval '1 minute' as start"
                " from generate_series(1, $2::int) as number) as minute",
                STREAM,
                MANY,
            )
        await program.until(lambda: len(set(program.counts)) == MANY, patience_seconds=200)
        heaps = [line["heap"] for line in program.lines if "heap" in line]
    assert sorted(program.counts) == list(range(1, MANY + 1))
    assert all(program.resumed[1:])
    assert "the reader lags behind" in {status["reason"] for status in program.statuses}
    assert max(heaps) < 100 * 2**20


async def test_tokens_open_it_by_tickets_and_what_they_do_not_open_is_final(
    tmp_path: Path, database: PostgresAddress, redis_url: str, put_windows: PutWindows, follow_script: Path
) -> None:
    await put_windows(1)
    tokens, lines = {}, {}
    for name, arguments in {
        "reader": [],
        "other": ["--stream", "another"],
        "writer": ["--scope", "write"],
    }.items():
        code, lines[name], told = await run_telemetra(tmp_path / "data", "token", name, *arguments)
        assert code == 0
        tokens[name] = next(word for word in told.split() if word.startswith("tlm_"))
    file = tmp_path / "tokens.toml"
    file.write_text("\n".join(lines.values()))
    file.chmod(0o600)
    serving = killable_service(tmp_path / "data", database, redis_url, API_TOKENS_FILE=str(file))
    async with serving as killable:
        url = killable.service.url
        for token, kind in {
            None: "credential",
            "tlm_made-up": "credential",
            tokens["other"]: "access",
            tokens["writer"]: "access",
        }.items():
            async with node_program(follow_script, url, STREAM, token=token) as refused:
                await refused.until_state("closed")
            assert (refused.statuses[-1]["kind"], refused.messages) == (kind, [])
        async with node_program(
            follow_script, url, STREAM, token=tokens["reader"], historyLimit=5
        ) as program:
            await program.until_state("live")
            await put_windows(2)
            await program.until_counted(2)
            await killable.kill_and_start_again()
            await put_windows(3)
            await program.until_counted(3)
            # Taken back while it listens.
            file.write_text(lines["other"])
            await program.until_state("closed")
        assert program.counts == [2, 3]
        assert program.statuses[-1]["kind"] in {"policy", "credential"}
