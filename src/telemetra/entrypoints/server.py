"""How uvicorn serves the application: its limits, its keepalive, and the live sockets' own connection class."""

from __future__ import annotations

import contextlib
import resource
from typing import Any, Final

from telemetra.entrypoints.live.socket import MAX_MESSAGE_BYTES
from telemetra.entrypoints.live.transport import LiveWebSocketProtocol
from telemetra.settings import Settings

GRACE_SECONDS: Final = 8
"""How long requests may take to finish after the signal to end; listeners are told at once."""

_FILES: Final = 1_048_576
"""As many as any process gets."""


def uvicorn_options(settings: Settings) -> dict[str, Any]:
    """Return what `uvicorn.Config` takes beside the application and where to listen."""
    return {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "lifespan": "on",
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "ws": LiveWebSocketProtocol,
        "ws_max_size": MAX_MESSAGE_BYTES,
        # Deflate costs 54 to 129 KB a connection.
        "ws_per_message_deflate": False,
        "ws_ping_interval": settings.live_heartbeat,
        "ws_ping_timeout": settings.live_heartbeat,
        # At INFO the server tells of every socket, with its query; the application's own line says more.
        "log_level": "debug" if settings.log_level == "DEBUG" else "warning",
    }


def allow_open_files() -> None:
    """Let this process and its children have as many connections as the system lets them: shells start with few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS says that nothing is limited, and takes no more than it has.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
