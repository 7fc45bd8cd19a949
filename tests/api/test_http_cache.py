"""The response cache, by what clients can tell: what is asked of the database, what is answered, and how old it may be."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import brotli
import pytest
from structlog.testing import capture_logs

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from telemetra.adapters.memory import MemoryDatabase, MemoryFeed, memory_ports
from telemetra.domain.changes import Step
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.ports import WantedStreams, every_stream
from telemetra.domain.positions import NOTHING_SEEN, Position, Snapshot
from telemetra.domain.queries import Answer, ListStreams, ReadMetrics
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow
from tests.api.http_service import PATIENCE_SECONDS, Service, running

METRICS = "/api/v1/streams/lofi/metrics"
EVERYTHING = ["/api/v1/streams", "/api/v1/streams/lofi", METRICS, "/api/v1/streams/lofi/moments"]


_numbers = itertools.count()


class Metrics:
    """A reader of windows that counts what it is asked, and may be held up or broken."""

    def __init__(self, database: MemoryDatabase) -> None:
        self.database = database
        self.asked = 0
        self.fault: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()

    async def list(self, query: ReadMetrics) -> Answer[Sequence[MetricWindow]]:
        self.asked += 1
        try:
            if self.fault:
                raise self.fault
            return await memory_ports(self.database).metrics.list(query)
        finally:
            self.reached.set()
            # Held after the reading: the answer is as old as the wait is long.
            await self.gate.wait()


class Streams:
    """A reader of streams that counts what it is asked."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._streams = memory_ports(database).streams
        self.listed = 0

    async def list(self, query: ListStreams) -> Answer[Sequence[Stream]]:
        self.listed += 1
        return await self._streams.list(query)

    async def get(self, stream_id: str) -> Answer[Stream]:
        return await self._streams.get(stream_id)


@asynccontextmanager
async def counting(
    *, beside: Service | None = None, **settings: Any
) -> AsyncIterator[tuple[Service, Metrics, Streams]]:
    """Run the application over a database whose readers count, with a stream that it knows of."""
    metrics = Metrics(beside.database if beside else MemoryDatabase())
    streams = Streams(metrics.database)
    ports = {"metrics": metrics, "streams": streams}
    shared: dict[str, Any] = {"answers": beside.answers, "bus": beside.bus} if beside else {}
    async with running(database=metrics.database, replaced=ports, **shared, **settings) as service:
        if not beside:
            await service.write("lofi", windows=250)
        await told(service)
        metrics.asked = streams.listed = 0
        yield service, metrics, streams


async def told(service: Service) -> None:
    """
    Wait until the process knows of all that is committed, as a listener would see it.

    A live listener that is told of a change is the contract's own sign: no later read is older.
    """
    async with service.listening("lofi") as listener:
        await service.write("lofi", title=f"Title {next(_numbers)}")
        await listener.until_told("stream")


async def test_a_question_is_asked_of_the_database_once() -> None:
    async with counting() as (service, metrics, _):
        answers = [await service.get(METRICS) for _ in range(5)]
        assert metrics.asked == 1
        assert len({(answer.content, answer.headers["etag"]) for answer in answers}) == 1
        assert all(answer.headers["telemetra-position"] for answer in answers)


@pytest.mark.parametrize(
    "spelling",
    [
        "?limit=100",
        "?limit=0100",
        "?start_time=2026-05-01T00:00:00Z",
    ],
)
async def test_the_same_question_in_other_words_is_the_same(spelling: str) -> None:
    async with counting() as (service, metrics, _):
        first = "?start_time=2026-05-01T02:00:00%2B02:00&limit=100" if "start" in spelling else ""
        one = await service.get(METRICS + first)
        other = await service.get(METRICS + spelling)
        other_path = await service.get(METRICS.replace("lofi", "%6Cofi") + spelling)
        assert metrics.asked == 1
        assert one.content == other.content == other_path.content


async def test_other_questions_are_not() -> None:
    async with counting() as (service, metrics, _):
        for query in ("", "?limit=10", "?limit=11", "?end_time=2026-05-02"):
            await service.get(METRICS + query)
        assert metrics.asked == 4


