"""Hostile requests as raw bytes: methods, versions, bodies, and tries to have one request taken for two."""

from __future__ import annotations

from itertools import count

import pytest

from tests.e2e.hostile.wire import GOOD, Target, judge

_HOST = b"Host: telemetra.test\r\n"
_NAME = b"next-0000000"
# The root is told in the log, as a probe that goes well is not.
_NEXT = b"GET / HTTP/1.1\r\n" + _HOST + b"X-Request-ID: " + _NAME + b"\r\n\r\n"
_numbers = count(1)


def _request(
    *lines: bytes, method: bytes = b"GET", path: bytes = GOOD.encode(), version: bytes = b"HTTP/1.1"
) -> bytes:
    return b"\r\n".join([method + b" " + path + b" " + version, _HOST[:-2], *lines, b"", b""])


_METHODS = [
    (b"HEAD", 200, "for every GET"),
    (b"OPTIONS", 204, "says what is allowed"),
    (b"POST", 405, "nothing is written over HTTP"),
    (b"PUT", 405, "nothing is written over HTTP"),
    (b"PATCH", 405, "nothing is written over HTTP"),
    (b"DELETE", 405, "nothing is deleted over HTTP"),
    (b"TRACE", 405, "nobody's headers are told back"),
    (b"QUERY", 405, "a method of another document"),
    (b"PROPFIND", 405, "a method of WebDAV"),
    (b"PURGE", 405, "a method of caches"),
    (b"CONNECT", 405, "no proxy is here"),
    (b"BREW", 400, "a made-up method"),
    (b"get", 400, "methods have a case"),
    (b"Get", 400, "methods have a case"),
    (b"G\xcbT", 400, "a method that is not ASCII"),
    (b"A" * 10_000, 400, "a long method"),
    (b"GET\0", 400, "a NUL"),
    (b"", 400, "no method"),
]


