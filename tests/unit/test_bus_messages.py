"""What comes over the bus may be anything: a step, or told to be none."""

from __future__ import annotations

import msgspec
import pytest

from telemetra.adapters.redis.messages import MessageUnreadable, StepAssembly

_NO_UTF_8 = b"\xa2\xc3\x28"


def _part(key: bytes) -> bytes:
    """Return a part with one removal, whose key is these bytes."""
    removal = msgspec.msgpack.encode({"stream": True})
    return b"\x92\xc4\x04step\x94\x91\x93\x0b" + key + removal + b"\x90\x90\x90"


def test_a_part_is_taken() -> None:
    StepAssembly().take_part("demo", _part(b"\xa1k"))


@pytest.mark.parametrize(
    "message", [b"", b"\xc1", b"\x92", b"\x91" * 100_000, _part(_NO_UTF_8), b"\xff" * 100]
)
def test_what_can_t_be_read_is_told_so(message: bytes) -> None:
    with pytest.raises(MessageUnreadable):
        StepAssembly().take_part("demo", message)
    with pytest.raises(MessageUnreadable):
        StepAssembly().take_header(message, {})


def test_metadata_in_metadata_without_end_is_told_so() -> None:
    moment = {
        "moment_id": "m", "stream_id": "s", "timestamp": "2026-01-01T00:00:00Z", "moment_type": "chat_spike",
        "description": None, "metric_name": None, "metric_value": None, "threshold": None, "z_score": None,
    }  # fmt: skip
    fields = msgspec.msgpack.encode(moment)
    deep = bytes((fields[0] + 1,)) + fields[1:] + b"\xa8metadata" + b"\x81\xa1a" * 100_000 + b"\xc0"
    message = b"\x92\xc4\x04step\x94\x90\x90\x90\x91\x93\x0b\xa1m" + deep
    with pytest.raises(MessageUnreadable):
        StepAssembly().take_part("demo", message)
