"""A real HTTP server that gives one scripted answer after the other, byte by byte, and notes what it was asked."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

JSON = "application/json"
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    target: str
    headers: dict[str, str]
    """By small names."""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))


class ScriptedHttp:
    """What each request is answered with, in turn; None leaves it without an answer, and without an end."""

    def __init__(self, answers: Sequence[bytes | None]) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.came = asyncio.Event()
        """Set when the first request is there."""
        self._answers = list(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        line, *fields = head.strip().split("\r\n")
        pairs = (field.partition(":") for field in fields)
        self.asked.append(
            Asked(line.split(" ")[1], {name.lower(): value.strip() for name, _, value in pairs})
        )
        self.came.set()
        answer = self._answers.pop(0)
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def answering(
    *answers: bytes | None, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedHttp]:
    """Serve answers on a free port; each connection is closed after one."""
    scripted = ScriptedHttp(answers)
    async with await asyncio.start_server(scripted.serve, "127.0.0.1", 0, ssl=ssl_context) as server:
        scripted.url = f"http{'s' if ssl_context else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield scripted


def answer(
    body: Any,
    *,
    status: int = 200,
    media_type: str | None = JSON,
    length: int | None = None,
    **headers: str,
) -> bytes:
    """Return an answer's bytes; a body that is not bytes is told as JSON, and `length` replaces what is said of its length."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {"Content-Length": str(len(content) if length is None else length), "Connection": "close"}
    if media_type is not None:
        said["Content-Type"] = media_type
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{n}: {v}" for n, v in said.items())]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content


def page(rows: list[dict[str, Any]], *, then: str | None = None, position: str = "p1") -> bytes:
    """Return a page of a listing, and where the next one is."""
    if then is None:
        return answer(rows, Telemetra_Position=position)
    return answer(rows, Telemetra_Position=position, Link=f'<?first>; rel="first", <{then}>; rel="next"')


def problem(status: int, code: str, detail: str = "So it is.", **content: Any) -> bytes:
    """Return a problem (RFC 9457)."""
    named = {"type": f"urn:telemetra:problem:{code}", "title": "A kind", "status": status}
    body = {**named, "detail": detail, "code": code, "request_id": "r1", **content}
    return answer(body, status=status, media_type=PROBLEM)
