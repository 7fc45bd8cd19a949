"""
Clients that are cut off again and again, keep what they hold by key, and count what they were told.

They know the live socket as its documentation tells it, and of the rows that each version has a number of its own which
grows within a row's life (`resume_writers`). Told twice is: the same number a second time, or a smaller one after it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import msgspec
from bench.live.resume_rows import Key, Version, removal_key
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from telemetra.domain.positions import Position

SILENCE_SECONDS: Final = 30.0
"""A client gives a connection up that says nothing for so long; a heartbeat would be due many times."""
_AWAY_SECONDS: Final = 120.0
_RETRY_SECONDS: Final = 0.1
_RECONNECT: Final = frozenset({None, 1000, 1001, 1006, 1012, 1013, 4408})
"""The ends after which a client is to come back."""
_KINDS: Final = {"metrics": "window", "moment": "moment", "stream": "stream"}
_FAULTS_KEPT: Final = 40


@dataclass(slots=True)
class Tally:
    """What all clients counted together."""

    messages: int = 0
    cuts: int = 0
    cuts_inside_steps: int = 0
    lost: int = 0
    doubled: int = 0
    resets: int = 0
    """Came back with a position, and were told that it can't be resumed."""
    ends: Counter[str] = field(default_factory=Counter)
    """How connections ended that the clients did not cut themselves."""
    faults: list[str] = field(default_factory=list)
    """The first of what went wrong, in words."""

    @property
    def clean(self) -> bool:
        """Whether nothing at all was wrong."""
        return not (self.lost or self.doubled or self.resets or self.faults)

    def fault(self, text: str) -> None:
        if len(self.faults) < _FAULTS_KEPT:
            self.faults.append(text)


