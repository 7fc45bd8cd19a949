"""
Whether all is good: a commit every now and then, a listener at each service that waits for it, a read that must have it.

What was told to a listener of a service, no later read there may lack: that is looked at with every read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from time import monotonic
from typing import Any, Final

import httpx
import msgspec
from bench.live.database import Database
from bench.soak.incidents import Incident, Incidents
from bench.soak.minutes import LOST
from bench.soak.options import HEARTBEAT_SECONDS, PROBE, SERVICES
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

_EVERY_SECONDS: Final = 0.2
_COMMAND_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 4.0
"""More than a read may take in any fault but that its service stands still."""
_NUMBERS_KEPT: Final = 4_000
_OK: Final = 200
_HEALTH_SECONDS: Final = 0.1
_WINDOW: Final = datetime(2027, 1, 1)  # noqa: DTZ001  (the column is naive, and UTC)
_WRITE: Final = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count)
    values ($1, $2::timestamp, $2::timestamp + interval '1 minute', $3)
    on conflict (stream_id, window_start, window_end) do update set chat_count = excluded.chat_count
"""


@dataclass(slots=True)
class Watch:
    """When each service first told, and first answered with, something that was committed after `since`."""

    since: float
    told: dict[int, float] = field(default_factory=dict)
    read: dict[int, float] = field(default_factory=dict)

    def seconds(self, service: int) -> float | None:
        """Return how long it took until a service was good; None while it is not."""
        if service not in self.told or service not in self.read:
            return None
        return max(self.told[service], self.read[service]) - self.since


class Probes:
    """The commits, listeners and reads, for as long as they run."""

    def __init__(self, database: Database, ports: list[int], incidents: Incidents) -> None:
        self._database = database
        self._ports = ports
        self._incidents = incidents
        self._committed_at: dict[int, float] = {}
        self._told = [0] * SERVICES
        self._watches: list[Watch] = []

    def watch(self, since: float | None = None) -> Watch:
        """Watch for what is committed from a time on, which is now."""
        watch = Watch(monotonic() if since is None else since)
        self._watches = [*self._watches[-4:], watch]
        return watch

    async def healthy(self, service: int, seconds: float) -> bool:
        """Whether a service says in time that all it needs is there."""
        try:
            async with asyncio.timeout(seconds), httpx.AsyncClient(trust_env=False, timeout=2) as client:
                while True:
                    try:
                        answer = await client.get(f"http://127.0.0.1:{self._ports[service]}/api/v1/health")
                        if answer.status_code == _OK and answer.json()["status"] == "ok":
                            return True
                    except httpx.HTTPError:
                        pass
                    await asyncio.sleep(_HEALTH_SECONDS)
        except TimeoutError:
            return False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Probe for the time of the block."""
        parts = [
            self._write(),
            *(part(number) for number in range(SERVICES) for part in (self._listen, self._read)),
        ]
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome

    async def _write(self) -> None:
        numbers = count(1)
        while True:
            try:
                connection = await self._database.connect()
            except LOST:
                await asyncio.sleep(_EVERY_SECONDS)
                continue
            try:
                while True:
                    number = next(numbers)
                    self._committed_at[number] = monotonic()
                    self._committed_at.pop(number - _NUMBERS_KEPT, None)
                    await connection.execute(_WRITE, PROBE, _WINDOW, number, timeout=_COMMAND_SECONDS)
                    await asyncio.sleep(_EVERY_SECONDS)
            except LOST:
                await asyncio.sleep(_EVERY_SECONDS)
            finally:
                connection.terminate()

    async def _listen(self, service: int) -> None:
        """Listen at one service only, and come back at once: what is measured is the service, not a client's patience."""
        url = f"ws://127.0.0.1:{self._ports[service]}/ws/live/{PROBE}"
        options: dict[str, Any] = {"compression": None, "ping_interval": None, "proxy": None}
        position = ""
        while True:
            try:
                async with connect(
                    url + position, open_timeout=2, close_timeout=0.1, **options
                ) as connection:
                    while True:
                        async with asyncio.timeout(4 * HEARTBEAT_SECONDS):
                            message = msgspec.json.decode(await connection.recv())
                        if since := message.get("position"):
                            position = f"?since={since}"
                        self._hear(service, message)
            except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake):
                await asyncio.sleep(_EVERY_SECONDS)

    def _hear(self, service: int, message: dict[str, Any]) -> None:
        rows = message["metrics"] if message["type"] == "snapshot" else [message.get("data")]
        for row in rows:
            if row and row.get("chat_count", 0) in self._committed_at:
                number = row["chat_count"]
                self._told[service] = max(self._told[service], number)
                for watch in self._watches:
                    if self._committed_at[number] >= watch.since:
                        watch.told.setdefault(service, monotonic())

    async def _read(self, service: int) -> None:
        base = f"http://127.0.0.1:{self._ports[service]}"
        path = f"/api/v1/streams/{PROBE}/metrics?limit=1"
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=_ANSWER_SECONDS) as client:
            while True:
                began, told = monotonic(), self._told[service]
                try:
                    answer = await client.get(path)
                except httpx.TimeoutException:
                    self._note(service, began, "timeout", path)
                except httpx.HTTPError as error:
                    self._note(service, began, "connection", f"{path}: {type(error).__name__}")
                else:
                    self._take(service, began, told, answer)
                await asyncio.sleep(_EVERY_SECONDS)

    def _take(self, service: int, began: float, told: int, answer: httpx.Response) -> None:
        if answer.status_code != _OK:
            self._note(service, began, str(answer.status_code), str(answer.url))
            return
        number = answer.json()[0]["chat_count"]
        if number < told:
            self._note(
                service, began, "stale", f"{answer.url}: {number}, and {told} had been told to a listener"
            )
        for watch in self._watches:
            if self._committed_at.get(number, 0.0) >= watch.since:
                watch.read.setdefault(service, monotonic())

    def _note(self, service: int, began: float, kind: str, what: str) -> None:
        self._incidents.note(
            Incident(began=began, ended=monotonic(), service=service, kind=kind, what=f"probe {what}")
        )