async def test_after_an_update_is_told_no_read_is_older() -> None:
    async with counting() as (service, _, streams):
        for round_ in range(5):
            for url in EVERYTHING:
                await service.get(url)
            async with service.listening("lofi") as listener:
                await service.write("lofi", windows=250, title=f"Round {round_}")
                await listener.until_told("stream")
            assert (await service.get("/api/v1/streams/lofi")).json()["title"] == f"Round {round_}"
            assert (await service.get("/api/v1/streams")).json()[0]["title"] == f"Round {round_}"
        assert streams.listed == 6


async def test_windows_of_another_stream_change_nothing() -> None:
    async with counting() as (service, metrics, streams):
        await service.write("other", windows=1)
        await told(service)
        for url in EVERYTHING:
            await service.get(url)
        asked, listed = metrics.asked, streams.listed
        async with service.listening("other") as listener:
            await service.write_window("other", 5)
            await listener.until_told("metrics")
        for url in EVERYTHING:
            await service.get(url)
        assert (metrics.asked, streams.listed) == (asked, listed)


async def test_a_reading_that_a_change_overtakes_is_not_kept_nor_shared() -> None:
    async with counting() as (service, metrics, _):
        metrics.gate.clear()
        early = asyncio.create_task(service.get(METRICS + "?limit=1"))
        await asyncio.wait_for(metrics.reached.wait(), PATIENCE_SECONDS)
        async with service.listening("lofi") as listener:
            await service.write_window("lofi", 999)
            await listener.until_told("metrics")
        late = asyncio.create_task(service.get(METRICS + "?limit=1"))
        await asyncio.sleep(0)
        metrics.gate.set()
        assert (await early).json()[0]["chat_count"] == 249
        assert (await late).json()[0]["chat_count"] == 999
        assert (await service.get(METRICS + "?limit=1")).json()[0]["chat_count"] == 999
        assert metrics.asked == 2


async def test_five_hundred_misses_at_once_are_one_question() -> None:
    async with counting() as (service, metrics, _):
        metrics.gate.clear()
        asking = [asyncio.create_task(service.get(METRICS)) for _ in range(500)]
        await asyncio.wait_for(metrics.reached.wait(), PATIENCE_SECONDS)
        metrics.gate.set()
        answers = await asyncio.gather(*asking)
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.headers["x-request-id"] for answer in answers}) == 500
        assert metrics.asked == 1


@pytest.mark.parametrize("status", [404, 503])
async def test_five_hundred_that_meet_the_same_problem_are_one_question(status: int) -> None:
    async with counting() as (service, metrics, _):
        url = METRICS if status == 503 else METRICS.replace("lofi", "nobody")
        metrics.fault = DatabaseUnavailable() if status == 503 else None
        metrics.gate.clear()
        asking = [asyncio.create_task(service.get(url)) for _ in range(500)]
        await asyncio.wait_for(metrics.reached.wait(), PATIENCE_SECONDS)
        metrics.gate.set()
        answers = await asyncio.gather(*asking)
        assert {answer.status_code for answer in answers} == {status}
        names = {(answer.json()["request_id"], answer.headers["x-request-id"]) for answer in answers}
        assert len(names) == 500
        assert all(one == other for one, other in names)
        assert all(int(answer.headers["content-length"]) == len(answer.content) for answer in answers)
        assert metrics.asked == 1


async def test_those_who_came_before_a_change_share_the_reading_that_it_overtakes() -> None:
    async with counting() as (service, metrics, _):
        metrics.gate.clear()
        early = [asyncio.create_task(service.get(METRICS + "?limit=1")) for _ in range(50)]
        await asyncio.wait_for(metrics.reached.wait(), PATIENCE_SECONDS)
        async with service.listening("lofi") as listener:
            await service.write_window("lofi", 999)
            await listener.until_told("metrics")
        late = [asyncio.create_task(service.get(METRICS + "?limit=1")) for _ in range(50)]
        await asyncio.sleep(0)
        metrics.gate.set()
        assert {(await answer).json()[0]["chat_count"] for answer in early} <= {249, 999}
        assert {(await answer).json()[0]["chat_count"] for answer in late} == {999}
        assert metrics.asked == 2


