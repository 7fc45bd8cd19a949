"""The live endpoint: lets a listener in, serves it until it ends, and leaves one line in the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from litestar import websocket
from litestar.connection import WebSocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketRouteHandler

from telemetra.domain.errors import ParameterInvalid, PositionInvalid, StreamNotFound, TelemetraError
from telemetra.domain.ports import ChangeFeed
from telemetra.domain.positions import Position
from telemetra.entrypoints.live.admission import Admission, is_origin_allowed
from telemetra.entrypoints.live.channel import HubClosed
from telemetra.entrypoints.live.delivery import Delivery
from telemetra.entrypoints.live.ending import ListenerEnded, internal_error, server_restarts
from telemetra.entrypoints.live.hub import LiveHub
from telemetra.entrypoints.live.inbox import Inbox
from telemetra.entrypoints.live.outlet import Outlet
from telemetra.entrypoints.live.protocol import CloseCode, close_code
from telemetra.entrypoints.paths import decode_stream_id
from telemetra.settings import Settings

LIVE_STATE: Final = "live"
"""Where in the application's state the `LiveEntrance` is kept."""
MAX_MESSAGE_BYTES: Final = 64 * 1024
"""What a client may send at once; the server in front enforces it (uvicorn: `ws_max_size`)."""

_log = structlog.get_logger(__name__)


class LiveEntrance:
    """Where listeners come in."""

    def __init__(self, hub: LiveHub, settings: Settings) -> None:
        self.hub = hub
        self._settings = settings
        self._admission = Admission(
            max_listeners=settings.live_max_listeners,
            max_per_address=settings.live_max_listeners_per_address,
        )

    async def serve(self, socket: WebSocket[Any, Any, Any]) -> None:
        """Take one connection from its handshake to its end."""
        try:
            welcome = self._is_welcome(socket)
            if welcome:
                await socket.accept()
            else:
                await _refuse(socket)
        except (OSError, WebSocketDisconnect):
            # It went before it was in.
            return
        if welcome:
            await self._converse(socket)

    async def _converse(self, socket: WebSocket[Any, Any, Any]) -> None:
        """Serve an accepted listener, close its socket, and log that it was here."""
        segment = socket.path_params["stream_id"]
        path_id = _spelled(segment) or segment
        outlet = Outlet(socket, path_id, stall_seconds=self._settings.live_stall_timeout)
        began = asyncio.get_running_loop().time()
        # What stays when the server cancels this task.
        ending = server_restarts()
        try:
            ending = await self._outcome(socket, outlet, path_id)
            await outlet.close(ending)
        finally:
            _log.info(
                "live_listener_closed",
                stream_id=path_id,
                code=int(ending.code),
                seconds=round(asyncio.get_running_loop().time() - began, 3),
                messages=outlet.sent,
            )

    async def _outcome(self, socket: WebSocket[Any, Any, Any], outlet: Outlet, path_id: str) -> ListenerEnded:
        """Serve a listener that is in, and say how it ended."""
        try:
            await self._listen(socket, outlet, path_id)
        except ListenerEnded as ended:
            return ended
        except HubClosed:
            return server_restarts()
        except TelemetraError as error:
            if close_code(error) == CloseCode.INTERNAL:
                _log.exception("live_listener_failed", stream_id=path_id)
            return ListenerEnded.because(error)
        except Exception:  # noqa: BLE001  (a fault here ends one listener, with a code and without details)
            _log.exception("live_listener_failed", stream_id=path_id)
        return internal_error()

    async def _listen(self, socket: WebSocket[Any, Any, Any], outlet: Outlet, path_id: str) -> None:
        """
        Bring a listener what it lacks and what comes, and hear what it says, until either side ends.

        Raises:
            ListenerEnded, HubClosed, TelemetraError: why it ends; it does not return.

        """
        settings = self._settings
        address = socket.client.host if socket.client else ""
        try:
            stream_id = _spelled(socket.path_params["stream_id"])
            if stream_id is None:
                # An id that no stream can have is one of a stream that there is not.
                raise StreamNotFound(path_id)
            with self._admission.admit(address), self.hub.subscribe(stream_id) as subscription:
                delivery = Delivery(
                    self.hub,
                    subscription,
                    outlet,
                    stream_id=stream_id,
                    heartbeat_seconds=settings.live_heartbeat,
                )
                inbox = Inbox(socket, outlet, stream_id, per_minute=settings.live_messages_per_minute)
                opening = await delivery.greet(_since(socket))
                async with asyncio.TaskGroup() as sides:
                    sides.create_task(inbox.run(), name="live-inbox")
                    await delivery.run(opening)
        except ExceptionGroup as both:
            raise _first_ending(both) from None

    def _is_welcome(self, socket: WebSocket[Any, Any, Any]) -> bool:
        return is_origin_allowed(
            socket.headers.getall("origin", []),
            host=socket.headers.get("host"),
            secure=socket.scope.get("scheme") == "wss",
            allowed=self._settings.cors_origins,
        )


@asynccontextmanager
async def open_live(feed: ChangeFeed, settings: Settings) -> AsyncIterator[LiveEntrance]:
    """Follow the feed and let listeners in; at the end they are told to come back later."""
    async with LiveHub(feed) as hub:
        yield LiveEntrance(hub, settings)


@websocket("/ws/live/{stream_id:str}")
async def listen(socket: WebSocket[Any, Any, Any]) -> None:
    """Follow one stream."""
    entrance: LiveEntrance = socket.app.state[LIVE_STATE]
    await entrance.serve(socket)


def live_route_handlers() -> list[WebsocketRouteHandler]:
    """Return the handlers for the application; they want a `LiveEntrance` in its state under `LIVE_STATE`."""
    return [listen]


async def _refuse(socket: WebSocket[Any, Any, Any]) -> None:
    """Close before accepting: the server answers the handshake with 403."""
    await socket.receive()
    await socket.close(CloseCode.POLICY)
    _log.info("live_origin_refused", origin=socket.headers.get("origin"))


def _spelled(segment: str) -> str | None:
    """Return the id that the path spells, if it spells one."""
    try:
        return decode_stream_id(segment)
    except ParameterInvalid:
        return None


def _since(socket: WebSocket[Any, Any, Any]) -> Position | None:
    """Return the position to resume at; one that can't be read is as good as none, and the client is told so."""
    given = socket.query_params.getall("since", [])
    if len(given) != 1:
        return None
    try:
        return Position.parse(given[0])
    except PositionInvalid:
        return None


def _first_ending(both: ExceptionGroup[Exception]) -> Exception:
    """Of what the two sides raised, the one that says most: a fault of ours before an ordinary end."""
    errors = both.exceptions
    return next((error for error in errors if not isinstance(error, ListenerEnded)), errors[0])
