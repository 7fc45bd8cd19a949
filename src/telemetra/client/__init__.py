"""
A client for Telemetra's services: history by pages, and live updates through which nothing is lost and nothing comes twice.

`Telemetra` is for programs of threads, `AsyncTelemetra` for asyncio. Rows are the service's own types: `Stream`,
`MetricWindow`, `Moment`. Needs the extra `client` (the README says how to install it), and imports nothing of the server.
"""

from telemetra.client.async_client import AsyncTelemetra
from telemetra.client.errors import (
    AccessDenied,
    AnswerUnreadable,
    InvalidParameter,
    ParameterInvalid,
    PositionInvalid,
    RequestRefused,
    ServiceUnavailable,
    ServiceUnreachable,
    StreamNotFound,
    TelemetraError,
    TokenInvalid,
    TokenRefused,
    TooManyRequests,
    UrlInvalid,
)
from telemetra.client.live_async import AsyncLive
from telemetra.client.live_following import ConnectionLost
from telemetra.client.live_reading import LiveUpdate
from telemetra.client.live_sync import Live
from telemetra.client.reads import Page
from telemetra.client.rows import AsyncRows, Rows
from telemetra.client.sync_client import Telemetra
from telemetra.domain.changes import Removal, RemovedWindow
from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow
from telemetra.live_messages import (
    ConnectedMessage,
    HeartbeatMessage,
    MetricsMessage,
    MomentMessage,
    RemovedMessage,
    SnapshotMessage,
    StreamMessage,
)

__all__ = [
    "AccessDenied",
    "AnswerUnreadable",
    "AsyncLive",
    "AsyncRows",
    "AsyncTelemetra",
    "ConnectedMessage",
    "ConnectionLost",
    "HeartbeatMessage",
    "InvalidParameter",
    "Live",
    "LiveUpdate",
    "MetricWindow",
    "MetricsMessage",
    "Moment",
    "MomentMessage",
    "MomentType",
    "Page",
    "ParameterInvalid",
    "PositionInvalid",
    "Removal",
    "RemovedMessage",
    "RemovedWindow",
    "RequestRefused",
    "Rows",
    "ServiceUnavailable",
    "ServiceUnreachable",
    "SnapshotMessage",
    "Stream",
    "StreamMessage",
    "StreamNotFound",
    "Telemetra",
    "TelemetraError",
    "TokenInvalid",
    "TokenRefused",
    "TooManyRequests",
    "UrlInvalid",
]
