"""All targets, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bench.fuzz import messages, requests, texts
from bench.fuzz.target import Target

TARGETS: Final[Mapping[str, Target]] = {
    target.name: target for target in (*texts.TARGETS, *requests.TARGETS, *messages.TARGETS)
}
