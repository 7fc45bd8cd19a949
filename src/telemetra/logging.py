"""
Logging: every line, ours and the libraries', goes through one renderer to standard error, at once.

There is no queue and no background thread, so the last line before an exit is there. Standard output belongs to the
commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.config
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
import structlog
from structlog.typing import EventDict, Processor

_CHATTY_LIBRARIES: Final = ("alembic", "httpcore", "httpx", "urllib3", "websockets")
"""They tell each request, each frame or how they are set up, at INFO or DEBUG."""


_processors: Final[list[Processor]] = []
"""
One list for the process, changed in place: loggers keep the list that they first saw, also when this is called again.
"""


def configure_logging(level: str = "INFO", log_format: Literal["auto", "json", "console"] = "auto") -> None:
    """
    Send all logs of this process to standard error, from `level` on.

    `auto` is coloured text where standard error is a terminal (plain with NO_COLOR), and JSON lines elsewhere. May be
    called again.
    """
    as_text = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    rendering = _console() if as_text else _json()
    _processors[:] = [*_common(), *rendering]
    structlog.configure(
        processors=_processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=_StandardError,
        cache_logger_on_first_use=True,
    )
    least = logging.getLevelNamesMapping()[level]
    _requests.levels = frozenset(
        name for name, number in (("info", logging.INFO), ("debug", logging.DEBUG)) if number >= least
    )
    _route_standard_library(level, rendering)


def tells_json() -> bool:
    """Whether lines are JSON, as far as that was said."""
    return bool(_processors) and _processors[-1] is _to_json


def log_request(  # noqa: PLR0913  (the fields of the line, each of them: nothing else is to be made of them)
    method: str,
    path: str,
    status: int,
    milliseconds: float,
    request_id: str,
    client: str,
    *,
    token: str | None = None,
    trace_id: str | None = None,
    level: Literal["info", "debug"] = "info",
) -> None:
    """
    Leave the line of a request: of which client, by its address, and where tokens are asked for, the name of its token.

    As JSON it takes a shorter way than other lines, which ends in the same place: there are as many of it as of all others
    together a thousand times.
    """
    if tells_json():
        if level in _requests.levels:
            _requests.add(level, method, path, status, milliseconds, request_id, client, token, trace_id)
        return
    (_log.info if level == "info" else _log.debug)(
        "http_request",
        method=method,
        path=path,
        status=status,
        duration_ms=round(milliseconds, 2),
        request_id=request_id,
        client=client,
        **({"token": token} if token else {}),
        **({"trace_id": trace_id} if trace_id else {}),
    )


class _RequestLines:
    """
    Requests' lines as JSON, written together at the end of the loop's turn.

    Whatever else is written first writes what waits, so that lines stay in order.
    """

    def __init__(self) -> None:
        self.levels: frozenset[str] = frozenset()
        """Those at which lines are told."""
        self._waiting: list[str] = []
        self._second = -1
        self._time = ""
        self._texts: dict[str, str] = {}
        """Paths, addresses and names, as JSON writes them."""
        self._called_by: asyncio.AbstractEventLoop | None = None
        """The loop that will write what waits."""

    def add(  # noqa: PLR0913, PLR0917  (as above)
        self,
        level: str,
        method: str,
        path: str,
        status: int,
        milliseconds: float,
        request_id: str,
        client: str,
        token: str | None,
        trace_id: str | None,
    ) -> None:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._time = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        texts = self._texts
        shown = texts.get(path) or self._remember(path)
        whose = texts.get(client) or self._remember(client)
        named = f',"token":{texts.get(token) or self._remember(token)}' if token else ""
        traced = f',"trace_id":"{trace_id}"' if trace_id else ""
        self._waiting.append(
            f'{{"timestamp":"{self._time}.{int((now - second) * 1e6):06d}Z","level":"{level}","event":"http_request",'
            f'"method":{_encoder.encode(method).decode() if method != "GET" else _GET},"path":{shown},'
            f'"status":{status},"duration_ms":{milliseconds:.2f},"request_id":"{request_id}","client":{whose}{named}{traced}}}'
        )
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.write()
            return
        if self._called_by is not loop:
            self._called_by = loop
            loop.call_soon(self.write)

    def _remember(self, text: str) -> str:
        if len(self._texts) >= _TEXTS_REMEMBERED:
            self._texts.clear()
        shown = self._texts[text] = _encoder.encode(text).decode()
        return shown

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to write."""
        return bool(self._waiting)

    def write(self) -> None:
        """Write what waits, in pieces that a pipe takes whole: lines of several processes must not mix."""
        waiting, self._waiting, self._called_by = self._waiting, [], None
        piece: list[str] = []
        size = 0
        for line in waiting:
            if piece and size + len(line) > _PIECE_CHARACTERS:
                _write("\n".join(piece))
                piece, size = [], 0
            piece.append(line)
            size += len(line) + 1
        if piece:
            _write("\n".join(piece))


