"""Hostile frames as raw bytes (FAULTS, rows 23 to 26): what each is answered with, while others are served as ever."""

from __future__ import annotations

import struct
from contextlib import AsyncExitStack

import pytest

from tests.e2e.hostile.frames import BINARY, CLOSE, PING, PONG, TEXT, frame, listening
from tests.e2e.hostile.wire import Target

_HELLO = frame(TEXT, b'{"type":"ping"}')
_CONTINUED = 0


def _closing(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack(">H", code) + reason)


_ENDS = [
    (frame(TEXT, b"{}", masked=False), 1002, "a client has to mask"),
    (b"\0" * 1_000, 1002, "noughts"),
    (b"\xff" * 1_000, 1002, "ones"),
    (b"GET / HTTP/1.1\r\n\r\n", 1002, "HTTP after the handshake"),
    *((frame(TEXT, b"{}", reserved=bits), 1002, f"reserved bits {bits:03b}") for bits in (1, 2, 4, 7)),
    *((frame(opcode, b"a"), 1002, f"reserved opcode {opcode}") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    (frame(PING, b"a", final=False), 1002, "a fragmented ping"),
    (frame(PONG, b"a", final=False), 1002, "a fragmented pong"),
    (frame(CLOSE, b"\x03\xe8", final=False), 1002, "a fragmented close"),
    (frame(PING, b"a" * 126), 1002, "a ping over 125 bytes"),
    (frame(CLOSE, b"\x03\xe8" + b"a" * 124), 1002, "a close over 125 bytes"),
    (frame(_CONTINUED, b"a"), 1002, "a continuation of nothing"),
    (frame(TEXT, b"a", final=False) + frame(TEXT, b"b"), 1002, "a message inside another"),
    (frame(TEXT, b"a", final=False) + frame(BINARY, b"b"), 1002, "a binary message inside another"),
    (frame(TEXT, b"a" * (64 * 1024 + 1)), 1009, "a byte over 64 KiB"),
    (frame(TEXT, b"", claims_bytes=1 << 30), 1009, "a gigabyte that is only claimed"),
    (frame(TEXT, b"", claims_bytes=(1 << 63) - 1), 1009, "the longest there can be, claimed"),
    (frame(TEXT, b"", claims_bytes=1 << 63), 1009, "a length with the highest bit (RFC 6455 has it nought), claimed"),
    (frame(TEXT, b"a" * 40_000, final=False) + frame(_CONTINUED, b"a" * 40_000), 1009, "over 64 KiB in fragments"),
    (frame(TEXT, b"", final=False) + frame(_CONTINUED, b"a", final=False) * 300, 1009, "three hundred fragments"),
    (frame(TEXT, b"\xff\xfe"), 1007, "not UTF-8"),
    (frame(TEXT, b'"\xed\xa0\x80"'), 1007, "a surrogate"),
    (frame(TEXT, b"\xc0\xaf"), 1007, "overlong UTF-8"),
    (frame(TEXT, b"\xf4\x90\x80\x80"), 1007, "beyond U+10FFFF"),
    (frame(TEXT, b"\xc3", final=False) + frame(_CONTINUED, b"("), 1007, "wrong UTF-8 across fragments"),
    (frame(TEXT, b"\xc3"), 1007, "UTF-8 that breaks off"),
    (frame(TEXT, b"?") * 2, 1008, "what is no JSON, twice"),
    (frame(BINARY, b"a") * 2, 1008, "binary messages, twice"),
    (frame(TEXT, b"[" * 60_000) * 2, 1008, "deep lists, twice"),
    (frame(TEXT, b'{"a":' * 12_000) * 2, 1008, "deep objects, twice"),
    (_HELLO * 200, 1008, "two hundred messages at once"),
    (frame(PING, b"a") * 1_000, 1008, "a thousand pings at once"),
    (frame(PONG, b"a") * 1_000, 1008, "a thousand pongs at once"),
    (frame(TEXT) * 200, 1008, "two hundred empty messages"),
    (_closing(1000), 1000, "a good-bye"),
    (_closing(1000, b"x" * 123), 1000, "a good-bye with a long reason"),
    (_closing(3000), 3000, "a code of a library's"),
    (_closing(4999), 4999, "a code of an application's"),
    (frame(CLOSE), None, "a good-bye without a code"),
    (frame(CLOSE, b"a"), 1002, "half a code"),
    *((_closing(code), 1002, f"code {code}, which is not sent") for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)),
    (_closing(1000, b"\xff"), 1007, "a reason that is not UTF-8"),
    (_closing(1000) + _HELLO * 10, 1000, "messages after a good-bye"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "code"), [case[:2] for case in _ENDS], ids=[case[2] for case in _ENDS])
