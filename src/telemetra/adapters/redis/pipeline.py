"""
One connection to Redis for any number of commands at once: they are written together, and answered in their order.

A pool would take a connection for each command that is under way; this one costs a write and a read for all that come in
the same turn of the loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final, TypeAlias

import structlog
from redis.asyncio.connection import Connection
from redis.exceptions import ResponseError

from telemetra.adapters.redis.connections import REDIS_LOST, Connect, reason_lost

Command: TypeAlias = tuple[bytes | str | int, ...]

_log = structlog.get_logger(__name__)

MAX_WAITING: Final = 10_000
"""So many commands may wait for their answers; more are refused."""


class PipelineBroken(Exception):
    """The connection was lost, or can't be had: nobody knows what became of the command."""


class Pipeline:
    """Sends commands over a connection that it opens when there is something to send."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._unsent: list[Command] = []
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._work = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self.is_open = False
        """Whether there is a connection; else it is being opened, or will be by the next command."""

    @property
    def waiting(self) -> int:
        """How many commands wait for their answers."""
        return len(self._waiting)

    def send(self, *command: bytes | str | int) -> asyncio.Future[Any]:
        """
        Send a command soon; the future gives Redis's answer.

        It raises `PipelineBroken`, or the `ResponseError` that Redis answers. Cancelling it forgets the answer, and
        disturbs no other.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if len(self._waiting) >= MAX_WAITING:
            answer.set_exception(PipelineBroken("Too many commands wait for their answers."))
            return answer
        self._unsent.append(command)
        self._waiting.append(answer)
        self._work.set()
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(), name="redis-pipeline")
        return answer

    def reset(self) -> None:
        """Drop the connection, and with it what waits: it owes an answer for too long."""
        if self._running:
            self._running.cancel()
            self._running = None
        self._fail("The connection was given up.")

    async def aclose(self) -> None:
        """Let the connection go."""
        running = self._running
        self.reset()
        if running:
            await asyncio.wait({running})

    async def _run(self) -> None:
        connection: Connection | None = None
        me = asyncio.current_task()
        try:
            connection = await self._connect()
            reading = asyncio.create_task(self._read(connection), name="redis-pipeline-answers")
            try:
                self.is_open = True
                reading.add_done_callback(lambda _: self._work.set())
                while not reading.done():
                    await self._work.wait()
                    self._work.clear()
                    commands, self._unsent = self._unsent, []
                    if commands:
                        packed = connection.pack_commands(commands)
                        await connection.send_packed_command(packed, check_health=False)
                await reading
            finally:
                reading.cancel()
                await asyncio.wait({reading})
        except Exception as error:  # noqa: BLE001  (whatever broke it, nobody may wait for it, and the next one opens anew)
            if not isinstance(error, REDIS_LOST):
                _log.exception("redis_pipeline_failed")
            if self._running is me:
                self._running = None
                self._fail(reason_lost(error))
        finally:
            if self._running in (me, None):
                self.is_open = False
            if connection:
                await connection.disconnect(nowait=True)

    async def _read(self, connection: Connection) -> None:
        while True:
            answer: Any
            try:
                answer = await connection.read_response(disable_decoding=True, disconnect_on_error=False)
            except ResponseError as error:
                answer = error
            future = self._waiting.popleft()
            if future.done():
                continue
            if isinstance(answer, ResponseError):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def _fail(self, reason: str) -> None:
        waiting, self._waiting, self._unsent = self._waiting, deque(), []
        for future in waiting:
            if not future.done():
                future.set_exception(PipelineBroken(reason))
                # Whoever forgot it must not be told by the loop.
                future.exception()
