"""Whatever becomes of steps and however clients read: every change is told to each client, once."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetra.adapters.memory import MemoryDatabase, MemoryFeed, MemoryTransaction
from telemetra.domain.changes import Step
from telemetra.domain.positions import Position
from telemetra.entrypoints.live.hub import LiveHub
from tests.contract.samples import a_stream, a_window, at
from tests.unit.live.clients import Client, step_after

ACTIONS = (
    "write",
    "write",
    "commit",
    "commit",
    "step",
    "step",
    "repeat",
    "lose",
    "overlap",
    "stop",
    "read",
    "come",
    "go",
)


class _Course:
    """One random course of events, drawn from a seed."""

    def __init__(self, seed: int, log_bytes: int) -> None:
        self._dice = Random(seed)  # noqa: S311  (a course that can be repeated)
        self._database = MemoryDatabase()
        with self._database.begin() as transaction:
            transaction.put_stream(a_stream())
        self._feed = MemoryFeed(self._database)
        self._hub = LiveHub(self._feed, log_bytes=log_bytes)
        self._running: list[MemoryTransaction] = []
        self._taken: list[Step] = []
        self._version = 0
        self.histories: list[tuple[Client, list[dict[str, Any]]]] = []
        self._here: list[tuple[Client, list[dict[str, Any]], Any]] = []

    async def run(self, actions: list[str]) -> None:
        async with self._hub:
            self._hub.take(await step_after(self._feed, None))
            for action in ["come", "come", *actions]:
                await getattr(self, f"_{action}")()
                for _ in range(self._dice.randint(0, 4)):
                    await asyncio.sleep(0)
            for transaction in self._running:
                transaction.commit()
            for client, _, _ in self._here:
                client.read_again()
            await self._step()
            await self._settled()
            for client, history, listening in self._here:
                listening.__exit__(None, None, None)
                history.extend(client.told)

    def newest(self) -> dict[str, int]:
        """Return what is stored: the version of each window by its start."""
        with self._database.open() as tables:
            return {key[1].isoformat(): row.data.chat_count for key, row in tables.windows.items()}

    async def _write(self) -> None:
        transaction = self._database.begin()
        for _ in range(self._dice.randint(1, 4)):
            self._version += 1
            minute = self._dice.randint(0, 9) + 10 * len(self._running)
            if self._dice.random() < 0.15:
                transaction.remove_window("lofi", at(minute), at(minute + 1))
            else:
                transaction.put_window(a_window(minute, chat_count=self._version))
        self._running.append(transaction)
        if len(self._running) > 4:
            await self._commit()

    async def _commit(self) -> None:
        if self._running:
            transaction = self._running.pop(self._dice.randrange(len(self._running)))
            if self._dice.random() < 0.1:
                transaction.rollback()
            else:
                transaction.commit()

    async def _step(self) -> None:
        step = await step_after(self._feed, self._hub.position)
        self._taken.append(step)
        self._hub.take(step)

    async def _repeat(self) -> None:
        if self._taken:
            self._hub.take(self._dice.choice(self._taken))

    async def _lose(self) -> None:
        """A step that nobody brought, and the next one of who took it."""
        lost = await step_after(self._feed, self._hub.position)
        await self._commit()
        self._hub.take(await step_after(self._feed, lost.after))

    async def _overlap(self) -> None:
        if self._taken:
            self._hub.take(await step_after(self._feed, self._dice.choice(self._taken).before))

    async def _stop(self) -> None:
        if self._here:
            self._dice.choice(self._here)[0].stop_reading()

    async def _read(self) -> None:
        if self._here:
            self._dice.choice(self._here)[0].read_again()

    async def _come(self) -> None:
        history: list[dict[str, Any]] = []
        await self._connect(history, None)

    async def _go(self) -> None:
        """A connection is lost: what was written and not read is lost with it; the client comes back."""
        if not self._here:
            return
        client, history, listening = self._here.pop(self._dice.randrange(len(self._here)))
        client.go()
        listening.__exit__(None, None, None)
        read = client.told[: self._dice.randint(0, len(client.told))]
        history += read
        positions = [m["position"] for m in history if m.get("position")]
        await self._connect(history, Position.parse(positions[-1]) if positions else None)

    async def _connect(self, history: list[dict[str, Any]], since: Position | None) -> None:
        client = Client()
        listening = self._hub.listen("lofi", client, since, on_end=lambda: None)
        listening.__enter__()
        self._here.append((client, history, listening))
        if since is None:
            history.clear()
        if all(history is not known for _, known in self.histories):
            self.histories.append((client, history))

    async def _settled(self) -> None:
        async with asyncio.timeout(30):
            while any(task.get_name() in {"live-catch-up", "live-reading"} for task in asyncio.all_tasks()):  # noqa: ASYNC110
                await asyncio.sleep(0)


def _held(history: list[dict[str, Any]]) -> dict[str, int]:
    """Return what a client holds that took these messages, and fail where one was told twice."""
    windows: dict[str, int] = {}
    seen: set[str] = set()
    for message in history:
        data: Any = message.get("data")
        if message["type"] == "snapshot":
            windows = {window["window_start"]: window["chat_count"] for window in message["metrics"]}
        elif message["type"] == "metrics":
            change = msgspec.json.encode(data).decode()
            assert change not in seen, f"told twice: {change}"
            seen.add(change)
            windows[data["window_start"]] = data["chat_count"]
        elif message["type"] == "removed" and data["window"]:
            windows.pop(data["window"]["window_start"], None)
    return windows


@pytest.mark.parametrize("log_bytes", [1024 * 1024, 3_000])
@given(seed=st.integers(0, 2**32), actions=st.lists(st.sampled_from(ACTIONS), max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_every_change_is_told_once(log_bytes: int, seed: int, actions: list[str]) -> None:
    course = _Course(seed, log_bytes)
    asyncio.run(course.run(actions))
    stored = {start.replace("+00:00", "Z"): version for start, version in course.newest().items()}
    assert course.histories
    for _, history in course.histories:
        assert _held(history) == stored
        # After the snapshot there is no other.
        kinds = [message["type"] for message in history]
        assert kinds.count("snapshot") == 1
