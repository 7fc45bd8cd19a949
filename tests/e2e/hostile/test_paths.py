"""Hostile paths as raw bytes (FAULTS, rows 36 and 37): refused by name, never decoded twice, and ids matched byte by byte."""

from __future__ import annotations

import json
from urllib.parse import quote

import asyncpg
import pytest

from tests.e2e.hostile.frames import listening
from tests.e2e.hostile.wire import Target

_RESOURCES = [b"", b"/metrics", b"/moments"]

_IDS_OF_NO_STREAM = [
    (b"%00", 422, "PostgreSQL can't hold NUL"),
    (b"demo%00", 422, "a NUL does not end an id"),
    (b"%ff", 422, "not UTF-8"),
    (b"%c3", 422, "UTF-8 that breaks off"),
    (b"%c3%28", 422, "UTF-8 with a wrong second byte"),
    (b"%c0%af", 422, "an overlong slash"),
    (b"%e0%80%af", 422, "an overlong slash of three bytes"),
    (b"%c1%a4%c1%a5mo", 422, "overlong letters are not the letters"),
    (b"%ed%a0%80", 422, "a lone high surrogate"),
    (b"%ed%b0%80", 422, "a lone low surrogate"),
    (b"%ed%a0%bd%ed%b2%a9", 422, "a pair of surrogates is not UTF-8 either"),
    (b"%f4%90%80%80", 422, "beyond U+10FFFF"),
    (b"%zz", 422, "no hexadecimal digits"),
    (b"%", 422, "a percent sign alone"),
    (b"demo%2", 422, "an escape that breaks off"),
    (b"%6%34emo", 422, "an escape that only decoding would make whole"),
    (b"%%36%34emo", 422, "an escape that only decoding would make whole, to the letter"),
    (b"%u0064emo", 422, "no escape of any standard"),
    (b"x" * 513, 422, "a byte too long"),
    (b"x" * 10_240, 422, "ten kilobytes"),
    (b"%C3%A9" * 257, 422, "257 characters are 514 bytes"),
    (b"x" * 60_000, 422, "as long as the parser takes"),
    (b"%252e", 404, "decoded once, not twice: an id that there is not"),
    (b"demo%2F", 404, "an encoded slash is of the id"),
    (b"demo%2Fmetrics", 404, "an encoded slash parts nothing"),
    (b"demo%0d%0aSet-Cookie:%20a=b", 404, "line ends are only bytes of an id"),
    (b"DEMO", 404, "letters have a case"),
    (b"demo%20", 404, "a space is a byte like others"),
    (b"demo%EF%BB%BF", 404, "a byte order mark, too"),
    (b"%25", 404, "one percent sign"),
    (b"_emo", 404, "no pattern of LIKE"),
    (b"..%2fdemo", 404, "nothing is taken back in a path"),
    (b"'%20or%20'1'='1", 404, "quotes end nothing"),
    (b"$(id)", 404, "nobody runs it"),
    (b"%7B%7B7*7%7D%7D", 404, "nobody fills it in"),
    (b"demo;v=1", 404, "parameters of a segment are of the id"),
]


@pytest.mark.parametrize(
    ("segment", "status"),
    [case[:2] for case in _IDS_OF_NO_STREAM],
    ids=[case[2] for case in _IDS_OF_NO_STREAM],
)
@pytest.mark.parametrize("resource", _RESOURCES, ids=["stream", "metrics", "moments"])
async def test_an_id_of_no_stream(target: Target, segment: bytes, status: int, resource: bytes) -> None:
    answer = await target.answers(b"/api/v1/streams/" + segment + resource, status=status)
    if status == 422:
        assert [error["name"] for error in answer.json["errors"]] == ["stream_id"]
    else:
        assert answer.code == "stream_not_found"