async def test_who_is_told_by_a_reading_of_his_own_reads_nothing_older() -> None:
    """A listener that comes is told what the database has, which may be more than the process has heard of."""
    database = MemoryDatabase()
    held, metrics = HeldSteps(database), Metrics(database)
    async with running(database=database, replaced={"metrics": metrics, "feed": held}) as service:
        await service.write("lofi", windows=250)
        async with asyncio.timeout(PATIENCE_SECONDS):
            asked = -1
            while metrics.asked != asked:
                asked = metrics.asked
                assert (await service.get(METRICS + "?limit=1")).json()[0]["chat_count"] == 249
        held.hold()
        await service.write_window("lofi", 999)
        async with service.listening("lofi") as listener:
            assert listener.snapshot["metrics"][0]["chat_count"] == 999
            assert (await service.get(METRICS + "?limit=1")).json()[0]["chat_count"] == 999
            held.release()


class HeldSteps(MemoryFeed):
    """A feed whose steps can be held back: beats go on, and know nothing of what is held."""

    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__(database)
        self._gate = asyncio.Event()
        self._gate.set()

    def hold(self) -> None:
        self._gate.clear()

    def release(self) -> None:
        self._gate.set()

    async def lead(
        self, start: Callable[[], Position | None], wanted: WantedStreams = every_stream
    ) -> AsyncIterator[Step]:
        before: Position | None = None
        async for step in super().lead(start, wanted):
            if not self._gate.is_set() and before:
                yield Step(before=before, after=before, changes={})
                await self._gate.wait()
            before = step.after
            yield step


SPELLINGS = 3_000


async def test_endless_spellings_take_no_room_that_is_not_counted() -> None:
    def spelling(number: int) -> bytes:
        """Return one of the many ways to write the same, none of them long."""
        name = "".join(
            f"%{ord(letter):02x}" if number >> bit & 1 else letter for bit, letter in enumerate("limit")
        )
        return f"{name}={'0' * (number // 32 % 16)}1{'&' * (number // 512)}".encode()

    # The loop below leaves the relay no turn: by a clock that stands still that is no silence.
    async with counting(cache_memory_bytes=200_000, clock=lambda: 0.0) as (service, metrics, _):
        await service.get(METRICS + "?limit=1")
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for number in range(SPELLINGS):
                assert (await service.raw(METRICS.encode(), query=spelling(number))).status == 200
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert after - before < SPELLINGS * 1_000
        long = await service.raw(METRICS.encode(), query=b"limit=1" + b"&" * 100_000)
        assert long.status == 200
        assert metrics.asked == 2


async def test_a_required_position_is_included_at_once() -> None:
    async with counting() as (service, _, _):
        await service.get(METRICS + "?limit=1")
        await service.write_window("lofi", 999)
        position = str(service.database.position())
        answer = await service.get(METRICS + "?limit=1", Telemetra_Position=position)
        assert answer.json()[0]["chat_count"] == 999


async def test_an_answer_dies_with_its_time() -> None:
    async with counting(cache_ttl_metrics=1) as (service, metrics, _):
        await service.get(METRICS)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while metrics.asked == 1:
                await service.get(METRICS)
                await asyncio.sleep(0.02)
        assert metrics.asked == 2


async def test_without_room_nothing_is_kept() -> None:
    async with counting(cache_memory_bytes=0) as (service, metrics, _):
        service.answers.available = False
        for _ in range(3):
            assert (await service.get(METRICS)).status_code == 200
        assert metrics.asked == 3


async def test_a_problem_is_each_request_s_own_and_never_kept() -> None:
    async with counting() as (service, metrics, _):
        metrics.fault = DatabaseUnavailable()
        answers = [await service.get(METRICS) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [503, 503]
        assert len({answer.json()["request_id"] for answer in answers}) == 2
        metrics.fault = None
        assert (await service.get(METRICS)).status_code == 200
        unknown = [await service.get(METRICS.replace("lofi", "nobody")) for _ in range(2)]
        assert [answer.status_code for answer in unknown] == [404, 404]


UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
}
PREFERENCES = [
    ("gzip", "gzip"),
    ("x-gzip", "gzip"),
    ("gzip, deflate, br, zstd", "zstd"),
    ("gzip, deflate, br", "br"),
    ("br;q=0, GZIP;q=0.5", "gzip"),
    ("zstd;q=0.1, gzip", "gzip"),
    ("*", "zstd"),
    ("zstd;q=0, *;q=0.2", "br"),
    ("br;q=much", "br"),
    ("identity;q=0.5, br", "br"),
]