class Client:
    """
    Follows one stream: connects, takes a random number of changes, is cut off, comes back with the last position.

    `choose_url` says where to connect this time. A cut drops what has come in but was not taken, as a crash would.
    """

    def __init__(
        self, name: str, stream_id: str, choose_url: Callable[[Random], str], tally: Tally, *, seed: int
    ) -> None:
        self.stream_id = stream_id
        self.heartbeats = 0
        self.stands = asyncio.Event()
        """Set when the first snapshot has come."""
        self._name = name
        self._choose_url = choose_url
        self._tally = tally
        self._random = Random(seed)
        self._position: str | None = None
        self._held: dict[Key, Version] = {}
        self._told: dict[Key, tuple[int, str]] = {}
        """Of each life the newest number, and where in the conversation it was told."""
        self._removed: Counter[Key] = Counter()
        self._visits = 0
        self._was_reset = False
        self._at_end = False
        self._may_come = asyncio.Event()
        self._may_come.set()
        self._connection: ClientConnection | None = None

    async def run(self, wanted_cuts: int, more_cuts: Callable[[], None]) -> None:
        """Follow until the stream's end was told; cut until there were so many cuts of all clients."""
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while not self._at_end:
            if not self._may_come.is_set():
                await self._may_come.wait()
                heard = loop.time()
            budget = self._budget() if self._tally.cuts < wanted_cuts else None
            taken_before = self._tally.messages
            try:
                if await self._visit(budget):
                    self._tally.cuts += 1
                    self._tally.cuts_inside_steps += self._is_inside_step()
                    more_cuts()
            except ConnectionClosed as closed:
                self._note_end(closed.rcvd.code if closed.rcvd else None)
                await asyncio.sleep(self._random.uniform(0, _RETRY_SECONDS))
            except (OSError, TimeoutError, InvalidHandshake) as error:
                self._tally.ends[type(error).__name__] += 1
                await asyncio.sleep(self._random.uniform(0, _RETRY_SECONDS))
            if self._tally.messages > taken_before:
                heard = loop.time()
            elif loop.time() - heard > _AWAY_SECONDS:
                raise TimeoutError(f"{self._name} was told nothing for {_AWAY_SECONDS:.0f} s")

    def leave(self) -> None:
        """Be cut off now, and stay away."""
        self._may_come.clear()
        if self._connection is not None:
            _cut(self._connection)

    def come_back(self) -> None:
        """Come back with the last position."""
        self._may_come.set()

    def compare(self, stored: Iterable[Version], removals: Mapping[Key, int]) -> None:
        """Count what is held otherwise than stored, and removals that were told more often than they were committed."""
        self._tally.doubled += sum(max(0, told - removals.get(key, 0)) for key, told in self._removed.items())
        if self._was_reset:
            # It began again from a snapshot of the newest rows: that it lacks others is no loss of its own.
            return
        there = {version.key: version for version in stored}
        for key in there.keys() | self._held.keys():
            held, right = self._held.get(key), there.get(key)
            if held != right:
                self._tally.lost += 1
                lives = {version.life for version in (held, right) if version}
                told = {life: self._told.get(life) for life in lives}
                self._tally.fault(f"lost: {self._name} holds {held}, stored is {right}; told was {told}")

    def _budget(self) -> int:
        """Draw how many changes to take this time: seldom any, some, or enough to have caught up with what is new."""
        most = self._random.choice((3, 40, 100, 300))
        return self._random.randint(0, most)

    async def _visit(self, budget: int | None) -> bool:
        """Connect and take so many changes; return whether the end was a cut."""
        url = f"{self._choose_url(self._random)}/{self.stream_id}"
        if self._position is not None:
            url += f"?since={self._position}"
        self._visits += 1
        options: dict[str, Any] = {
            "compression": None,
            "ping_interval": None,
            "max_size": None,
            "proxy": None,
        }
        async with connect(url, open_timeout=20, close_timeout=2, **options) as connection:
            self._connection = connection
            taken = 0
            while budget is None or taken < budget or not self.stands.is_set():
                async with asyncio.timeout(SILENCE_SECONDS):
                    taken += self._take(msgspec.json.decode(await connection.recv()))
                if self._at_end:
                    return False
            _cut(connection)
            return True

    def _take(self, message: dict[str, Any]) -> bool:
        """Take a message in; return whether it told of a change."""
        self._tally.messages += 1
        kind = message["type"]
        match kind:
            case "connected":
                self._begin(resumed=message["resumed"])
            case "snapshot":
                self._take_snapshot(message)
            case "metrics" | "moment" | "stream":
                self._tell(_KINDS[kind], message["data"])
            case "removed":
                self._remove(message["data"])
            case "heartbeat":
                self.heartbeats += 1
            case _:
                self._tally.ends[f"{kind} {message.get('code', '')}".strip()] += 1
        self._position = message.get("position", self._position)
        return kind in _KINDS or kind == "removed"

    def _begin(self, *, resumed: bool) -> None:
        if self.stands.is_set() and not resumed:
            self._tally.resets += 1
            self._tally.fault(f"reset: {self._name} on visit {self._visits}, since {self._position}")
            self._was_reset = True

    def _take_snapshot(self, message: dict[str, Any]) -> None:
        self._held.clear()
        self._told.clear()
        rows = [("window", row) for row in message["metrics"]] + [
            ("moment", row) for row in message["moments"]
        ]
        for kind, row in [*rows, ("stream", message["stream"])]:
            if row is not None:
                self._tell(kind, row)
        self.stands.set()

    def _tell(self, kind: str, row: dict[str, Any]) -> None:
        version = Version.of(kind, row)
        where = f"visit {self._visits}, after position {self._position}"
        number, told = self._told.get(version.life, (0, ""))
        if version.number <= number:
            self._tally.doubled += 1
            self._tally.fault(
                f"doubled: {self._name} was told {version} ({where}), and of that life {number} before ({told})"
            )
        self._told[version.life] = max((version.number, where), (number, told))
        self._held[version.key] = version
        self._at_end = self._at_end or (kind == "stream" and row["title"].endswith(":end"))

    def _remove(self, data: dict[str, Any]) -> None:
        key = removal_key(data)
        if key is None:
            self._tally.fault(f"{self._name} was told to read everything again, and nothing was truncated")
            return
        self._removed[key] += 1
        self._held.pop(key, None)

    def _note_end(self, code: int | None) -> None:
        self._tally.ends[f"closed {code or 'without a word'}"] += 1
        if code not in _RECONNECT:
            self._tally.fault(f"closed: {self._name} with {code} on visit {self._visits}")

    def _is_inside_step(self) -> bool:
        """Whether the last position lies between two changes that became visible at once."""
        return self._position is not None and Position.parse(self._position).cut is not None


def _cut(connection: ClientConnection) -> None:
    """Drop the connection without a word, as a lost network does."""
    connection.transport.abort()
