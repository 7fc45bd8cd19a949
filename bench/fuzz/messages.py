"""Targets that read a message: of a client on the live socket, of the bus, and what other processes have kept."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from bench.fuzz.target import Target, hold

from telemetra.adapters.redis.messages import MessageUnreadable, StepAssembly, encode_header, encode_parts
from telemetra.domain.changes import Change, ChangeKind, Removal, Step, tag_of
from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.positions import ChangeKey, Position, Snapshot
from telemetra.domain.queries import Answer
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow
from telemetra.entrypoints.cache.entries import Entry
from telemetra.entrypoints.cache.questions import Question
from telemetra.entrypoints.cache.shared import decode, encode
from telemetra.entrypoints.http.answers import is_among, make_reply
from telemetra.entrypoints.http.streams import LIST_READ
from telemetra.entrypoints.live.ending import ListenerEnded
from telemetra.entrypoints.live.frames import Burst, payloads_of
from telemetra.entrypoints.live.inbox import Inbox
from telemetra.entrypoints.live.listener import Listener
from telemetra.entrypoints.live.protocol import CloseCode

_PER_MINUTE: Final = 20
_TTL_SECONDS: Final = 60
_NOW: Final = 1_000.0
_FIELD: Final = re.compile(rb"[!-9;-~]+")
_VALUE: Final = re.compile(rb"[\t -~]*")
_NOON: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)


# --- A client's messages ----------------------------------------------------------------------------------------------


class _Heard:
    """Stands for a listener: what it is told to say, it keeps."""

    stream_id = "demo"

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def say(self, burst: Burst) -> None:
        self.told += [json.loads(payload) for payload in payloads_of(burst.wire)]


def _events(data: bytes) -> Iterator[dict[str, Any]]:
    """Make events of bytes: messages are parted by 0xff, which no text holds; those that begin with NUL are binary."""
    for part in data.split(b"\xff"):
        if part.startswith(b"\0"):
            yield {"type": "websocket.receive", "bytes": part[1:]}
        else:
            # What is no UTF-8 the server refuses before.
            yield {"type": "websocket.receive", "text": part.decode(errors="replace")}
    while True:
        yield {"type": "websocket.disconnect", "code": 1000}


def _check_client(data: bytes) -> None:
    events, heard = _events(data), _Heard()

    async def receive() -> dict[str, Any]:
        return next(events)

    ending = _ended(Inbox(receive, cast("Listener", heard), per_minute=_PER_MINUTE).run())
    kinds = [message["type"] for message in heard.told]
    hold(set(kinds) <= {"pong", "error"}, "a client is told nothing else", kinds)
    hold(kinds.count("error") <= 1, "patience is for once", kinds)
    hold(len(kinds) <= _PER_MINUTE, "a client has so many a minute", len(kinds))
    if ending.code == CloseCode.POLICY:
        code = ending.error[0] if ending.error else None
        hold(code in {"message_invalid", "too_many_messages"}, "it is told why", code)
        hold(code != "message_invalid" or "error" in kinds, "it was warned", kinds)
    else:
        hold(ending.gone and ending.code == 1000, "otherwise it goes by itself", ending.code)  # noqa: PLR2004


def _ended(work: Coroutine[Any, Any, Any]) -> ListenerEnded:
    """Run what never waits to the end that it always has."""
    try:
        work.send(None)
    except ListenerEnded as ending:
        return ending
    raise AssertionError("it waits for something")


# --- The bus ----------------------------------------------------------------------------------------------------------

_STREAM: Final = Stream(stream_id="demo", title="lofi", created_at=_NOON, updated_at=_NOON)
_WINDOW: Final = MetricWindow(
    id=1, stream_id="demo", window_start=_NOON, window_end=_NOON + timedelta(minutes=1), chat_count=3, unique_chatters=2,
    top_emotes=["KEKW"], avg_sentiment=0.5, chat_rate=0.05, avg_viewers=None, z_score=4.0, is_anomaly=True,
)  # fmt: skip
_MOMENT: Final = Moment(
    moment_id="m1", stream_id="demo", timestamp=_NOON, moment_type=MomentType.CHAT_SPIKE, description="d",
    metric_name="chat_count", metric_value=3.0, threshold=2.0, z_score=4.0, metadata={"a": [1, None, {"b": "c"}]},
)  # fmt: skip
_STEP: Final = Step(
    before=Position(b"8 bytes.", Snapshot(10, (3,))),
    after=Position(b"8 bytes.", Snapshot(14)),
    changes={
        "demo": [
            Change(key=ChangeKey(11, ChangeKind.REMOVAL, "k"), data=Removal(moment_id="m0")),
            Change(key=ChangeKey(11, ChangeKind.STREAM, "demo"), data=_STREAM),
            Change(key=ChangeKey(12, ChangeKind.WINDOW, "w"), data=_WINDOW),
            Change(key=ChangeKey(13, ChangeKind.MOMENT, "m1"), data=_MOMENT),
        ]
    },
    uncarried=frozenset({"large"}),
    others=frozenset({tag_of("other")}),
)
_FOLLOWED: Final = {tag_of(stream_id): stream_id for stream_id in ("demo", "large")}
_STEP_NAME: Final = b"step"
_PART: Final = encode_parts(_STEP, _STEP_NAME)["demo"]
_HEADER: Final = encode_header(_STEP, _STEP_NAME)


def _take(assembly: StepAssembly, header: bytes, part: bytes | None) -> Step | None:
    try:
        if part is not None:
            assembly.take_part("demo", part)
        return assembly.take_header(header, _FOLLOWED)
    except MessageUnreadable:
        return None


def _check_header(data: bytes) -> None:
    step = _take(StepAssembly(), data, _PART)
    if step is not None:
        _check_step(step)


def _check_part(data: bytes) -> None:
    assembly = StepAssembly()
    step = _take(assembly, _HEADER, data)
    if step is not None:
        _check_step(step)
    # Whatever came before: the next step is whole.
    whole = _take(StepAssembly(), _HEADER, _PART)
    hold(_take(assembly, _HEADER, _PART) == whole, "what can't be read spoils no other", data)


def _check_step(step: Step) -> None:
    followed = set(_FOLLOWED.values())
    hold(step.changes.keys() | step.uncarried <= followed, "only what is followed comes", step)
    hold(not step.changes.keys() & step.uncarried, "a stream's changes are there or not", step)
    hold(not step.others & _FOLLOWED.keys(), "others are others", step)
    for changes in step.changes.values():
        keys = [change.key for change in changes]
        hold(keys == sorted(keys), "changes are in order", keys)


# --- What other processes have kept -----------------------------------------------------------------------------------

_REPLY: Final = make_reply(
    Answer(value=[_STREAM], position=Position(b"8 bytes.", Snapshot(14)), more=True), {"next": "?offset=1"}
)
_ASKED: Final = LIST_READ.asked(b"limit=1")
_QUESTION: Final = Question(("/", _ASKED.query), b"", _TTL_SECONDS, _ASKED)
_ENTRY: Final = Entry(_QUESTION, _REPLY.position, _REPLY.headers, _REPLY.body, expires_at=_NOW)


def _check_shared(data: bytes) -> None:
    entry = decode(data, _QUESTION, now=_NOW)
    if entry is None:
        return
    hold(math.isfinite(entry.expires_at) or entry.expires_at < 0, "an entry has an end", entry.expires_at)
    hold(entry.expires_at <= _NOW + _TTL_SECONDS, "no later than a new one's", entry.expires_at)
    hold(Position.parse(str(entry.position)) == entry.position, "its position can be told", entry.position)
    for variant in (entry.plain, entry.add(b"gzip", b"")):
        is_among("*", variant.entity_tag.decode())
        for name, value in (*variant.full, *variant.unchanged):
            hold(_FIELD.fullmatch(name) and _VALUE.fullmatch(value), "a header is one", name, value)
    lengths = [value for name, value in entry.plain.full if name.lower() == b"content-length"]
    hold(lengths == [b"%d" % len(entry.plain.body)], "a body has one length", lengths)


_PING: Final = b'{"type":"ping"}'

TARGETS: Final = (
    Target(
        name="client-message",
        check=_check_client,
        seeds=[_PING, _PING + b"\xff" + b"{}" + b"\xff" + _PING, b"\0binary\xff[]", _PING * 3, b'{"type":"\\ud800"}', b"\xff" * 30, b"[" * 2_000],
        words=[b'"type"', b'"ping"', b"\xff", b"\0", b"{", b"\\u0070", b"[[[[[[[[", b'{"a":'],
    ),
    Target(name="bus-header", check=_check_header, seeds=[_HEADER, encode_header(_STEP, b"")]),
    Target(name="bus-part", check=_check_part, seeds=[_PART]),
    Target(name="shared-answer", check=_check_shared, seeds=[encode(_ENTRY, ttl_seconds=60), encode(_ENTRY, ttl_seconds=math.nan)]),
)  # fmt: skip
