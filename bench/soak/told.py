"""
What listeners of one stream are told: read once for all that get the same bytes, kept by each as an array of numbers.

A thousand listeners that each kept rows would be gigabytes. Keys get an index as they come up, and a listener keeps of each
key the number of the newest version that it was told, below zero once that is gone. The judgement is
`resume_clients`'s: told twice is a number that is not greater than the one before; lost is what is stored otherwise.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from bench.live.resume_rows import Key, Version, removal_key

_KINDS: Final = {"metrics": "window", "moment": "moment", "stream": "stream"}
_MESSAGES_KEPT: Final = 10_000
"""More than any transaction but the burst's brings at once: else each listener would read all of it anew."""
_FAULTS_KEPT: Final = 40


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a listener takes it."""

    kind: str
    position: str | None
    changes: tuple[tuple[int, int], ...] = ()
    """Of each row the index of its key, and its number; of a removal the index and 0."""
    stamp: float = 0.0
    """When the transaction that wrote the row was about to be committed; 0 when nobody noted it."""
    detail: Any = None
    """Of `connected`, whether it resumed and how often it beats; of `error` its code."""
    ends: bool = False
    """Whether it is the last version of the stream's row, after which nothing comes."""


@dataclass(slots=True)
class Tally:
    """What all listeners counted together."""

    messages: int = 0
    changes: int = 0
    lost: int = 0
    doubled: int = 0
    resets: int = 0
    """Came back with a position, and were told that it can't be resumed."""
    cuts: int = 0
    """Left by themselves, to come back."""
    ends: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    """The first of what went wrong, in words."""

    def add(self, other: Tally) -> None:
        """Take in what another crowd counted."""
        for name in ("messages", "changes", "lost", "doubled", "resets", "cuts"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.ends += other.ends
        self.faults += other.faults

    def fault(self, text: str) -> None:
        if len(self.faults) < _FAULTS_KEPT:
            self.faults.append(text)


class Stream:
    """What is the same for all listeners of a stream."""

    def __init__(self, stream_id: str, tally: Tally) -> None:
        self.stream_id = stream_id
        self.tally = tally
        self._indices: dict[Key, int] = {}
        self._newest: list[tuple[int, int]] = []
        """Of each key the newest number that anybody was told, and a hash of the row's values."""
        self._read: dict[bytes, Message] = {}

    def __len__(self) -> int:
        """How many keys have come up."""
        return len(self._newest)

    def read(self, payload: bytes) -> Message:
        """Read a message; one that has come to another listener already is not read again."""
        message = self._read.get(payload)
        if message is None:
            if len(self._read) >= _MESSAGES_KEPT:
                self._read.clear()
            message = self._read[payload] = self._decode(msgspec.json.decode(payload))
        return message

    def expected(self, stored: Iterable[Version]) -> array[int]:
        """Return what a listener is to hold when these rows are stored, and note versions that were told otherwise."""
        numbers = array("q", bytes(8 * len(self)))
        for version in stored:
            index = self._index(version.key)
            if index >= len(numbers):
                numbers.append(version.number)
            else:
                numbers[index] = version.number
            number, values = self._newest[index]
            if number == version.number and values != hash(version.values):
                self.tally.lost += 1
                self.tally.fault(f"{self.stream_id}: {version} was told with other values")
        return numbers

    def removals(self, removed: Mapping[Key, int]) -> dict[int, int]:
        """Return by index how often each key was removed."""
        return {self._index(key): times for key, times in removed.items()}

    def key(self, index: int) -> Key:
        """Return the key of an index, for a message."""
        return next(key for key, other in self._indices.items() if other == index)

    def _decode(self, message: dict[str, Any]) -> Message:
        kind, position = message["type"], message.get("position")
        match kind:
            case "metrics" | "moment" | "stream":
                data = message["data"]
                stamp = (data["chat_rate"] or 0.0) if kind == "metrics" else 0.0
                ends = kind == "stream" and data["title"].endswith(":end")
                return Message(kind, position, (self._change(_KINDS[kind], data),), stamp, ends=ends)
            case "removed":
                key = removal_key(message["data"])
                # Nothing is ever truncated: to be told to read everything again is a fault, which `error` counts.
                return (
                    Message(kind, position, ((self._index(key), 0),)) if key else Message("error", position)
                )
            case "snapshot":
                rows = [("window", row) for row in message["metrics"]]
                rows += [("moment", row) for row in message["moments"]]
                rows += [("stream", row) for row in (message["stream"],) if row]
                return Message(kind, position, tuple(self._change(*row) for row in rows))
            case "connected":
                return Message(kind, position, detail=(message["resumed"], message["heartbeat_seconds"]))
            case _:
                return Message(kind, position, detail=message.get("code"))

    def _change(self, kind: str, row: Mapping[str, Any]) -> tuple[int, int]:
        version = Version.of(kind, row)
        index = self._index(version.key)
        number, values = self._newest[index]
        told = hash(version.values)
        if version.number == number and values != told:
            self.tally.doubled += 1
            self.tally.fault(f"{self.stream_id}: {version} was told with other values before")
        if version.number >= number:
            self._newest[index] = (version.number, told)
        return index, version.number

    def _index(self, key: Key) -> int:
        index = self._indices.setdefault(key, len(self._newest))
        if index == len(self._newest):
            self._newest.append((0, 0))
        return index


class Held:
    """What one listener holds."""

    __slots__ = ("_numbers", "_removed", "_stream", "name", "was_reset")

    def __init__(self, name: str, stream: Stream) -> None:
        self.was_reset = False
        """Began again from a snapshot of the newest rows: what it lacks of others is no loss of its own."""
        self.name = name
        self._stream = stream
        self._numbers = array("q")
        self._removed: Counter[int] = Counter()

    def begin(self, message: Message) -> None:
        """Take a snapshot: what was held before does not count."""
        self._numbers = array("q", bytes(8 * len(self._stream)))
        for index, number in message.changes:
            self._numbers[index] = number

    def take(self, message: Message, where: str | None) -> None:
        """Take a change or a removal; `where` is the position before it."""
        ((index, number),) = message.changes
        numbers = self._numbers
        if index >= len(numbers):
            numbers.frombytes(bytes(8 * (len(self._stream) - len(numbers))))
        held = numbers[index]
        if not number:
            self._removed[index] += 1
            numbers[index] = -abs(held)
            return
        if number <= abs(held):
            tally = self._stream.tally
            tally.doubled += 1
            tally.fault(
                f"doubled: {self.name} was told number {number} of {self._stream.key(index)} "
                f"after position {where}, and {held} before"
            )
        numbers[index] = number

    def judge(self, expected: array[int], removals: Mapping[int, int]) -> None:
        """Compare with what is stored, when nobody writes any more."""
        tally, numbers = self._stream.tally, self._numbers
        tally.doubled += sum(max(0, times - removals.get(index, 0)) for index, times in self._removed.items())
        if self.was_reset:
            return
        numbers.frombytes(bytes(8 * (len(expected) - len(numbers))))
        if numbers == expected:
            return
        for index, (held, right) in enumerate(zip(numbers, expected, strict=True)):
            if max(held, 0) != right:
                tally.lost += 1
                tally.fault(f"lost: {self.name} holds {held} of {self._stream.key(index)}, stored is {right}")

    def holds(self, number: int) -> int:
        """Return of how many keys it holds a number that is not below this one."""
        return sum(held >= number for held in self._numbers)
