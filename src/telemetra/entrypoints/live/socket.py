"""
The live endpoint: lets a listener in, hears it until it ends, and leaves one line in the log.

An ASGI layer of its own in front of the routes: the framework would add a request, a router and a task to each of ten
thousand idle listeners.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import parse_qsl

import structlog

from telemetra.domain.errors import ParameterInvalid, PositionInvalid, StreamNotFound, TelemetraError
from telemetra.domain.ports import ChangeFeed, LiveBus
from telemetra.domain.positions import Position
from telemetra.entrypoints.asgi import App, ReadScope, Receive, Scope, Send
from telemetra.entrypoints.clients import client_of
from telemetra.entrypoints.live.admission import Admission, is_origin_allowed
from telemetra.entrypoints.live.ending import CAUSES, GONE, ListenerEnded, internal_error, server_restarts
from telemetra.entrypoints.live.hub import HubClosed, LiveHub, StepWatcher, utc_now
from telemetra.entrypoints.live.inbox import Inbox
from telemetra.entrypoints.live.listener import Listener, error_burst
from telemetra.entrypoints.live.outlet import Outlet, open_outlet
from telemetra.entrypoints.live.protocol import CloseCode
from telemetra.entrypoints.live.relay import Relay
from telemetra.entrypoints.meters import Meters
from telemetra.entrypoints.paths import decode_stream_id
from telemetra.settings import Settings

MAX_MESSAGE_BYTES: Final = 64 * 1024
"""What a client may send at once; the server in front enforces it (uvicorn: `ws_max_size`)."""

REVOCATION: Final = "revocation"
"""In the state of a connection that is let in for a time: a future that is told the error why it may not stay."""

_PATH: Final = re.compile(r"/ws/live/([^/]+)")
_CODES: Final = ("1000", *(str(code.value) for code in CloseCode))
_ONLY_OURS: Final = frozenset(
    {CloseCode.INTERNAL, CloseCode.TRY_AGAIN, CloseCode.STREAM_NOT_FOUND, CloseCode.TOO_SLOW}
)
"""From a client they say nothing of this server: its library closes with 1011 when its own ping was not answered."""
_OTHER_CODE: Final = "other"
ORIGIN_REFUSED: Final = "origin_not_allowed"

_log = structlog.get_logger(__name__)


class LiveEntrance:
    """Where listeners come in, while it is open: as long as the application runs."""

    def __init__(
        self, settings: Settings, watcher: StepWatcher | None = None, meters: Meters | None = None
    ) -> None:
        self._settings = settings
        self._watcher = watcher
        self.meters = meters or Meters()
        self._hub: LiveHub | None = None
        self._relay: Relay | None = None
        self.admission = Admission(
            max_listeners=settings.live_max_listeners,
            max_per_address=settings.live_max_listeners_per_address,
        )
        """Who counts the listeners."""
        for code in (*_CODES, _OTHER_CODE):
            self.meters.closed.labels(code, GONE)
        for close_code, causes in CAUSES.items():
            for cause in causes:
                self.meters.closed.labels(str(int(close_code)), cause)
        self.meters.live_refused.labels(ORIGIN_REFUSED)

    @property
    def hub(self) -> LiveHub:
        """
        What it serves listeners from.

        Raises:
            HubClosed: it is not open.

        """
        if self._hub is None:
            raise HubClosed
        return self._hub

    @property
    def relay(self) -> Relay | None:
        """Where its steps come from, while it is open."""
        return self._relay

    @property
    def is_alone(self) -> bool:
        """Whether this process knows that there is no other."""
        return self._relay is not None and self._relay.is_alone

    @asynccontextmanager
    async def open(self, feed: ChangeFeed, bus: LiveBus) -> AsyncIterator[None]:
        """Follow the changes and let listeners in; at the end they are told to come back later."""
        settings = self._settings
        async with bus.subscribe() as subscription:
            hub = LiveHub(
                feed,
                heartbeat_seconds=settings.live_heartbeat,
                stall_seconds=settings.live_stall_timeout,
                follow=subscription.follow,
                unfollow=subscription.unfollow,
                watcher=self._watcher,
                meters=self.meters,
            )
            async with hub, Relay(feed, bus, subscription, hub, meters=self.meters) as relay:
                self._hub = hub
                self._relay = relay
                yield

    async def serve(self, scope: Scope, receive: Receive, send: Send, *, segment: str) -> None:
        """Take one connection from its handshake to its end; `segment` is how the path spells the stream."""
        try:
            await receive()
            if not self._is_welcome(scope):
                await send({"type": "websocket.close", "code": int(CloseCode.POLICY), "reason": ""})
                self.meters.live_refused.labels(ORIGIN_REFUSED).inc()
                _log.info("live_origin_refused", origin=_origins(scope)[0])
                return
            await send({"type": "websocket.accept"})
        except OSError:
            # It went before it was in.
            return
        stream_id = _spelled(segment)
        conversation = _Conversation(scope, receive, open_outlet(scope, send), stream_id or segment)
        await conversation.hold(self, known=stream_id is not None)

    @property
    def messages_per_minute(self) -> int:
        """What a listener may send."""
        return self._settings.live_messages_per_minute

    def _is_welcome(self, scope: ReadScope) -> bool:
        hosts = _values(scope, b"host")
        return is_origin_allowed(
            _origins(scope),
            # Two of them contradict each other.
            host=hosts[0] if len(hosts) == 1 else None,
            secure=scope.get("scheme") == "wss",
            allowed=self._settings.cors_origins,
        )


class LiveSockets:
    """The layer: takes the WebSockets of live streams, and passes everything else on."""

    def __init__(self, app: App, entrance: LiveEntrance) -> None:
        self._app = app
        self._entrance = entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a listener, or pass the request on."""
        live = _PATH.fullmatch(scope["path"]) if scope["type"] == "websocket" else None
        if live:
            await self._entrance.serve(scope, receive, send, segment=live[1])
        else:
            await self._app(scope, receive, send)