@pytest.mark.parametrize(("accepted", "coding"), PREFERENCES)
@pytest.mark.parametrize("limit", [100, 1_000])
async def test_a_compressed_answer_is_the_same_and_has_a_validator_of_its_own(
    accepted: str, coding: str, limit: int
) -> None:
    async with counting() as (service, metrics, _):
        await service.write("lofi", windows=1_000)
        await told(service)
        query = f"limit={limit}".encode()
        plain = await service.raw(METRICS.encode(), query=query)
        again = [(b"accept-encoding", accepted.encode())]
        # A large one is made beside the loop: two who ask at once get the same.
        packed, other = await asyncio.gather(
            *(service.raw(METRICS.encode(), query=query, headers=again) for _ in range(2))
        )
        assert packed.headers["content-encoding"] == coding
        assert UNPACK[coding](packed.body) == plain.body
        assert (packed.body, packed.headers["etag"]) == (other.body, other.headers["etag"])
        assert int(packed.headers["content-length"]) == len(packed.body) < len(plain.body) / 4
        assert packed.headers["etag"] != plain.headers["etag"]
        assert "Accept-Encoding" in packed.headers["vary"]
        known = [*again, (b"if-none-match", packed.headers["etag"].encode())]
        unchanged = await service.raw(METRICS.encode(), query=query, headers=known)
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert "content-encoding" not in unchanged.headers
        assert metrics.asked == 1


@pytest.mark.parametrize(
    "accepted",
    [
        "identity",
        "gzip;q=0",
        "gzip;q=0.000, deflate",
        "*;q=0",
        "gzip;q=0.3, identity",
        "",
        "compress, gzip;q=-1",
    ],
)
async def test_who_does_not_take_a_coding_gets_none(accepted: str) -> None:
    async with counting() as (service, _, _):
        answer = await service.raw(METRICS.encode(), headers=[(b"accept-encoding", accepted.encode())])
        assert "content-encoding" not in answer.headers


async def test_a_position_of_another_history_is_refused_whatever_is_kept() -> None:
    foreign = str(Position(b"elsewher", Snapshot(3)))
    async with counting() as (service, _, _):
        for path in (METRICS, METRICS + "?limit=7"):
            for _ in range(2):
                refused = await service.get(path, Telemetra_Position=foreign)
                assert (refused.status_code, refused.json()["code"]) == (422, "position_invalid")
                assert (await service.get(METRICS)).status_code == 200


