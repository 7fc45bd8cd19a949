"""One subscription to the live bus: a connection that is kept open for ever, and asked whether it still lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Final

import structlog
from redis.asyncio.connection import Connection

from telemetra.adapters.redis.connections import REDIS_LOST, Connect, reason_lost
from telemetra.adapters.redis.messages import MessageUnreadable, StepAssembly
from telemetra.domain.changes import Step, Tag, tag_of

_log = structlog.get_logger(__name__)

_SILENCE_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 3.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0
_CHANNELS_A_COMMAND: Final = 500


@dataclass(frozen=True, slots=True)
class Channels:
    """The names of the channels of one deployment."""

    namespace: str

    @property
    def headers(self) -> bytes:
        """The channel of all steps' headers."""
        return f"{self.namespace}:steps".encode()

    def of_stream(self, stream_id: str) -> bytes:
        """Return the channel of one stream's parts."""
        return f"{self.namespace}:stream:{stream_id}".encode(errors="surrogatepass")


class RedisBusSubscription:
    """
    A `BusSubscription`.

    What is followed is told to Redis in the background, and told again on every new connection. When nothing has come
    for two seconds Redis is asked for a sign of life, and the connection is dropped when none comes.
    """

    def __init__(self, connect: Connect, channels: Channels) -> None:
        self._connect = connect
        self._channels = channels
        self._streams: dict[bytes, str] = {}
        """What is followed, by channel."""
        self._followed: dict[Tag, str] = {}
        """The same, by tag."""
        self._to_tell: dict[bytes, bool] = {}
        self._is_connected = False
        self._bell = asyncio.Event()
        self._told_unreadable = False
        self._jitter = Random()  # noqa: S311  (spreads retries, guards nothing)

    def follow(self, stream_id: str) -> None:
        channel = self._channels.of_stream(stream_id)
        if channel not in self._streams:
            self._streams[channel] = self._followed[tag_of(stream_id)] = stream_id
            self._tell(channel, wanted=True)

    def unfollow(self, stream_id: str) -> None:
        channel = self._channels.of_stream(stream_id)
        if self._streams.pop(channel, None) is not None:
            del self._followed[tag_of(stream_id)]
            self._tell(channel, wanted=False)

    async def steps(self) -> AsyncIterator[Step]:
        pause_seconds = _FIRST_PAUSE_SECONDS
        is_lost = False
        while True:
            try:
                async with self._listening() as connection:
                    pause_seconds = _FIRST_PAUSE_SECONDS
                    if is_lost:
                        _log.info("live_bus_heard_again")
                    is_lost = False
                    assembly = StepAssembly()
                    while True:
                        if step := self._take(assembly, *await _next_message(connection)):
                            yield step
            except REDIS_LOST as error:
                if pause_seconds == _FIRST_PAUSE_SECONDS:
                    _log.warning("live_bus_lost", reason=reason_lost(error))
                is_lost = True
            await asyncio.sleep(self._jitter.uniform(pause_seconds / 2, pause_seconds))
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)

    def _take(self, assembly: StepAssembly, channel: bytes, payload: bytes) -> Step | None:
        try:
            if channel == self._channels.headers:
                return assembly.take_header(payload, self._followed)
            if stream_id := self._streams.get(channel):
                assembly.take_part(stream_id, payload)
        except MessageUnreadable as error:
            if not self._told_unreadable:
                _log.warning("live_bus_message_unreadable", reason=str(error))
                self._told_unreadable = True
        return None

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[Connection]:
        """Open a connection that hears everything that is followed, also what will be."""
        connection = await self._connect()
        try:
            self._to_tell = dict.fromkeys([self._channels.headers, *self._streams], True)
            self._is_connected = True
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._tell_all(connection)
                # The answer to the first channel, or why Redis refuses.
                await connection.read_response()
            telling = asyncio.create_task(self._keep_telling(connection), name="live-bus-follows")
            try:
                yield connection
            finally:
                telling.cancel()
                await asyncio.wait({telling})
        finally:
            self._is_connected = False
            await connection.disconnect(nowait=True)

    def _tell(self, channel: bytes, *, wanted: bool) -> None:
        # Without a connection there is nobody to tell; the next one is told everything.
        if self._is_connected:
            self._to_tell[channel] = wanted
            self._bell.set()

    async def _keep_telling(self, connection: Connection) -> None:
        # When it fails, so does the reading.
        with suppress(*REDIS_LOST):
            while True:
                await self._bell.wait()
                await self._tell_all(connection)

    async def _tell_all(self, connection: Connection) -> None:
        self._bell.clear()
        told, self._to_tell = self._to_tell, {}
        for command, wanted in (("SUBSCRIBE", True), ("UNSUBSCRIBE", False)):
            channels = [channel for channel, is_wanted in told.items() if is_wanted == wanted]
            for start in range(0, len(channels), _CHANNELS_A_COMMAND):
                some = channels[start : start + _CHANNELS_A_COMMAND]
                await connection.send_command(command, *some, check_health=False)


async def _next_message(connection: Connection) -> tuple[bytes, bytes]:
    """
    Return the next message with its channel.

    Raises:
        TimeoutError: there was none for a while, and Redis does not answer either.

    """
    while True:
        reply = await connection.read_response(timeout=_SILENCE_SECONDS, disconnect_on_error=False)
        if reply is None:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await connection.send_command("PING", check_health=False)
                reply = await connection.read_response()
        if reply and reply[0] == b"message":
            return reply[1], reply[2]
