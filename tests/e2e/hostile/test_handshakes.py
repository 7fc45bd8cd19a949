"""Hostile handshakes as raw bytes (FAULTS, rows 27, 28 and 30): who is let in, and how the others are told."""

from __future__ import annotations

import re

import pytest

from telemetra.domain.positions import NOTHING_SEEN
from tests.e2e.hostile.frames import handshake, listening, shaken
from tests.e2e.hostile.wire import GOOD, Target

_KEY = b"Sec-WebSocket-Key"

_REFUSED = [
    (handshake(without=b"Sec-WebSocket-Version"), 400, "no version"),
    (handshake(b"/ws/live/demo", b"Sec-WebSocket-Version: 8", without=b"Sec-WebSocket-Version"), 400, "another version"),
    (handshake(b"/ws/live/demo", b"Sec-WebSocket-Version: 13"), 400, "two versions"),
    (handshake(without=_KEY), 400, "no key"),
    (handshake(b"/ws/live/demo", _KEY + b": abc", without=_KEY), 400, "a short key"),
    (handshake(b"/ws/live/demo", _KEY + b": " + b"A" * 5_000, without=_KEY), 400, "a long key"),
    (handshake(b"/ws/live/demo", _KEY + b": \xff\xfe", without=_KEY), 400, "a key that is not ASCII"),
    (handshake(b"/ws/live/demo", _KEY + b": AAAAAAAAAAAAAAAAAAAAAA=="), 400, "two keys"),
    (handshake(without=b"Upgrade"), 426, "no protocol to change to"),
    (handshake(without=b"Connection"), 426, "no wish to change"),
    (handshake(b"/ws/live/demo", b"Upgrade: h2c", without=b"Upgrade"), 426, "another protocol"),
    (handshake(method=b"POST"), 405, "another method"),
    (handshake(method=b"get"), 400, "a method in small letters"),
    (handshake(b"/ws/live/demo", b"Content-Length: 3") + b"abc", 400, "a body"),
    (handshake(b"/ws/live/demo", b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400, "a chunked body"),
    (handshake(b"/ws/live/" + b"a" * 9_000), 414, "a path over 8 KB"),
    (handshake(b"/ws/live/demo?since=" + b"A" * 60_000), 414, "a query over 8 KB"),
    (handshake(b"/ws/live/demo", b"X-Long: " + b"a" * 9_000), 431, "a header line over 8 KB"),
    (handshake(b"/ws/live/demo", *[b"X-Many: a"] * 200), 431, "more than 128 header lines"),
    (handshake(b"/ws/live/demo", b"Sec-WebSocket-Protocol: \xff, ,;"), 400, "protocols that are no words"),
    (handshake(b"/"), 403, "no socket's path"),
    (handshake(b"/ws/live"), 403, "no stream"),
    (handshake(b"/ws/live/"), 403, "an empty stream"),
    (handshake(b"/ws/live/demo/"), 403, "a slash too many"),
    (handshake(b"/ws/live/demo/metrics"), 403, "a part of a stream"),
    (handshake(b"//ws/live/demo"), 403, "an empty segment"),
    (handshake(b"/WS/live/demo"), 403, "letters have a case"),
    (handshake(b"/api/v1/streams"), 403, "a path of HTTP"),
    (handshake(b"http://telemetra.test/ws/live/demo"), 403, "absolute form"),
    (handshake(b"/ws/live/demo", b"Origin: https://evil.example"), 403, "a foreign origin"),
    (handshake(b"/ws/live/demo", b"Origin: http://telemetra.test:8000"), 403, "our host on another port"),
    (handshake(b"/ws/live/demo", b"Origin: http://telemetra.test.evil.example"), 403, "our host as a part"),
    (handshake(b"/ws/live/demo", b"Origin: http://evil.example/telemetra.test"), 403, "our host as a path"),
    (handshake(b"/ws/live/demo", b"Origin: http://telemetra.test@evil.example"), 403, "our host as a user"),
    (handshake(b"/ws/live/demo", b"Origin: http://evil.example@telemetra.test"), 403, "a user at our host"),
    (handshake(b"/ws/live/demo", b"Origin: http://telemetra.test\\@evil.example"), 403, "a backslash"),
    (handshake(b"/ws/live/demo", b"Origin: http://telemetra.test."), 403, "our host with a dot"),
    (handshake(b"/ws/live/demo", b"Origin: file://telemetra.test"), 403, "another scheme"),
    (handshake(b"/ws/live/demo", b"Origin: telemetra.test"), 403, "no scheme"),
    (handshake(b"/ws/live/demo", b"Origin: null"), 403, "null: a page without an origin"),
    (handshake(b"/ws/live/demo", b"Origin:"), 403, "an empty origin"),
    (handshake(b"/ws/live/demo", b"Origin: \xff\xfe"), 403, "an origin that is not ASCII"),
    (handshake(b"/ws/live/demo", b"Origin: http://[::1"), 403, "an address that breaks off"),
    (handshake(b"/ws/live/demo", b"Origin: http://telemetra.test:99999999"), 403, "a port beyond 16 bits"),
    (handshake(b"/ws/live/demo", b"Origin: http://telemetra.test:\xd9\xa8"), 403, "a port in other digits"),
    (handshake(b"/ws/live/demo", b"Origin: http://telemetra.test", b"Origin: https://evil.example"), 400, "two origins"),
    (handshake(b"/ws/live/demo", b"Origin: http://telemetra.test, https://evil.example"), 403, "two origins in a list"),
    (handshake(b"/ws/live/demo", b"Origin: http://evil.example", b"Host: evil.example"), 403, "a second host"),
    (handshake(b"/ws/live/demo", b"Origin: http://telemetra.test", without=b"Host"), 403, "an origin, and no host"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "status"), [case[:2] for case in _REFUSED], ids=[case[2] for case in _REFUSED]
)
async def test_a_handshake_that_is_refused(target: Target, data: bytes, status: int) -> None:
    answer = await shaken(target, data)
    assert answer.status == status
    await target.serves()


_WELCOME = [
    (handshake(), "a program, which tells no origin"),
    (handshake(b"/ws/live/demo", b"Origin: http://telemetra.test"), "our own page"),
    (handshake(b"/ws/live/demo", b"Origin: http://telemetra.test:80"), "our own page with the port of its scheme"),
    (handshake(b"/ws/live/demo", b"Origin: HTTP://TELEMETRA.TEST"), "hosts have no case"),
    (handshake(b"/ws/live/demo", b"Origin: https://telemetra.test"), "a proxy in front ends TLS"),
    (handshake(b"/ws/live/d%65mo"), "an escape that need not be one"),
    (handshake(b"/ws/live/demo", b"X-A: \xff"), "bytes above ASCII are nobody's"),
    (handshake(b"/ws/live/demo", b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99"), "an extension that is passed over"),
    (handshake(b"/ws/live/demo", b"Sec-WebSocket-Extensions: ;;=\xff"), "extensions that are no words are not read"),
    (handshake(b"/ws/live/demo", b"Sec-WebSocket-Protocol: chat, superchat"), "protocols that are passed over"),
    (handshake(b"/ws/live/demo", b"Connection: keep-alive, Upgrade", without=b"Connection"), "several wishes"),
    (handshake(without=b"Host"), "no host, and no origin to be held against it"),
    (handshake(version=b"HTTP/1.0"), "as old as it says it is"),
    (b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" + handshake(), "behind a request that is still being answered"),
]  # fmt: skip


@pytest.mark.parametrize("data", [case[0] for case in _WELCOME], ids=[case[1] for case in _WELCOME])
async def test_a_handshake_that_is_taken(target: Target, data: bytes) -> None:
    async with target.connected() as connection:
        await connection.send(data)
        if data.startswith(b"GET /health"):
            # Both write to one connection; what is sure is that the service stands.
            await connection.reader.readexactly(1)
        else:
            answer = await connection.answer(has_body=False)
            assert answer.status == 101
            assert not answer.headers.keys() & {"sec-websocket-extensions", "sec-websocket-protocol"}
    await target.serves()


async def test_a_request_id_from_outside_is_in_no_line_of_the_log(target: Target) -> None:
    forged = b'X-Request-ID: x","level":"error","event":"forged'
    async with listening(target, b"/ws/live/demo", forged) as listener:
        assert (await listener.message())["type"] == "connected"
    await target.serves()
    await target.service.logged(event="http_request", request_id=target.last_request)
    assert not re.search("forged", "\n".join(target.service.log))


_SINCE = [
    (b"", "nothing"),
    (b"x", "no base64"),
    (b"%00", "a NUL"),
    (b"%ff%fe", "not UTF-8"),
    (b"%", "a broken escape"),
    (b"AWhmGqDEbrXN1fgCAA", "of another database"),
    (str(NOTHING_SEEN).encode(), "of no history"),
    (b"A" * 2_049, "too long"),
    (b"A" * 7_000, "much too long"),
    (b"AQAAAAAAAAAA____________", "numbers beyond 64 bits"),
    (b"POSITION==", "padding"),
    (b"POSITION&since=POSITION", "given twice"),
    (b"POSITION&since=", "given twice, once empty"),
    (b"POSITION" + b"&x=1" * 100, "among a hundred others"),
    (b"%50OSITION%0a", "a line's end"),
    (b"' or '1'='1", "SQL"),
]


@pytest.mark.parametrize("since", [case[0] for case in _SINCE], ids=[case[1] for case in _SINCE])
async def test_a_since_that_can_t_be_used_is_told_so(target: Target, since: bytes) -> None:
    if b" " in since:
        since = since.replace(b" ", b"%20")
    position = (await target.get(GOOD.encode())).headers["telemetra-position"].encode()
    async with listening(target, b"/ws/live/demo?since=" + since.replace(b"POSITION", position)) as listener:
        connected, snapshot = await listener.message(), await listener.message()
    assert (connected["type"], connected["resumed"]) == ("connected", False)
    assert (snapshot["type"], len(snapshot["metrics"])) == ("snapshot", 60)


async def test_a_good_since_is_used(target: Target) -> None:
    position = (await target.get(GOOD.encode())).headers["telemetra-position"].encode()
    async with listening(target, b"/ws/live/demo?since=" + position) as listener:
        assert (await listener.message())["resumed"] is True


_NO_STREAMS = [
    b"nobody",
    b"%00",
    b"%ff",
    b"%zz",
    b"%c0%af",
    b"%ed%a0%80",
    b"demo%2F",
    b"a%0d%0aX-Evil:%201",
    b"x" * 5_000,
    b"DEMO",
]


@pytest.mark.parametrize("segment", _NO_STREAMS)
async def test_an_unknown_stream_is_4404(target: Target, segment: bytes) -> None:
    async with listening(target, b"/ws/live/" + segment) as listener:
        ended = await listener.end()
    assert (ended.code, ended.reason) == (4404, "stream_not_found")
    assert [message["code"] for message in ended.messages] == ["stream_not_found"]
