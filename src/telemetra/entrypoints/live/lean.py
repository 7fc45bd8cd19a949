"""
A queue and an event with the methods of asyncio's that a server's connection uses, for ten thousand that mostly wait.

Each of asyncio's allocates several buffers of 600 bytes in advance. Belong to one event loop, and have few waiters.
"""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class LeanEvent:
    """As `asyncio.Event`; unset at first."""

    __slots__ = ("_is_set", "_waiters")

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: list[asyncio.Future[None]] = []

    def is_set(self) -> bool:
        """Whether `wait` returns at once."""
        return self._is_set

    def set(self) -> None:
        """Let everybody go on."""
        self._is_set = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def clear(self) -> None:
        """Let those who come from now on wait."""
        self._is_set = False

    async def wait(self) -> None:
        """Return when it is set, or was since this was called."""
        if self._is_set:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)


class LeanQueue(Generic[T]):
    """As an unbounded `asyncio.Queue` with one consumer."""

    __slots__ = ("_items", "_waiter")

    def __init__(self) -> None:
        self._items: list[T] = []
        self._waiter: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        """Whether `get` would wait."""
        return not self._items

    def put_nowait(self, item: T) -> None:
        """Add an item at the end."""
        self._items.append(item)
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> T:
        """Take the oldest item, when there is one."""
        while not self._items:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._items.pop(0)
