"""The TypeScript client in a real browser, against the real service: cut off, offline, frozen, refused."""

from __future__ import annotations

import asyncio
import time
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
from tests.clients.typescript.browser import following_page, needs_browser
from tests.clients.typescript.conftest import STREAM, PutWindows
from tests.clients.typescript.cut_off import CutOff
from tests.clients.typescript.told import Told
from tests.clients.typescript.toolchain import needs_node
from tests.contract.proxy import Proxy
from tests.databases import connect, connected
from tests.e2e.killable import Killable, killable_service
from tests.e2e.service import run_telemetra

pytestmark = [pytest.mark.browser, needs_node, needs_browser, pytest.mark.timeout(240)]

CUTS = 100
CLIENTS = 4
HEARTBEAT_SECONDS = 1
"""The service's, as `killable` has it."""
ANSWER_SECONDS = 4
"""The client's, for the answer to its ping."""
LONG_WAIT_SECONDS = 8


def proxy_to(killable: Killable) -> Proxy:
    address = urlsplit(killable.service.url)
    assert address.port
    return Proxy("127.0.0.1", address.port)


def _wait_seconds(told: Told) -> float:
    """Return how long the follower is about to wait."""
    return float(told.statuses[-1]["retryAt"]) / 1000 - time.time()


async def test_a_hundred_random_cuts_lose_nothing_and_double_nothing(
    killable: Killable,
    database: PostgresAddress,
    page_script: Path,
    record_property: Callable[[str, object], None],
) -> None:
    streams = ["alpha", "beta"]
    writers = Writers(partial(connect, database), streams, writers=4, seed=7)
    await writers.prepare()
    tally = Tally()
    clients = []
    async with AsyncExitStack() as stack:
        page = await stack.enter_async_context(following_page(page_script))
        for seat in range(CLIENTS):
            proxy = await stack.enter_async_context(proxy_to(killable))
            stream_id = streams[seat % len(streams)]
            told = await page.follow(f"client {seat}", f"http://127.0.0.1:{proxy.port}", stream_id)
            clients.append(CutOff(f"client {seat}", stream_id, told, proxy, tally, seed=seat))
        events = [(CUTS // 2, killable.kill_and_start_again)]
        await run_course(clients, writers, tally, cuts=CUTS, events=events)
        async with connected(database) as connection:
            await compare(clients, connection)
    kinds = sum((client.kinds for client in clients), Counter())
    record_property(
        "figures",
        f"Browser: {tally.cuts} disconnects ({dict(kinds)}, and one SIGKILL of the service), {tally.messages} messages, "
        f"{tally.lost} lost, {tally.doubled} doubled, {tally.resets} resets",
    )
    assert tally.cuts >= CUTS
    assert (tally.lost, tally.doubled, tally.resets) == (0, 0, 0), "\n".join(tally.faults)
    assert not tally.faults


async def test_a_service_that_is_killed_and_started_again_is_found_again_without_a_reload(
    killable: Killable, put_windows: PutWindows, page_script: Path
) -> None:
    await put_windows(1)
    async with following_page(page_script) as page:
        told = await page.follow("one", killable.service.url, STREAM)
        await told.until_state("live")
        await put_windows(2)
        await told.until_counted(2)
        killing = asyncio.ensure_future(killable.kill_and_start_again())
        await told.until_state("waiting")
        await put_windows(3)
        await killing
        await put_windows(4)
        await told.until_counted(4)
    assert (told.counts, told.resumed) == ([2, 3, 4], [False, True])


async def test_a_network_that_goes_away_and_returns_is_noticed_at_once(
    killable: Killable, put_windows: PutWindows, page_script: Path
) -> None:
    await put_windows(1)
    async with following_page(page_script) as page:
        told = await page.follow("one", killable.service.url, STREAM)
        await told.until_state("live")
        await page.set_offline(offline=True)
        # The browser may leave sockets be that are open: what comes over them counts.
        await put_windows(2)
        await page.set_offline(offline=False)
        await put_windows(3)
        await told.until_counted(3)
    assert told.counts == [2, 3]


async def test_a_connection_that_carries_nothing_more_is_replaced_when_the_network_returns(
    killable: Killable, put_windows: PutWindows, page_script: Path
) -> None:
    await put_windows(1)
    async with proxy_to(killable) as proxy, following_page(page_script) as page:
        told = await page.follow("one", f"http://127.0.0.1:{proxy.port}", STREAM)
        await told.until_state("live")
        proxy.freeze()
        await put_windows(2)
        await page.set_offline(offline=True)
        await page.set_offline(offline=False)
        await told.until_counted(2)
        reasons = [status["reason"] for status in told.statuses]
    assert "nothing heard any more" in reasons
    assert (told.counts, told.resumed) == ([2], [False, True])


async def test_one_that_waits_comes_back_at_once_when_the_tab_wakes(
    killable: Killable, put_windows: PutWindows, page_script: Path
) -> None:
    await put_windows(1)
    async with proxy_to(killable) as proxy, following_page(page_script) as page:
        told = await page.follow("one", f"http://127.0.0.1:{proxy.port}", STREAM)
        await told.until_state("live")
        await proxy.cut()
        # Until a wait of seconds is drawn.
        await told.until(
            lambda: (
                len([1 for status in told.statuses if status["state"] == "waiting"]) >= 5
                and told.state == "waiting"
            )
        )
        await proxy.restore()
        seen = len(told.lines)
        await page.show()
        await told.until_state("live")
        states = [line["status"]["state"] for line in told.lines[seen:] if "status" in line]
    assert states[:2] == ["connecting", "live"]


async def test_a_frozen_tab_goes_on_where_it_was_with_the_socket_that_it_has(
    killable: Killable, put_windows: PutWindows, page_script: Path
) -> None:
    await put_windows(1)
    async with following_page(page_script) as page:
        told = await page.follow("one", killable.service.url, STREAM)
        await told.until_state("live")
        await page.hide()
        await page.freeze()
        # To a timer that would be silence: longer than twice the heartbeat and the time of an answer.
        await asyncio.sleep(HEARTBEAT_SECONDS * 2 + ANSWER_SECONDS + 2)
        await put_windows(*range(2, 12))
        assert told.counts == [], "the tab was not frozen"
        await page.thaw()
        await told.until_counted(11)
        await page.show()
        # As long again: a timer that found it silent would have ended it by then.
        await asyncio.sleep(HEARTBEAT_SECONDS * 2 + ANSWER_SECONDS + 2)
        await put_windows(12)
        await told.until_counted(12)
    assert told.counts == list(range(2, 13))
    assert told.resumed == [False], "a healthy socket was dropped"


async def test_a_tab_whose_service_was_killed_while_it_was_frozen_resumes(
    killable: Killable, put_windows: PutWindows, page_script: Path
) -> None:
    await put_windows(1)
    async with following_page(page_script) as page:
        told = await page.follow("one", killable.service.url, STREAM)
        await told.until_state("live")
        await page.hide()
        await page.freeze()
        await killable.kill_and_start_again()
        await put_windows(2)
        await page.thaw()
        await told.until_counted(2)
    assert (told.counts, told.resumed) == ([2], [False, True])


async def test_a_hidden_tab_whose_timers_are_throttled_notices_a_dead_socket(
    killable: Killable, put_windows: PutWindows, page_script: Path
) -> None:
    await put_windows(1)
    async with proxy_to(killable) as proxy, following_page(page_script) as page:
        told = await page.follow("one", f"http://127.0.0.1:{proxy.port}", STREAM)
        await told.until_state("live")
        await page.hide()
        proxy.freeze()
        await put_windows(2)
        await told.until_counted(2)
    assert (told.counts, told.resumed) == ([2], [False, True])


async def test_what_the_handler_throws_reaches_the_pages_own_error_handler(
    killable: Killable, put_windows: PutWindows, page_script: Path
) -> None:
    await put_windows(1)
    async with following_page(page_script) as page:
        told = await page.follow("one", killable.service.url, STREAM, throwAt="metrics")
        await told.until_state("live")
        await put_windows(2, 3)
        await told.until_counted(3)
        uncaught = page.told["page"]
        await uncaught.until(lambda: len(uncaught.lines) == 2)
    assert ["thrown at metrics" in line["uncaught"] for line in uncaught.lines] == [True, True]


async def test_nothing_is_told_after_the_end(
    killable: Killable, put_windows: PutWindows, page_script: Path
) -> None:
    await put_windows(1)
    async with following_page(page_script) as page:
        ended = await page.follow("ended", killable.service.url, STREAM)
        other = await page.follow("other", killable.service.url, STREAM)
        await ended.until_state("live")
        await other.until_state("live")
        await page.end("ended")
        told_before = len(ended.lines)
        await put_windows(2)
        await other.until_counted(2)
    assert len(ended.lines) == told_before


async def test_a_page_of_another_origin_reads_pages_and_follows_with_a_token(
    tmp_path: Path, database: PostgresAddress, redis_url: str, put_windows: PutWindows, page_script: Path
) -> None:
    await put_windows(1, 2, 3, 4, 5)
    code, line, text = await run_telemetra(tmp_path / "data", "token", "reader", "--stream", STREAM)
    assert code == 0
    token = next(word for word in text.split() if word.startswith("tlm_"))
    file = tmp_path / "tokens.toml"
    file.write_text(line)
    file.chmod(0o600)
    async with (
        following_page(page_script) as page,
        killable_service(
            tmp_path / "data", database, redis_url, CORS_ORIGINS=page.origin, API_TOKENS_FILE=str(file)
        ) as killable,
    ):
        url = killable.service.url
        read = await page.read_two_pages(url, STREAM, token=token)
        assert [row["chat_count"] for row in read["rows"]] == [5, 4, 3, 2]
        assert read["position"]
        assert await page.read_two_pages(url, STREAM) == {"status": 401, "code": "credential_missing"}
        told = await page.follow("allowed", url, STREAM, token=token)
        await told.until_state("live")
        await put_windows(6)
        await told.until_counted(6)
        for name, stream_id, orders, kind in (
            ("none", STREAM, {}, "credential"),
            ("made up", STREAM, {"token": "tlm_made-up"}, "credential"),
            ("not for it", "another", {"token": token}, "access"),
        ):
            refused = await page.follow(name, url, stream_id, **orders)
            await refused.until_state("closed")
            assert (refused.statuses[-1]["kind"], refused.messages) == (kind, [])
