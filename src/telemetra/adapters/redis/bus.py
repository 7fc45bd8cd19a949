"""
The live bus over Redis's publish and subscribe: one channel for all steps' headers, and one for each stream's parts.

Whatever is lost here is noticed by those who take the steps, by their positions; so nothing is kept, and nobody waits.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio.connection import Connection

from telemetra.adapters.redis.connections import REDIS_LOST, Connect, reason_lost
from telemetra.adapters.redis.messages import VERSION, encode_header, encode_parts
from telemetra.adapters.redis.subscription import Channels, RedisBusSubscription
from telemetra.domain.changes import Step
from telemetra.domain.errors import BusUnavailable

PUBLISH_SECONDS: Final = 0.25
_REST_SECONDS: Final = 1.0


class RedisLiveBus:
    """
    A `LiveBus`. Those with the same `namespace` hear each other: it names the database that the steps are of.

    It publishes on one connection, and each subscription has one of its own. After a failure it rests for a second, in
    which it refuses at once: a dead Redis must not slow down whoever leads.
    """

    def __init__(self, connect: Connect, *, namespace: str, publish_seconds: float = PUBLISH_SECONDS) -> None:
        self._connect = connect
        self._channels = Channels(f"telemetra:{VERSION}:{namespace}")
        self._publish_seconds = publish_seconds
        self._publisher = secrets.token_bytes(8)
        self._numbers = itertools.count()
        self._turn = asyncio.Lock()
        self._opening: asyncio.Future[Connection] | None = None
        """Gives the publisher's connection, and goes on doing so until that breaks."""
        self._rests_until = 0.0

    async def publish(self, step: Step) -> int:
        loop = asyncio.get_running_loop()
        if loop.time() < self._rests_until:
            raise BusUnavailable("The live bus has failed a moment ago.")
        try:
            async with asyncio.timeout(self._publish_seconds), self._turn:
                return await self._send(step)
        except REDIS_LOST as error:
            self._rests_until = loop.time() + _REST_SECONDS
            raise BusUnavailable(f"The live bus does not take steps: {reason_lost(error)}.") from error

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[RedisBusSubscription]:
        yield RedisBusSubscription(self._connect, self._channels)

    async def aclose(self) -> None:
        """Let the publisher's connection go."""
        if self._opening:
            self._opening.cancel()
            await asyncio.wait({self._opening})
            await self._disconnect()

    async def _send(self, step: Step) -> int:
        name = self._publisher + next(self._numbers).to_bytes(8, "big")
        parts = encode_parts(step, name)
        messages = [(self._channels.of_stream(stream_id), part) for stream_id, part in parts.items()]
        messages.append((self._channels.headers, encode_header(step, name)))
        connection = await self._connected()
        try:
            commands = connection.pack_commands([("PUBLISH", *message) for message in messages])
            await connection.send_packed_command(commands, check_health=False)
            # The header's comes last: all subscriptions hear that.
            answers: list[Any] = [await connection.read_response() for _ in messages]
        except BaseException:
            # Whatever the next answer on it would be, it would not be the next question's.
            await self._disconnect()
            raise
        return int(answers[-1])

    async def _connected(self) -> Connection:
        """
        Return the connection; where there is none it goes on being opened when the step's time is up.

        Names, encryption and a password over a long way may take longer than a step may wait.
        """
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._connect())
        try:
            return await asyncio.shield(self._opening)
        except REDIS_LOST:
            self._opening = None
            raise

    async def _disconnect(self) -> None:
        opening, self._opening = self._opening, None
        if opening and not opening.cancelled() and not opening.exception():
            await opening.result().disconnect(nowait=True)
