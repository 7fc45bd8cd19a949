"""The words of the live socket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest

from telemetra.domain.errors import StreamNotFound, TelemetraError
from telemetra.entrypoints.live.ending import ListenerEnded
from telemetra.entrypoints.live.protocol import (
    CLOSE_CODES,
    ClientMessageInvalid,
    CloseCode,
    close_code,
    decode_client,
    encode,
)
from telemetra.live_messages import HeartbeatMessage, LiveMessage

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def test_a_message_is_json_with_its_type_and_time() -> None:
    message = HeartbeatMessage(stream_id="ö", timestamp=NOW, position="p")
    assert msgspec.json.decode(encode(message)) == {
        "type": "heartbeat",
        "stream_id": "ö",
        "timestamp": "2026-03-01T12:00:00.250000Z",
        "position": "p",
    }


def test_every_message_can_be_told_from_the_others_and_read_back() -> None:
    kinds = {kind.__struct_config__.tag for kind in get_args(LiveMessage)}
    contract = "connected snapshot metrics moment stream removed heartbeat pong error"
    assert kinds == set(contract.split())
    message = HeartbeatMessage(stream_id="s", timestamp=NOW, position="p")
    decoder: msgspec.json.Decoder[LiveMessage] = msgspec.json.Decoder(LiveMessage)
    assert decoder.decode(encode(message)) == message


@pytest.mark.parametrize("text", ['{"type":"ping"}', ' {"type": "ping", "id": 7} '])
def test_a_ping_is_understood(text: str) -> None:
    assert decode_client(text).type == "ping"


@pytest.mark.parametrize(
    "text", [None, "", "{", "{}", "null", '{"type":"Ping"}', '{"type":["ping"]}', '"\ud800"', "[" * 60_000]
)
def test_nothing_else_is_understood(text: str | None) -> None:
    with pytest.raises(ClientMessageInvalid):
        decode_client(text)


def test_every_domain_error_has_a_close_code() -> None:
    def kinds(kind: type[TelemetraError]) -> set[type[TelemetraError]]:
        return {kind}.union(*map(kinds, kind.__subclasses__()))

    shipped = {kind for kind in kinds(TelemetraError) if kind.__module__ == "telemetra.domain.errors"}
    assert shipped == set(CLOSE_CODES)


def test_an_error_without_a_code_of_its_own_has_that_of_its_kind() -> None:
    class StreamHidden(StreamNotFound):
        pass

    assert close_code(StreamHidden("s")) == CloseCode.STREAM_NOT_FOUND


def test_what_concerns_the_operator_is_told_without_details() -> None:
    ended = ListenerEnded.because(TelemetraError("a secret"))
    assert ended.code == CloseCode.INTERNAL
    assert "secret" not in str(ended.error)