_GET: Final = '"GET"'
_PIECE_CHARACTERS: Final = 4_000
"""They are ASCII but for a path's letters, which are percent-encoded, too."""
_TEXTS_REMEMBERED: Final = 4_000
_requests: Final = _RequestLines()
_log: Final = structlog.get_logger(__name__)


def _write(lines: str) -> None:
    """Write lines with one call."""
    # Looked up each time: tests and supervisors replace it.
    stream = sys.stderr
    with contextlib.suppress(OSError, ValueError):
        stream.write(lines + "\n")
        stream.flush()


class _StandardError:
    """
    Writes finished lines, each with one call, so that lines of several processes don't mix.

    A line that can't be written (the terminal is gone, the pipe closed) is dropped: a log must not fail a request.
    """

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, line: str) -> None:
        if _requests.is_waiting:
            _requests.write()
        _write(line)

    debug = info = warning = error = critical = exception = msg


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _json() -> list[Processor]:
    return [structlog.processors.format_exc_info, _to_json]


def _console() -> list[Processor]:
    # https://no-color.org: set to anything but nothing.
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return [
        _escape_controls,
        structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback),
    ]


_encoder: Final = msgspec.json.Encoder(enc_hook=repr)


def _to_json(_: Any, __: str, event: EventDict) -> str:
    """Render one JSON object, the fields that everybody looks for first."""
    line = {name: event.pop(name, None) for name in ("timestamp", "level", "event")}
    line.update(event)
    try:
        return _encoder.encode(line).decode()
    except (TypeError, ValueError, RecursionError):
        # What the encoder can't take (lone surrogates, foreign keys) must not cost the line.
        return _encoder.encode({name: ascii(value) for name, value in line.items()}).decode()


def _escape_controls(_: Any, __: str, event: EventDict) -> EventDict:
    """Make control characters visible: a value from outside must not move a terminal's cursor."""
    for name, value in event.items():
        if name != "exception" and isinstance(value, str) and not value.isprintable():
            event[name] = ascii(value)
    return event


def _drop_coloured_double(_: Any, __: str, event: EventDict) -> EventDict:
    """Drop the second copy of the text, with colours, that uvicorn puts on its records."""
    event.pop("color_message", None)
    return event


def _route_standard_library(level: str, rendering: Sequence[Processor]) -> None:
    """Give the libraries' records the same fields and the same renderer."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            *_common(),
            structlog.stdlib.ExtraAdder(),
            _drop_coloured_double,
            structlog.stdlib.add_logger_name,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )
    handler = _StandardErrorHandler()
    handler.setFormatter(formatter)
    handler.addFilter(_is_not_a_servers_socket_line)
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old, _StandardErrorHandler):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _CHATTY_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)


def _is_not_a_servers_socket_line(record: logging.LogRecord) -> bool:
    """
    Whether a record says more than that a WebSocket came, which uvicorn tells three times, with its query, or was refused:
    a refusal by an HTTP answer it takes for a fault.
    """
    if record.msg == _NO_HTTP:
        # The connection's own line says it.
        return False
    if not record.module.startswith(("websockets_", "wsproto_")):
        return True
    return record.levelno > logging.INFO and record.msg != _REFUSED_IN_ORDER


_NO_HTTP: Final = "Invalid HTTP request received."
_REFUSED_IN_ORDER: Final = "ASGI callable returned without completing handshake."


class _StandardErrorHandler(logging.Handler):
    """Hands the libraries' lines to the same writer."""

    def __init__(self) -> None:
        super().__init__()
        self._out = _StandardError()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  (a library's bad format string must not fail who logs it)
            self.handleError(record)
        else:
            self._out.msg(line)
