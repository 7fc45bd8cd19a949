"""
What strangers may have in their rows (FAULTS, row 38): served as a safe value, the same on every way there is.

A row goes to a listener as it is written, to one that resumes, into a snapshot, and into a page: all four have to be JSON,
and to say the same.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import asyncpg
import pytest

from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connected
from tests.e2e.hostile.frames import listening
from tests.e2e.hostile.wire import Target

_numbers = count()
_FIRST = "0001-01-01T00:00:00Z"
_LAST = "9999-12-31T23:59:59.999998Z"


@pytest.fixture(scope="module", autouse=True)
async def unchecked(own_database: PostgresAddress) -> None:
    """Take the checks away, as if the rows had been there before: a migration does not look at those."""
    async with connected(own_database) as owner:
        for table, name in await owner.fetch(
            "select conrelid::regclass::text, conname from pg_constraint "
            "where contype = 'c' and conrelid in ('chat_summary_minute'::regclass, 'moments'::regclass)"
        ):
            await owner.execute(f"alter table {table} drop constraint {name}")


_WINDOW = {"window_start": "timestamp '2026-01-01'", "window_end": "timestamp '2026-01-01 00:01'"}
_MOMENT = {"timestamp": "timestamp '2026-01-01'", "moment_type": "'chat_spike'"}

_WINDOWS: list[tuple[dict[str, str], dict[str, Any], str]] = [
    ({"avg_sentiment": "'NaN'", "chat_rate": "'NaN'", "avg_viewers": "'NaN'", "z_score": "'NaN'", "is_anomaly": "null"},
     {"avg_sentiment": None, "chat_rate": None, "avg_viewers": None, "z_score": None, "is_anomaly": False}, "not a number"),
    ({"avg_sentiment": "'infinity'", "chat_rate": "'infinity'", "avg_viewers": "'-infinity'", "z_score": "'-infinity'"},
     {"avg_sentiment": None, "chat_rate": None, "avg_viewers": None, "z_score": None}, "infinities"),
    ({"avg_sentiment": "1e308", "chat_rate": "5e-324", "z_score": "'-0'", "avg_viewers": "-1.7976931348623157e308"},
     {"avg_sentiment": 1e308, "chat_rate": 5e-324, "z_score": 0.0, "avg_viewers": -1.7976931348623157e308}, "the ends of what a double holds"),
    ({"chat_count": "null", "unique_chatters": "null", "top_emotes": "null", "is_anomaly": "null", "z_score": "null"},
     {"chat_count": 0, "unique_chatters": 0, "top_emotes": [], "is_anomaly": False, "z_score": None}, "nothing at all"),
    ({"chat_count": "2147483647", "unique_chatters": "-2147483648"}, {"chat_count": 2147483647, "unique_chatters": -2147483648}, "the ends of an integer"),
    ({"window_start": "'-infinity'", "window_end": "'infinity'"}, {"window_start": _FIRST, "window_end": _LAST}, "all of time"),
    ({"window_start": "'infinity'", "window_end": "'infinity'"}, {"window_start": _LAST, "window_end": _LAST}, "the end of time"),
    ({"window_start": "'20000-01-01'", "window_end": "'20000-01-02'"}, {"window_start": _LAST, "window_end": _LAST}, "year 20000"),
    ({"window_start": "'294276-12-31'", "window_end": "'294276-12-31 23:59:59.999999'"}, {"window_start": _LAST, "window_end": _LAST}, "PostgreSQL's last year"),
    ({"window_start": "'4713-01-01 BC'", "window_end": "'0044-03-15 BC'"}, {"window_start": _FIRST, "window_end": _FIRST}, "before the first year"),
    ({"window_start": "'9999-12-31 23:59:59.999999'", "window_end": "'2026-01-01'"}, {"window_start": _LAST, "window_end": "2026-01-01T00:00:00Z"}, "an end before the start"),
    ({"top_emotes": "array[null, 'a', null]"}, {"top_emotes": ["a"]}, "emotes that are none"),
    ({"top_emotes": "'{{a,NULL},{c,d}}'"}, {"top_emotes": ["a", "c", "d"]}, "emotes in two dimensions"),
    ({"top_emotes": "'[-5:-4]={a,b}'"}, {"top_emotes": ["a", "b"]}, "emotes that are counted from minus five"),
    ({"top_emotes": r"""array[e'\x01\x1f\x7f', '', e'\u2028', '"', e'\\']"""}, {"top_emotes": ["\x01\x1f\x7f", "", "\u2028", '"', "\\"]}, "emotes of control characters"),
    ({"top_emotes": "(select array_agg(n::text) from generate_series(1, 5000) n)"}, {}, "five thousand emotes"),
    ({"top_emotes": "array[repeat('x', 2000000)]"}, {"top_emotes": ["x" * 2_000_000]}, "an emote of two megabytes"),
]  # fmt: skip

_MOMENTS: list[tuple[dict[str, str], dict[str, Any], str]] = [
    ({"metric_value": "'NaN'", "threshold": "'infinity'", "z_score": "'-infinity'"}, {"metric_value": None, "threshold": None, "z_score": None}, "no numbers"),
    ({"timestamp": "'infinity'"}, {"timestamp": _LAST}, "the end of time"),
    ({"timestamp": "'-infinity'"}, {"timestamp": _FIRST}, "the beginning of time"),
    ({"timestamp": "'20000-01-01'"}, {"timestamp": _LAST}, "year 20000"),
    ({"moment_type": "'raid'"}, {"moment_type": "raid"}, "a type of somebody else's"),
    ({"moment_type": r"e'\r\n\x1b'"}, {"moment_type": "\r\n\x1b"}, "a type of control characters"),
    ({"description": "null", "metric_name": "null", "metadata": "null"}, {"description": None, "metric_name": None, "metadata": None}, "nothing at all"),
    ({"description": r"e'</script>\u202e\ufeff\uffff\x01'"}, {"description": "</script>\u202e\ufeff\uffff\x01"}, "a description of strange characters"),
    ({"metadata": "'[1]'"}, {"metadata": None}, "a list for metadata"),
    ({"metadata": "'\"a\"'"}, {"metadata": None}, "a text for metadata"),
    ({"metadata": "'null'"}, {"metadata": None}, "JSON's null for metadata"),
    ({"metadata": "'1e5'"}, {"metadata": None}, "a number for metadata"),
    ({"metadata": "'{\"a\": 1e400}'"}, {"metadata": {"a": 10**400}}, "a number that no double holds"),
    ({"metadata": "('{\"a\": ' || repeat('9', 30) || '}')::jsonb"}, {}, "an integer beyond 64 bits"),
    ({"metadata": "('{\"a\": ' || repeat('9', 6000) || '}')::jsonb"}, {}, "six thousand digits"),
    ({"metadata": "'{\"a\": 0.1000000000000000000000000000000000000000001}'"}, {"metadata": {"a": 0.1}}, "more digits than a double has"),
    ({"metadata": "(repeat('{\"a\":', 3000) || '1' || repeat('}', 3000))::jsonb"}, {"metadata": None}, "three thousand objects in each other"),
    ({"metadata": "('{\"a\":' || repeat('[', 900) || repeat(']', 900) || '}')::jsonb"}, {}, "nine hundred lists in each other"),
    ({"metadata": "'{\"\": {\"\\u2028\": \"\\u0001\"}}'"}, {"metadata": {"": {"\u2028": "\x01"}}}, "strange keys"),
    ({"metadata": "'{\"__proto__\": {\"type\": \"ping\"}, \"type\": \"x\"}'"}, {"metadata": {"__proto__": {"type": "ping"}, "type": "x"}}, "names of others"),
    ({"metadata": "(select jsonb_object_agg(n, n) from generate_series(1, 20000) n)"}, {}, "twenty thousand keys"),
    ({"moment_id": r"e'a\r\nb\x01\u202e'"}, {"moment_id": "a\r\nb\x01\u202e"}, "a strange id"),
    ({"moment_id": "repeat(U&'\\00e9', 1200)"}, {"moment_id": "é" * 1200}, "an id longer than a position may be"),
]  # fmt: skip

_CASES = [
    pytest.param(table, path, fixed | given, wanted, id=f"{path}: {why}".replace(" ", "-"))
    for table, path, fixed, cases in (
        ("chat_summary_minute", "metrics", _WINDOW, _WINDOWS),
        ("moments", "moments", _MOMENT, _MOMENTS),
    )
    for given, wanted, why in cases
]


async def _insert(writer: asyncpg.Connection, table: str, stream_id: str, values: dict[str, str]) -> None:
    await writer.execute(
        f"insert into {table} (stream_id, {', '.join(values)}) values ($1, {', '.join(values.values())})",
        stream_id,
    )


@pytest.mark.parametrize(("table", "path", "values", "wanted"), _CASES)
async def test_a_row_is_served_alike_on_every_way(
    target: Target,
    writer: asyncpg.Connection,
    table: str,
    path: str,
    values: dict[str, str],
    wanted: dict[str, Any],
) -> None:
    stream_id = f"row-{next(_numbers)}"
    await writer.execute("insert into streams (stream_id) values ($1)", stream_id)
    live_path = f"/ws/live/{stream_id}".encode()
    async with listening(target, live_path) as listener:
        connected_, snapshot = await listener.message(), await listener.message()
        assert (connected_["type"], snapshot[path]) == ("connected", [])
        await _insert(writer, table, stream_id, values)
        told = await listener.message()
        # Another good row behind it: whatever the first was, the listener goes on.
        await writer.execute("update streams set title = 'after' where stream_id = $1", stream_id)
        assert (await listener.message())["data"]["title"] == "after"
    assert told["type"] == path.removesuffix("s") if path == "moments" else "metrics"
    assert {name: told["data"][name] for name in wanted} == wanted

    (row,) = (await target.answers(f"/api/v1/streams/{stream_id}/{path}".encode(), status=200)).json
    assert row == told["data"]
    async with listening(target, live_path) as listener:
        await listener.message()
        # A snapshot may be half a second old: what came since follows.
        rows = (await listener.message())[path] or [(await listener.message())["data"]]
        assert rows == [row]
    since = f"?since={snapshot['position']}".encode()
    async with listening(target, live_path + since) as listener:
        assert (await listener.message())["resumed"] is True
        assert row in [(await listener.message())["data"], (await listener.message())["data"]]


_TITLES = [
    "", " ", "\t\r\n", "\x01\x1f\x7f\x85", "\u2028\u2029", "\u202eevil", "\ufeff", "\ufffd\ufffe\uffff", "\U0001f3ac\U0010ffff", "e\u0301\u00e9",
    "\u0e01" + "\u0e34" * 500, "</script><script>alert(1)</script>", "{{7*7}}", "${7*7}", "%s%n%x", "'; drop table streams; --", '"\\', "NaN", "null",
    "x" * 1_000_000,
]  # fmt: skip


async def test_titles_of_whatever_characters_are_told_as_they_are(
    target: Target, writer: asyncpg.Connection
) -> None:
    await writer.execute("insert into streams (stream_id) values ('titles')")
    async with listening(target, b"/ws/live/titles") as listener:
        await listener.message()
        position = (await listener.message())["position"]
        for title in _TITLES:
            await writer.execute("update streams set title = $1 where stream_id = 'titles'", title)
            told = await listener.message()
            assert (told["type"], told["data"]["title"]) == ("stream", title)
            answer = await target.answers(
                b"/api/v1/streams/titles", f"Telemetra-Position: {told['position']}".encode(), status=200
            )
            assert answer.json == told["data"]
            position = told["position"]
    assert position
    await writer.execute("update streams set title = null where stream_id = 'titles'")


_STREAM_TIMES = [
    "'infinity'",
    "'-infinity'",
    "'20000-01-01'",
    "'4713-01-01 BC'",
    "'9999-12-31 23:59:59.999999'",
]


async def test_streams_of_any_time_are_listed_and_told(target: Target, writer: asyncpg.Connection) -> None:
    for number, time in enumerate(_STREAM_TIMES):
        await writer.execute(
            f"insert into streams (stream_id, created_at, updated_at) values ('time-{number}', {time}, {time})"
        )
        answer = await target.answers(f"/api/v1/streams/time-{number}".encode(), status=200)
        assert answer.json["created_at"] in {_FIRST, _LAST}
        async with listening(target, f"/ws/live/time-{number}".encode()) as listener:
            await listener.message()
            assert (await listener.message())["stream"] == answer.json
    found: list[str] = []
    path = "?limit=7"
    while path:
        answer = await target.answers(b"/api/v1/streams" + path.encode(), status=200)
        found += [stream["stream_id"] for stream in answer.json]
        path = next(
            (
                link.partition("<")[2].partition(">")[0]
                for link in answer.headers.get("link", "").split(", ")
                if 'rel="next"' in link
            ),
            "",
        )
    assert {f"time-{number}" for number in range(len(_STREAM_TIMES))} <= set(found)
    await writer.execute("delete from streams where stream_id like 'time-%'")


async def test_rows_beyond_the_calendar_are_removed_by_name(
    target: Target, writer: asyncpg.Connection
) -> None:
    await writer.execute("insert into streams (stream_id) values ('gone')")
    async with listening(target, b"/ws/live/gone") as listener:
        assert [(await listener.message())["type"] for _ in range(2)] == ["connected", "snapshot"]
        await _insert(
            writer, "chat_summary_minute", "gone", {"window_start": "'-infinity'", "window_end": "'infinity'"}
        )
        assert (await listener.message())["data"]["window_end"] == _LAST
        await writer.execute("delete from chat_summary_minute where stream_id = 'gone'")
        removed = await listener.message()
    assert (removed["type"], removed["data"]["window"]) == (
        "removed",
        {"window_start": _FIRST, "window_end": _LAST},
    )