_PATHS = [
    (b"/%61pi/v1/streams", 200, "an escape that need not be one is the same path (RFC 3986, section 6.2.2)"),
    (b"/api/v1/streams/", 200, "a slash at the end is taken for none"),
    (b"/api/v1/streams/d%65mo", 200, "an escape that need not be one, in an id"),
    (b"/API/v1/streams", 404, "letters have a case"),
    (b"/api//v1/streams", 404, "nothing between two slashes is no other path"),
    (b"//api/v1/streams", 404, "nor before the first"),
    (b"//evil.example/api/v1/streams", 404, "nor is it a host"),
    (b"/api/v1/./streams", 404, "dots are for clients to resolve"),
    (b"/api/v1/../v1/streams", 404, "dots are for clients to resolve"),
    (b"/../../etc/passwd", 404, "no file is near"),
    (b"/assets/../problems.py", 404, "nothing but the named assets"),
    (b"/assets/..%2fproblems.py", 404, "nothing but the named assets, whatever the spelling"),
    (b"/assets/..%5cproblems.py", 404, "backslashes, too"),
    (b"/assets/%00", 404, "nothing but the named assets"),
    (b"/assets/%ff", 404, "nothing but the named assets"),
    (b"/%2fapi/v1/streams", 404, "an encoded slash parts nothing"),
    (b"/api%2fv1%2fstreams", 404, "an encoded slash parts nothing"),
    (b"/%", 404, "no route"),
    (b"/%00", 404, "no route"),
    (b"/%ff%fe", 404, "no route"),
    (b"/health%20", 404, "not the route's bytes"),
    (b"/health%0d%0aX-Evil:%201", 404, "nothing gets into the headers"),
    (b"/health;a", 404, "not the route's bytes"),
    (b"/{stream_id}", 404, "a template is no path"),
    (b"/api/v1/streams/demo/metrics/", 200, "a slash at the end is taken for none"),
    (b"/api/v1/streams/demo//metrics", 404, "an empty segment is one"),
    (b"/api/v1/streams/a/b/metrics", 404, "a bare slash parts"),
    (b"/api/v1/streams/demo/nothing", 404, "no such resource"),
    (b"/" + b"a/" * 20_000, 404, "deep, and nowhere"),
    (b"/" + b"%2e" * 20_000, 404, "long, and nowhere"),
    (b"/ws/live/demo", 426, "updates are sent over WebSocket"),
    (b"/ws/live/%00", 426, "whatever the id"),
    (b"*", 404, "a form for OPTIONS alone"),
    (b"/api/v1/streams//metrics", 422, "an id that is empty is none"),
    (b"/api/v1/streams//moments", 422, "an id that is empty is none"),
    (b"/" + b"a" * 70_000, 431, "longer than a head may be"),
    (b"/a\x01b", 400, "control characters are no part of a path"),
    (b"/a\x00b", 400, "nor is a bare NUL"),
    (b"/a\tb", 400, "nor a tab"),
    (b"/a b", 400, "a space ends the path"),
    (b"/\xc3\xa9", 400, "bare UTF-8 is not ASCII"),
    (b"/\xff", 400, "nor is anything above it"),
    (b"\\api", 400, "a path begins with a slash"),
    (b"api/v1/streams", 400, "a path begins with a slash"),
    (b"", 400, "there has to be one"),
]


@pytest.mark.parametrize(("path", "status"), [case[:2] for case in _PATHS], ids=[case[2] for case in _PATHS])
async def test_a_path(target: Target, path: bytes, status: int) -> None:
    answer = await target.answers(path, status=status)
    assert "x-evil" not in answer.headers
    assert "set-cookie" not in answer.headers