async def test_what_ends_a_conversation(target: Target, data: bytes, code: int | None) -> None:
    async with AsyncExitStack() as stack:
        quiet = await stack.enter_async_context(listening(target))
        hostile = await stack.enter_async_context(listening(target))
        for listener in (quiet, hostile):
            assert [(await listener.message())["type"] for _ in range(2)] == ["connected", "snapshot"]
        await hostile.send(data)
        ended = await hostile.end()
        assert ended.code == code
        if code == 1008:
            assert ended.reason in {"message_invalid", "too_many_messages"}
        await quiet.send(_HELLO)
        assert (await quiet.message())["type"] == "pong"
    await target.serves()


_GOES_ON = [
    (frame(TEXT, b'{"type":'), "error", "what is no JSON"),
    (frame(TEXT), "error", "nothing"),
    (frame(TEXT, b"\0"), "error", "a NUL"),
    (frame(TEXT, b"null"), "error", "nothing, in JSON"),
    (frame(TEXT, b"[]"), "error", "a list"),
    (frame(TEXT, b'"ping"'), "error", "a word"),
    (frame(TEXT, b"{}"), "error", "no type"),
    (frame(TEXT, b'{"type":1}'), "error", "a type that is a number"),
    (frame(TEXT, b'{"type":null}'), "error", "a type that is nothing"),
    (frame(TEXT, b'{"type":["ping"]}'), "error", "a type that is a list"),
    (frame(TEXT, b'{"type":"PING"}'), "error", "types have a case"),
    (frame(TEXT, b'{"type":"pong"}'), "error", "a type of the server's"),
    (frame(TEXT, b'{"Type":"ping"}'), "error", "names have a case"),
    (frame(TEXT, b'{"type":"\\ud800"}'), "error", "a lone surrogate, escaped"),
    (frame(TEXT, b'{"type":"\\u0000"}'), "error", "a NUL, escaped"),
    (frame(TEXT, b'{"type":"ping","type":"x"}'), "error", "two types"),
    (frame(TEXT, b'{"type":"ping"} {"type":"ping"}'), "error", "two messages in one"),
    (frame(TEXT, b"\xef\xbb\xbf" + b'{"type":"ping"}'), "error", "a byte order mark"),
    (frame(TEXT, b"NaN"), "error", "no number"),
    (frame(TEXT, b"1e999999"), "error", "a number without bounds"),
    (frame(TEXT, b"9" * 60_000), "error", "sixty thousand digits"),
    (frame(TEXT, b"[" * 60_000), "error", "sixty thousand lists in each other"),
    (frame(TEXT, b'{"__proto__":{"type":"ping"}}'), "error", "a prototype"),
    (frame(TEXT, b'"' + b"a" * (64 * 1024 - 2) + b'"'), "error", "64 KiB, to the byte"),
    (frame(BINARY, b'{"type":"ping"}'), "error", "a binary message"),
    (frame(BINARY), "error", "an empty binary message"),
    (_HELLO, "pong", "a ping"),
    (frame(TEXT, b' \r\n\t{ "type" : "\\u0070ing" } '), "pong", "a ping in another spelling"),
    (frame(TEXT, b'{"type":"ping","more":1}'), "pong", "a ping of a later version"),
    (frame(TEXT, b'{"type":', final=False) + frame(PING, b"x") + frame(_CONTINUED, b'"ping"}'), "pong", "a ping inside a fragmented one"),
    (frame(TEXT, b"", final=False) * 1 + frame(_CONTINUED, b"", final=False) * 1_000 + frame(_CONTINUED, b'{"type":"ping"}'), "pong", "fragments of nothing"),
    (frame(PONG, b"nobody asked") + _HELLO, "pong", "a pong that nobody asked for"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "kind"), [case[:2] for case in _GOES_ON], ids=[case[2] for case in _GOES_ON]
)
async def test_what_is_answered_and_no_more(target: Target, data: bytes, kind: str) -> None:
    async with listening(target) as listener:
        assert [(await listener.message())["type"] for _ in range(2)] == ["connected", "snapshot"]
        await listener.send(data)
        told = await listener.message()
        assert told["type"] == kind
        if kind == "error":
            assert told["code"] == "message_invalid"
        await listener.send(_HELLO)
        assert (await listener.message())["type"] == "pong"


async def test_frames_that_come_with_the_handshake_are_not_waited_for(target: Target) -> None:
    """Nothing may be sent before the answer (RFC 6455, section 4.1); who does is served as if it had not."""
    async with listening(target, b"/ws/live/demo", b"", _HELLO) as listener:
        assert [(await listener.message())["type"] for _ in range(2)] == ["connected", "snapshot"]


async def test_a_frame_byte_by_byte_is_a_frame(target: Target) -> None:
    async with listening(target) as listener:
        assert [(await listener.message())["type"] for _ in range(2)] == ["connected", "snapshot"]
        for byte in _HELLO:
            await listener.send(bytes((byte,)))
        assert (await listener.message())["type"] == "pong"
