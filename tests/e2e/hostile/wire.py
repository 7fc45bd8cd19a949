"""
Bytes to a service and bytes back, over a socket of one's own: a client's library would tidy up what is to be tried.

Whatever comes back is judged here, too: an error is a problem of the application's own, and nothing of the inside is told.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.service import Service

PATIENCE_SECONDS = 20
GOOD = "/api/v1/streams/demo/metrics?limit=3"
_INSIDE = re.compile(rb'Traceback|asyncpg|sqlalchemy|File "|/site-packages|postgres(ql)?://', re.IGNORECASE)
_names = count()


def strict_json(text: bytes) -> Any:
    """Read JSON as the standard has it: Python's own reader takes NaN and infinities."""
    return json.loads(text.decode(), parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back to one request; `headers` by small names, a repeated one joined by commas."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return strict_json(self.body)

    @property
    def code(self) -> str | None:
        """The problem's code; None where it is none."""
        is_problem = self.headers.get("content-type") == "application/problem+json"
        return str(self.json["code"]) if is_problem and self.body else None


class Connection:
    """One connection: whatever bytes, then the answers in their order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Write, as far as the service takes it: one that has refused already need not read the rest."""
        self._writer.write(data)
        try:
            await asyncio.wait_for(self._writer.drain(), PATIENCE_SECONDS)
        except ConnectionError:
            return

    async def answer(self, *, has_body: bool = True) -> Answer:
        """Read one answer."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        assert first.startswith("HTTP/1.1 "), first
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            name = name.lower()
            assert re.fullmatch(r"[a-z0-9-]+", name), f"no header: {line!r}"
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        status = int(first.split()[1])
        body = b""
        if has_body and status not in {101, 204, 304} and status >= 200:
            body = await self._body(headers)
        assert not _INSIDE.search(head + body), head + body
        return Answer(status, headers, body)

    async def is_closed(self) -> bool:
        """Whether the service ends the connection, with nothing more to say."""
        try:
            return await asyncio.wait_for(self.reader.read(), PATIENCE_SECONDS) == b""
        except ConnectionError:
            return True

    async def _body(self, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return await asyncio.wait_for(
                self.reader.readexactly(int(headers["content-length"])), PATIENCE_SECONDS
            )
        if headers.get("transfer-encoding") == "chunked":
            return await asyncio.wait_for(self._chunks(), PATIENCE_SECONDS)
        return await asyncio.wait_for(self.reader.read(), PATIENCE_SECONDS)

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return body


class Target:
    """The service that is under attack."""

    def __init__(self, service: Service) -> None:
        self.service = service
        parts = urlsplit(service.url)
        assert parts.hostname
        assert parts.port
        self.host, self.port = parts.hostname, parts.port
        self.last_request = ""

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Connection]:
        """Connect."""
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=2**24)
        try:
            yield Connection(reader, writer)
        finally:
            writer.transport.abort()

    async def ask(self, data: bytes, *, has_body: bool = True) -> Answer:
        """Send bytes on a connection of their own and return the first answer."""
        async with self.connected() as connection:
            await connection.send(data)
            return await connection.answer(has_body=has_body)

    async def get(self, path: bytes, *headers: bytes, method: bytes = b"GET") -> Answer:
        """Ask for a path in these very bytes, with these very header lines beside `Host`."""
        lines = b"".join(line + b"\r\n" for line in (b"Host: telemetra.test", *headers))
        return await self.ask(
            method + b" " + path + b" HTTP/1.1\r\n" + lines + b"\r\n", has_body=method != b"HEAD"
        )

    async def serves(self) -> None:
        """Assert that a good request is answered at once, whatever came before."""
        self.last_request = f"good-{next(_names)}"
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await self.get(GOOD.encode(), f"X-Request-ID: {self.last_request}".encode())
        assert answer.status == 200
        assert answer.headers["x-request-id"] == self.last_request
        assert len(answer.json) == 3

    async def answers(self, path: bytes, *headers: bytes, status: int, method: bytes = b"GET") -> Answer:
        """Assert that a request is answered so, in the application's own words where it is refused; return the answer."""
        answer = await self.get(path, *headers, method=method)
        judge(answer, status)
        return answer


def judge(answer: Answer, status: int) -> None:
    """Assert the status, and that an error is a problem of the application's."""
    assert answer.status == status, (answer.status, answer.body[:500])
    assert re.fullmatch(r"[A-Za-z0-9._~-]{1,128}", answer.headers["x-request-id"])
    if status >= 400 and answer.body:
        assert answer.code, answer
        assert answer.json["status"] == status
        assert answer.json["request_id"] == answer.headers["x-request-id"]