_IDS = [
    "caf\u00e9", "cafe\u0301", "\u212bngstr\u00f6m", "\u00c5ngstr\u00f6m", "stra\u00dfe", "STRASSE", "\u0130", "i\u0307", "I", "i",
    "a b", "a%20b", "a+b", " a", "a ", "\u00a0a", "100%", "%", "%%", "%25", "%2F", "a_b", "aXb", "a%b", "a\\b", "a\\\\b",
    "a'b", "a''b", 'a"b', "'; drop table streams; --", "$1", "a\r\nb", "a\nb", "a\rb", "\r\nX-Evil: 1", "a\tb", "\x01", "\x1b[2J",
    "\x7f", "\x85", "a/b", "a/b/metrics", "/", "//", ".", "..", "../..", "a?b=c", "a#b", "a&b", "a;b", "a:b", "a@b", "[a]", "{a}",
    "<script>", "\u202egnp.exe", "\u200b", "\ufeffa", "\ufffd", "\uffff", "\U0001f3ac", "\U0010ffff", "\u0660", "null", "undefined", "NaN",
    "0", "-1", "1e5", "__proto__", "health", "metrics", "*", "~", "\u2028", "\u0000"[:0] + "x" * 512, "\u00e9" * 256, "\U0001f3ac" * 128,
]  # fmt: skip


async def _write(writer: asyncpg.Connection) -> None:
    await writer.executemany(
        "insert into streams (stream_id, title) values ($1, $2) on conflict do nothing",
        [(name, f"title {number}") for number, name in enumerate(_IDS)],
    )
    await writer.executemany(
        "insert into chat_summary_minute (stream_id, window_start, window_end, chat_count) "
        "values ($1, '2026-01-01', '2026-01-01 00:01', $2) on conflict do nothing",
        [(name, number) for number, name in enumerate(_IDS)],
    )
    await writer.executemany(
        "insert into moments (moment_id, stream_id, timestamp, moment_type) "
        "values ('id ' || $2, $1, '2026-01-01', 'chat_spike') on conflict do nothing",
        [(name, str(number)) for number, name in enumerate(_IDS)],
    )


def _spellings(name: str) -> list[bytes]:
    """Return how a client may write it in a path: each byte escaped, in either case, and no more than must be."""
    full = "".join(f"%{byte:02X}" for byte in name.encode())
    return [
        full.encode(),
        full.lower().encode(),
        quote(name, safe="").encode(),
        quote(name, safe="!$&'()*+,;=:@").encode(),
    ]


async def test_every_id_is_its_own_stream(target: Target, writer: asyncpg.Connection) -> None:
    await _write(writer)
    for number, name in enumerate(_IDS):
        for spelling in _spellings(name):
            path = b"/api/v1/streams/" + spelling
            stream = await target.answers(path, status=200)
            assert (stream.json["stream_id"], stream.json["title"]) == (name, f"title {number}")
            (window,) = (await target.answers(path + b"/metrics", status=200)).json
            assert (window["stream_id"], window["chat_count"]) == (name, number)
            (moment,) = (await target.answers(path + b"/moments", status=200)).json
            assert (moment["stream_id"], moment["moment_id"]) == (name, f"id {number}")
    # The log has the paths encoded, so that no line is forged by one.
    paths = {line["path"] for line in map(json.loads, target.service.log) if line["event"] == "http_request"}
    assert all(path.isascii() and path.isprintable() for path in paths)


async def test_the_list_has_every_id_as_it_is(target: Target, writer: asyncpg.Connection) -> None:
    await _write(writer)
    # Ids that no path can name are told where ids are told.
    unreachable = ["", "x" * 513, "\u00e9" * 300]
    await writer.executemany(
        "insert into streams (stream_id) values ($1) on conflict do nothing",
        [(name,) for name in unreachable],
    )
    answer = await target.answers(b"/api/v1/streams?limit=500", status=200)
    assert {stream["stream_id"] for stream in answer.json} >= {*_IDS, *unreachable}


async def test_every_id_is_its_own_live_stream(target: Target, writer: asyncpg.Connection) -> None:
    await _write(writer)
    for number, name in enumerate(_IDS):
        async with listening(target, b"/ws/live/" + quote(name, safe="").encode()) as listener:
            connected, snapshot = await listener.message(), await listener.message()
            assert connected["stream_id"] == snapshot["stream_id"] == name
            assert snapshot["stream"]["title"] == f"title {number}"