@pytest.mark.parametrize(
    ("method", "status"), [case[:2] for case in _METHODS], ids=[case[2] for case in _METHODS]
)
async def test_a_method(target: Target, method: bytes, status: int) -> None:
    answer = await target.answers(GOOD.encode(), b"X-Secret: hush", method=method, status=status)
    if status in {204, 405}:
        assert {part.strip() for part in answer.headers["allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}
    assert b"hush" not in answer.body


_ALONE = [
    (b"GET /health HTTP/1.0\r\n\r\n", 200, "HTTP/1.0 has no hosts"),
    (
        b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        200,
        "HTTP/1.0 stays only by agreement, which is not made",
    ),
    (b"GET /health\r\n\r\n", 200, "HTTP/0.9 is answered by 1.1"),
    (_request(version=b"HTTP/1.2"), 400, "a version that there is not"),
    (_request(version=b"HTTP/2.0"), 200, "a version of another wire, in the words of this one"),
    (_request(version=b"http/1.1"), 400, "versions have a case"),
    (_request(version=b"HTTP/1.1 x"), 400, "something behind the version"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "HTTP/2 by prior knowledge"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100, 400, "TLS"),
    (b"\x05\x01\x00" + b"\r\n" * 8, 400, "SOCKS"),
    (b"\x80\x01\x00\r\n\r\n", 400, "nothing known"),
    (b"GET /health HTTP/1.1\nHost: a\n\n", 400, "bare line feeds"),
    (b"\r\n\r\n" + _NEXT, 200, "empty lines before (RFC 9112, section 2.2)"),
    (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", 400, "a proxy's own form"),
    (_request(path=b"http://evil.example" + GOOD.encode()), 200, "absolute form (RFC 9112, section 3.2.2)"),
    (_request(path=b"https://telemetra.test/nowhere"), 404, "absolute form of no path"),
    (_request(path=b"http://evil.example"), 400, "absolute form without a path"),
    (_request(path=b"ftp://evil.example/x"), 404, "absolute form of another scheme"),
    (_request(path=b"*", method=b"OPTIONS"), 404, "the server as a whole has no options"),
    (_request(path=b"/health#fragment"), 200, "a fragment is the client's own"),
    (b"GET /health HTTP/1.1\r\n\r\n", 200, "no host: nothing here goes by it"),
    (_request(b"Expect: 100-continue", b"Content-Length: 5", method=b"POST"), 405, "no body is waited for"),
    (_request(b"Expect: 100-continue", b"Content-Length: 5"), 200, "no body is waited for"),
    (_request(b"Content-Length: 1000000"), 200, "a body that does not come"),
    (_request(b"Content-Length: -1"), 400, "a negative length"),
    (_request(b"Content-Length: +4") + b"abcd", 400, "a length with a sign"),
    (_request(b"Content-Length: 0x4") + b"abcd", 400, "a hexadecimal length"),
    (_request(b"Content-Length: 4, 4") + b"abcd", 400, "two lengths in a list"),
    (_request(b"Content-Length: 4 4") + b"abcd", 400, "two lengths in a word"),
    (_request(b"Content-Length: " + b"9" * 30), 400, "a length beyond 64 bits"),
    (_request(b"Content-Length: 18446744073709551616"), 400, "a length that is nought in 64 bits"),
    (_request(b"Content-Length:"), 400, "no length"),
]


@pytest.mark.parametrize(("data", "status"), [case[:2] for case in _ALONE], ids=[case[2] for case in _ALONE])
async def test_one_request(target: Target, data: bytes, status: int) -> None:
    judge(await target.ask(data), status)
    await target.serves()


_CHUNKED = b"Transfer-Encoding: chunked"
_ONE_OR_TWO = [
    (_request() + _NEXT, [200, 200], "two are two"),
    (_request(b"Content-Length: 5") + b"hello" + _NEXT, [200, 200], "a body on GET is read over"),
    (_request(_CHUNKED) + b"5\r\nhello\r\n0\r\n\r\n" + _NEXT, [200, 200], "a chunked one, too"),
    (
        _request(_CHUNKED) + b"5;a=b;" + b"c" * 5_000 + b"\r\nhello\r\n0\r\nX-Evil: 1\r\n\r\n" + _NEXT,
        [200, 200],
        "extensions and trailers",
    ),
    (_request(b"Content-Length: %d" % len(_NEXT)) + _NEXT, [200], "a request in a body is none"),
    (_request(_CHUNKED) + b"%x\r\n" % len(_NEXT) + _NEXT + b"\r\n0\r\n\r\n", [200], "nor is one in a chunk"),
    (_request(b"Content-Length: 6", _CHUNKED) + b"0\r\n\r\n" + _NEXT, [400], "both lengths"),
    (
        _request(_CHUNKED, b"Content-Length: 6") + b"0\r\n\r\n" + _NEXT,
        [400],
        "both lengths, the other way round",
    ),
    (_request(b"Content-Length: 0", b"Content-Length: %d" % len(_NEXT)) + _NEXT, [400], "two lengths"),
    (_request(b"Content-Length: 4", b"Content-Length: 4") + b"abcd" + _NEXT, [400], "two equal lengths"),
    (_request(b"Transfer-Encoding: xchunked") + b"0\r\n\r\n" + _NEXT, [400], "a coding that is not known"),
    (_request(b"Transfer-Encoding: identity") + _NEXT, [400], "a coding that is none"),
    (
        _request(b"Transfer-Encoding: chunked, identity") + b"0\r\n\r\n" + _NEXT,
        [400],
        "chunked, and then not",
    ),
    (_request(b"Transfer-Encoding: identity, chunked") + b"0\r\n\r\n" + _NEXT, [200, 200], "chunked at last"),
    (_request(b"Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n" + _NEXT, [400], "a vertical tab before it"),
    (_request(b"Transfer-Encoding : chunked") + b"0\r\n\r\n" + _NEXT, [400], "a space before the colon"),
    (
        _request(b"X: y\nTransfer-Encoding: chunked") + b"0\r\n\r\n" + _NEXT,
        [400],
        "hidden behind a bare line feed",
    ),
    (_request(_CHUNKED, _CHUNKED) + b"0\r\n\r\n" + _NEXT, [400], "chunked twice"),
    (
        _request(_CHUNKED) + b"zz\r\n\r\n" + _NEXT,
        [400],
        "a chunk without a size",
    ),
    (_request(_CHUNKED) + b"-1\r\n\r\n" + _NEXT, [400], "a negative size"),
    (_request(_CHUNKED) + b"f" * 17 + b"\r\n\r\n" + _NEXT, [400], "a size beyond 64 bits"),
    (_request(_CHUNKED) + b"5\r\nhelloXX0\r\n\r\n" + _NEXT, [400], "a chunk longer than it says"),
    (_request(_CHUNKED) + b"0\n\n" + _NEXT, [400], "bare line feeds among chunks"),
    (_request() + b"GARBAGE\r\n\r\n" + _NEXT, [200], "garbage behind a good one ends it"),
    (_request(method=b"HEAD") + _NEXT, [200, 200], "HEAD has no body that the next could be taken for"),
    (_request(b"If-None-Match: *") + _NEXT, [304, 200], "nor has 304"),
    (_request(b"Connection: close") + _NEXT, [200], "the last one is the last"),
    (
        _request() + _request(_CHUNKED, b"X-Request-ID: " + _NAME) + b"zz\r\n\r\n" + _NEXT,
        [200],
        "what was asked before a bad one is answered",
    ),
    (_request() + _request() + b"GARBAGE\r\n\r\n" + _NEXT, [200, 200], "two good ones before garbage"),
    (_NEXT * 100, [200] * 100, "a hundred at once are answered in order"),
]


@pytest.mark.parametrize(
    ("data", "statuses"), [case[:2] for case in _ONE_OR_TWO], ids=[case[2] for case in _ONE_OR_TWO]
)
async def test_what_is_one_request_and_what_is_two(target: Target, data: bytes, statuses: list[int]) -> None:
    """The log tells whether the second was taken for a request, whatever was answered."""
    name = f"next-{next(_numbers):07}"
    async with target.connected() as connection:
        await connection.send(data.replace(_NAME, name.encode()))
        for number, status in enumerate(statuses):
            judge(await connection.answer(has_body=number > 0 or not data.startswith(b"HEAD")), status)
    await target.serves()
    await target.service.logged(event="http_request", request_id=target.last_request)
    told = [line for line in target.service.log if f'"request_id":"{name}"' in line]
    assert len(told) == max(0, len(statuses) - data.count(GOOD.encode()))