class _Conversation:
    """One accepted socket, until either side ends it."""

    __slots__ = ("_messages", "_outlet", "_receive", "_scope", "_stream_id")

    def __init__(self, scope: ReadScope, receive: Receive, outlet: Outlet, stream_id: str) -> None:
        self._scope = scope
        self._receive = receive
        self._outlet = outlet
        self._stream_id = stream_id
        self._messages = 0

    async def hold(self, entrance: LiveEntrance, *, known: bool) -> None:
        """Serve it; what stays of it is a line in the log."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        # What stays when the server cancels this task.
        ending = server_restarts()
        try:
            ending = await self._outcome(entrance, known=known)
            await self._outlet.ended()
        finally:
            entrance.meters.closed.labels(*_counted(ending)).inc()
            _log.info(
                "live_listener_closed",
                stream_id=self._stream_id,
                code=int(ending.code),
                reason=ending.cause,
                seconds=round(loop.time() - began, 3),
                messages=self._messages,
            )

    async def _outcome(self, entrance: LiveEntrance, *, known: bool) -> ListenerEnded:
        try:
            if known:
                client = self._scope.get("client")
                with entrance.admission.admit(client_of(client[0] if client else "")):
                    return await self._listen(entrance.hub, entrance.messages_per_minute)
            # An id that no stream can have is one of a stream that there is not.
            ending = ListenerEnded.because(StreamNotFound(self._stream_id))
        except ListenerEnded as ended:
            ending = ended
        except HubClosed:
            ending = server_restarts()
        except Exception:  # noqa: BLE001  (a fault here ends one listener, with a code and without details)
            _log.exception("live_listener_failed", stream_id=self._stream_id)
            ending = internal_error()
        # It was refused before there was a listener to say so.
        farewell = error_burst(self._stream_id, *ending.error, now=utc_now()) if ending.error else None
        self._outlet.end(ending, farewell)
        return ending

    async def _listen(self, hub: LiveHub, messages_per_minute: int) -> ListenerEnded:
        """Hear what the client says while the hub writes to it; return how it ended."""
        loop = asyncio.get_running_loop()
        listener = None
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as until_ended:
                since = _since(self._scope)
                # Whoever ends the listener ends the wait for the client's next message.
                with hub.listen(
                    self._stream_id, self._outlet, since, on_end=lambda: until_ended.reschedule(loop.time())
                ) as listener:
                    self._end_when_revoked(listener)
                    await self._hear(listener, messages_per_minute)
        assert listener is not None  # noqa: S101  (it is bound before anything waits)
        assert listener.ending is not None  # noqa: S101  (leaving the block ends it)
        self._messages = listener.messages
        return listener.ending

    def _end_when_revoked(self, listener: Listener) -> None:
        revocation: asyncio.Future[TelemetraError] | None = self._scope.get("state", {}).get(REVOCATION)
        if revocation is not None:

            def end(told: asyncio.Future[TelemetraError]) -> None:
                if not told.cancelled():
                    listener.end(ListenerEnded.because(told.result()))

            revocation.add_done_callback(end)

    async def _hear(self, listener: Listener, messages_per_minute: int) -> None:
        try:
            await Inbox(self._receive, listener, per_minute=messages_per_minute).run()
        except ListenerEnded as ended:
            listener.end(ended)


def _counted(ending: ListenerEnded) -> tuple[str, str]:
    """Return the code and the cause that an ending is counted by: few of the thousands that a client may close with."""
    code = str(int(ending.code))
    is_clients_own = ending.gone and ending.code in _ONLY_OURS
    return (code if code in _CODES and not is_clients_own else _OTHER_CODE), ending.cause


def _values(scope: ReadScope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _origins(scope: ReadScope) -> list[str]:
    return _values(scope, b"origin")


def _spelled(segment: str) -> str | None:
    """Return the id that the path spells, if it spells one."""
    try:
        return decode_stream_id(segment)
    except ParameterInvalid:
        return None


def _since(scope: ReadScope) -> Position | None:
    """Return the position to resume at; one that can't be read is as good as none, and the client is told so."""
    try:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=20)
        (given,) = (value for name, value in query if name == "since")
        return Position.parse(given)
    except (PositionInvalid, ValueError):
        return None
