"""Hostile headers as raw bytes: what is no header is refused, what contradicts itself is as if it were not there."""

from __future__ import annotations

import gzip

import pytest

from tests.e2e.hostile.wire import GOOD, Target, strict_json

_METRICS = b"/api/v1/streams/demo/metrics?limit=100"
_TRACE = b"4bf92f3577b34da6a3ce929d0e0e4736"

_LINES = [
    ([b"X-A: " + b"a" * 60_000], 200, "a long line"),
    ([b"X-A: " + b"a" * 1_000_000], 431, "a line that is too long"),
    ([b"X-%d: a" % number for number in range(3_000)], 200, "three thousand lines"),
    ([b"X-%d: a" % number for number in range(200_000)], 431, "two hundred thousand lines"),
    ([b"Cookie: " + b"a=b; " * 10_000], 200, "cookies that nobody asked for"),
    ([b"No colon here"], 400, "no colon"),
    ([b": nameless"], 400, "no name"),
    ([b"X A: b"], 400, "a space in a name"),
    ([b"X-A : b"], 400, "a space before the colon (RFC 9112, section 5.1)"),
    ([b"X-\xff: b"], 400, "a name that is not ASCII"),
    ([b"X-A: a\0b"], 400, "a NUL"),
    ([b"X-A: a\rb"], 400, "a bare carriage return"),
    ([b"X-A: a\n X-Evil: 1"], 400, "a bare line feed"),
    ([b"X-A: a\r\n folded"], 400, "a folded line (RFC 9112, section 5.2)"),
    ([b"X-A: a\x1bb"], 400, "a control character"),
    ([b"X-A: \xff\xfe"], 200, "bytes above ASCII are nobody's"),
    ([b"Accept: image/png"], 406, "no picture is to be had"),
    ([b"Accept: " + b"image/png," * 5_000], 406, "five thousand types, and none of them"),
    ([b"Accept: application/json" + b";" * 60_000], 200, "nothing but semicolons behind a type"),
    ([b"Accept: " + b"," * 60_000], 200, "nothing but commas"),
    ([b"Accept: ;;;q=nan,*/*;q=\xff"], 200, "what can't be read is as if it were not there"),
    ([b"Content-Type: \xff;charset=\xfe"], 200, "a type of no body"),
    ([b"X-Forwarded-For: ]:[::1, \xff", b"X-Forwarded-Proto: https://"], 200, "nobody is asked who asks"),
    ([b'Forwarded: for="_\xff";;;'], 200, "nobody is asked who asks"),
    ([b"Range: bytes=0-3"], 200, "ranges need not be given (RFC 9110, section 14.2)"),
    ([b"Range: bytes=" + b"0-," * 10_000], 200, "ranges need not be given"),
    ([b"If-Range: x", b"If-Match: x", b"If-Unmodified-Since: x"], 200, "conditions of what is never changed here"),
    ([b"If-Modified-Since: \xff"], 200, "a date that is none"),
    ([b"If-None-Match: " + b'"a",' * 14_000], 200, "fourteen thousand validators"),
    ([b"If-None-Match: " + b'"' * 60_000], 200, "nothing but quotes"),
    ([b"If-None-Match: " + b"W/" * 30_000], 200, "weak, and nothing else"),
    ([b"If-None-Match: \xff"], 200, "a validator that is not ASCII"),
    ([b"If-None-Match: *"], 304, "whatever there is"),
    ([b"If-None-Match: W/*"], 200, "no such form"),
    ([b"Accept-Encoding: " + b",".join(b"gzip;q=0.%d" % n for n in range(5_000))], 200, "five thousand weights"),
    ([b"Accept-Encoding: gzip" + b";" * 60_000], 200, "nothing but semicolons"),
    ([b"Accept-Encoding: " + b"," * 60_000], 200, "nothing but commas"),
    ([b"Accept-Encoding: *;q=0, identity;q=0"], 200, "nothing is acceptable: the plain one (RFC 9110, section 12.5.3)"),
    ([b"Origin: http://a", b"Origin: http://b"], 200, "two origins are none"),
    ([b"Origin: " + b"a" * 60_000], 200, "a long origin"),
    ([b"Origin: \xff\xfe"], 200, "an origin that is not ASCII"),
    ([b"traceparent: 00-" + b"0" * 60_000], 200, "a long trace"),
    ([b"traceparent: \xff"], 200, "a trace that is not ASCII"),
    ([b"traceparent: 00-%b-00f067aa0ba902b7-01" % _TRACE.upper()], 200, "a trace in large letters"),
    ([b"traceparent: 00-%b-00f067aa0ba902b7-01" % _TRACE] * 2, 200, "two traces"),
    ([b"tracestate: " + b"a=b," * 10_000], 200, "a long state"),
    ([b"Host: b"], 200, "a second host: nothing here goes by it"),
    ([b"Content-Length: 0"], 200, "a body of nothing"),
    ([b"Expect: the-unexpected"], 200, "an expectation that nobody knows may be passed over"),
    ([b"Connection: close, \xff, keep-alive"], 200, "several wishes"),
    ([b"Connection: X-Request-ID, Host"], 200, "hop by hop is for proxies"),
    ([b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABk"], 200, "HTTP/2 is not spoken"),
    ([b"Upgrade: \xff", b"Connection: upgrade"], 200, "nor is anything else"),
    ([b"TE: trailers, \xff"], 200, "no trailers are sent"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "status"), [case[:2] for case in _LINES], ids=[case[2] for case in _LINES])
async def test_header_lines(target: Target, lines: list[bytes], status: int) -> None:
    answer = await target.answers(GOOD.encode(), *lines, status=status)
    assert "access-control-allow-origin" not in answer.headers
    assert "x-evil" not in answer.headers
    if status == 200:
        body = gzip.decompress(answer.body) if "content-encoding" in answer.headers else answer.body
        assert len(strict_json(body)) == 3
    await target.serves()


@pytest.mark.parametrize(
    "lines",
    [
        [b"X-Request-ID: a b"], [b"X-Request-ID: a%0d%0aX-Evil: 1"], [b"X-Request-ID: \xff"], [b"X-Request-ID: " + b"a" * 129],
        [b"X-Request-ID: " + b"a" * 50_000], [b"X-Request-ID: one", b"X-Request-ID: two"], [b"X-Request-ID:"],
        [b'X-Request-ID: "'], [b"X-Request-ID: a\tb"], [b'X-Request-ID: x","level":"error'], [b"X-Request-ID: <b>"],
        [b"X-Request-ID: \xe2\x80\xae"], [b"X-Request-ID: one, two"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", [GOOD.encode(), b"/health", b"/nowhere"])
async def test_a_name_that_is_not_sane_is_not_taken_over(
    target: Target, path: bytes, lines: list[bytes]
) -> None:
    answer = await target.get(path, *lines)
    assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers["x-request-id"].isalnum()
    assert "x-evil" not in answer.headers


async def test_several_validators_are_one_list(target: Target) -> None:
    tag = (await target.get(GOOD.encode())).headers["etag"].encode()
    both = [b'If-None-Match: "other"', b"If-None-Match: W/" + tag]
    await target.answers(GOOD.encode(), *both, status=304)
    await target.answers(GOOD.encode(), *both, b"traceparent: x", status=304)
    await target.answers(GOOD.encode(), b'If-None-Match: "' + tag[1:-1] + b'x"', status=200)


@pytest.mark.parametrize(
    ("value", "coding"),
    [
        (b"gzip;q=nan", "gzip"),
        (b"zstd;q=nan, gzip;q=0.1", "zstd"),
        (b"gzip;q=1e999", "gzip"),
        (b"gzip;q=-1", None),
        (b"gzip;q=\xff", "gzip"),
        (b"gzip;q=0.0000000000000000000000000000001", "gzip"),
        (b"gzip;q=0", None),
        (b"gzip;q=0, *", "zstd"),
        (b"\xff, gzip", "gzip"),
        (b"gzip\0", "refused"),
        (b"identity;q=0, gzip;q=0.001", "gzip"),
        (b"compress, deflate, exi, pack200-gzip", None),
    ],
)
async def test_an_absurd_weight(target: Target, value: bytes, coding: str | None) -> None:
    answer = await target.get(_METRICS, b"Accept-Encoding: " + value)
    if coding == "refused":
        assert answer.status == 400
        return
    assert (answer.status, answer.headers.get("content-encoding")) == (200, coding)
    if coding == "gzip":
        assert gzip.decompress(answer.body) == (await target.get(_METRICS)).body


async def test_two_positions_are_none(target: Target) -> None:
    position = (await target.get(GOOD.encode())).headers["telemetra-position"].encode()
    line = b"Telemetra-Position: " + position
    await target.answers(GOOD.encode(), line, status=200)
    await target.answers(GOOD.encode(), line, line, status=422)