class Clock:
    """Seconds that grow by themselves, once they are let: then whatever was heard was long ago."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.mark.parametrize("why", ["requires", "silence"])
async def test_that_there_was_no_such_stream_is_not_told_to_who_may_know_better(why: str) -> None:
    clock = Clock()
    url = METRICS.replace("lofi", "new")
    async with counting(clock=clock) as (service, metrics, _):
        metrics.gate.clear()
        metrics.reached.clear()
        early = asyncio.create_task(service.get(url))
        await metrics.reached.wait()
        await service.write("new", windows=1)
        position = {"Telemetra_Position": str(service.database.position())} if why == "requires" else {}
        clock.step = 10.0 if why == "silence" else 0.0
        late = asyncio.create_task(service.get(url, **position))
        for _ in range(10):
            await asyncio.sleep(0)
        metrics.gate.set()
        assert (await early).status_code == 404
        assert (await late).status_code == 200


async def test_head_is_answered_from_what_get_kept() -> None:
    async with counting() as (service, metrics, _):
        got = await service.get(METRICS)
        head = await service.client.head(METRICS)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == got.headers["content-length"]
        assert metrics.asked == 1


async def test_what_one_process_has_answered_another_need_not_ask() -> None:
    async with counting() as (first, _, _), counting(beside=first) as (second, metrics, _):
        one = await first.get(METRICS)
        other = await second.get(METRICS)
        assert metrics.asked == 0
        assert (one.content, one.headers["etag"]) == (other.content, other.headers["etag"])
        assert one.headers["telemetra-position"] == other.headers["telemetra-position"]
        await second.get(METRICS)
        assert metrics.asked == 0


async def test_what_another_process_has_answered_before_a_change_does_not_count() -> None:
    async with counting() as (first, _, _), counting(beside=first) as (second, metrics, _):
        await first.get(METRICS + "?limit=1")
        stored = dict(first.answers._answers)
        async with second.listening("lofi") as listener:
            await second.write_window("lofi", 999)
            await listener.until_told("metrics")
        first.answers._answers.update(stored)
        assert (await second.get(METRICS + "?limit=1")).json()[0]["chat_count"] == 999
        assert metrics.asked == 1


@pytest.mark.parametrize("junk", [b"", b"\xc1", b"\x94\xa1x\xa1y\x90\xc4\x00", b"\x00" * 5_000])
async def test_junk_among_the_shared_answers_is_a_miss(junk: bytes) -> None:
    async with counting() as (first, _, _), counting(beside=first) as (second, metrics, _):
        await first.get(METRICS)
        assert first.answers._answers
        for key in first.answers._answers:
            first.answers.put(key, junk, ttl_seconds=60)
        answer = await second.get(METRICS)
        assert (answer.status_code, len(answer.json())) == (200, 100)
        assert metrics.asked == 1


async def test_a_process_alone_shares_with_nobody() -> None:
    async with counting() as (service, _, _):
        await service.get(METRICS)
        await service.get(METRICS)
        assert not service.answers._answers


async def test_what_a_process_alone_has_no_room_for_is_found_again() -> None:
    async with counting(cache_memory_bytes=0) as (service, metrics, _):
        one = await service.get(METRICS)
        other = await service.get(METRICS)
        assert metrics.asked == 1
        assert (one.content, one.headers["etag"]) == (other.content, other.headers["etag"])


async def test_what_a_process_alone_lets_go_of_is_found_again_if_it_was_asked_twice() -> None:
    async with counting(cache_memory_bytes=50_000) as (service, metrics, _):
        for url in (METRICS, METRICS, METRICS + "?limit=99", METRICS + "?limit=98"):
            await service.get(url)
        assert metrics.asked == 3
        await service.get(METRICS)
        assert metrics.asked == 3
        await service.get(METRICS + "?limit=99")
        assert metrics.asked == 4


async def test_with_the_database_away_what_is_kept_goes_on() -> None:
    async with counting() as (service, metrics, _):
        kept = await service.get(METRICS)
        metrics.fault = DatabaseUnavailable()
        with service.database.unavailable():
            async with asyncio.timeout(PATIENCE_SECONDS):
                # Until nothing has been heard for a second the kept answer counts anyway; then the reader is asked, in vain.
                while metrics.asked == 1:
                    answer = await service.get(METRICS)
                    assert (answer.status_code, answer.content) == (200, kept.content)
                    await asyncio.sleep(0.02)
            answer = await service.get(METRICS)
            assert (answer.status_code, answer.content) == (200, kept.content)
            assert (await service.get(METRICS + "?limit=7")).status_code == 503


PLAIN: list[tuple[bytes, bytes]] = []
WAYS = [
    PLAIN,
    [(b"origin", b"https://ok.example")],
    [(b"origin", b"https://other.example")],
    [(b"origin", b"https://ok.example"), (b"origin", b"https://other.example")],
    [(b"accept-encoding", b"gzip, br")],
    [(b"accept-encoding", b"br"), (b"accept-encoding", b"gzip")],
    [(b"accept-encoding", b"gzip;q=0")],
    [(b"accept-encoding", b"gzip, deflate, br, zstd")],
    [(b"if-none-match", b"*")],
    [(b"if-none-match", b'"nothing"'), (b"if-none-match", b"{tag}")],
    [(b"if-none-match", b"W/{tag}"), (b"origin", b"https://ok.example")],
    [(b"x-request-id", b"mine")],
    [(b"x-request-id", b"not sane")],
    [(b"x-request-id", b"one"), (b"x-request-id", b"two")],
    [(b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")],
    [(b"accept", b"text/html, */*;q=0.1"), (b"user-agent", b"x"), (b"cookie", b"a=b")],
]


@pytest.mark.parametrize("headers", WAYS, ids=str)
async def test_a_hit_is_answered_as_the_layers_would(headers: list[tuple[bytes, bytes]]) -> None:
    """The same question is answered by the shortest way, and, with a position that asks for nothing new, through all layers."""
    async with counting(cors_origins=("https://ok.example",)) as (service, metrics, _):
        first = await service.get(METRICS)
        tag = first.headers["etag"].encode()
        headers = [(name, value.replace(b"{tag}", tag)) for name, value in headers]
        position = (b"telemetra-position", first.headers["telemetra-position"].encode())
        await service.raw(METRICS.encode(), headers=[*headers, position])
        short = await service.raw(METRICS.encode(), headers=headers)
        through = await service.raw(METRICS.encode(), headers=[*headers, position])
        assert metrics.asked == 1
        assert (short.status, short.body) == (through.status, through.body)
        made = [(name, value) for name, value in short.headers.multi_items() if name != "x-request-id"]
        assert sorted(made) == sorted(
            (name, value) for name, value in through.headers.multi_items() if name != "x-request-id"
        )
        mine = short.headers["x-request-id"]
        assert (mine == "mine") == ((b"x-request-id", b"mine") in headers)
        assert len(mine) in {4, 32}


@pytest.mark.parametrize("origin", [None, "https://ok.example", "https://other.example"])
@pytest.mark.parametrize("outcome", ["200", "404", "500", "503"])
async def test_a_miss_is_answered_as_the_layers_would(outcome: str, origin: str | None) -> None:
    """A trace has a request go through all layers, and changes nothing in the answer."""
    faults: dict[str, Exception] = {"500": RuntimeError("secret"), "503": DatabaseUnavailable()}
    path = METRICS.replace("lofi", "nobody") if outcome == "404" else METRICS
    headers = [(b"x-request-id", b"mine")] + ([(b"origin", origin.encode())] if origin else [])
    trace = (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    async with counting(cors_origins=("https://ok.example",)) as (service, metrics, _):
        metrics.fault = faults.get(outcome)
        short = await service.raw(path.encode(), query=b"limit=2", headers=headers)
        through = await service.raw(path.encode(), query=b"limit=2&", headers=[*headers, trace])
        if outcome != "200":
            assert metrics.asked == 2
        assert str(short.status) == outcome
        assert (short.status, short.body) == (through.status, through.body)
        assert sorted(short.headers.multi_items()) == sorted(through.headers.multi_items())
        assert b"secret" not in short.body


async def test_a_hit_leaves_a_line_like_any_other() -> None:
    async with counting() as (service, _, _):
        await service.get(METRICS)
        with capture_logs() as lines:
            await service.get(METRICS, X_Request_ID="mine")
        (line,) = lines
        assert line.pop("duration_ms") >= 0
        assert line == {
            "event": "http_request",
            "log_level": "info",
            "method": "GET",
            "path": METRICS,
            "status": 200,
            "request_id": "mine",
            "client": "127.0.0.1",
        }


async def test_no_cache_asks_the_database_and_what_it_answers_is_kept() -> None:
    async with counting() as (service, metrics, _):
        await service.get(METRICS)
        for asked in range(2, 5):
            assert (await service.get(METRICS, Cache_Control="no-cache")).status_code == 200
            assert metrics.asked == asked
            await service.get(METRICS, Cache_Control="max-age=0")
            assert metrics.asked == asked
        await service.write_window("lofi", 999)
        anew = await service.get(METRICS + "?limit=1", Cache_Control="no-store, No-Cache")
        assert anew.json()[0]["chat_count"] == 999


async def test_those_who_want_it_anew_at_once_share_what_was_asked_after_they_came() -> None:
    async with counting() as (service, metrics, _):
        metrics.gate.clear()
        metrics.reached.clear()
        early = asyncio.create_task(service.get(METRICS))
        await metrics.reached.wait()
        late = [asyncio.create_task(service.get(METRICS, Cache_Control="no-cache")) for _ in range(5)]
        for _ in range(10):
            await asyncio.sleep(0)
        metrics.gate.set()
        assert [answer.status_code for answer in await asyncio.gather(early, *late)] == [200] * 6
        assert metrics.asked == 2


async def test_the_position_of_a_listener_that_was_told_nothing_requires_nothing() -> None:
    async with counting() as (service, _, _):
        answer = await service.get(METRICS, Telemetra_Position=str(NOTHING_SEEN))
        assert answer.status_code == 200
