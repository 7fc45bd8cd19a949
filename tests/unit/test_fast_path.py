"""What goes wrong after an answer was found is told like any other fault."""

from __future__ import annotations

import json
from typing import Any

from structlog.testing import capture_logs

from telemetra.entrypoints.access.gate import Gate
from telemetra.entrypoints.cache.entries import Entry
from telemetra.entrypoints.cache.fast_path import FastPath
from telemetra.entrypoints.cache.layer import CachedReads, Failure, ResponseCache, Wishes
from telemetra.entrypoints.http.cross_origin import CrossOrigin
from telemetra.entrypoints.http.refusals import Refusals
from telemetra.entrypoints.meters import Meters
from telemetra.entrypoints.route_names import RouteNames
from telemetra.settings import Settings
from tests.unit.test_packing import an_entry


async def never(*_: Any) -> None:
    raise AssertionError("nothing is passed on")


class Faulty(CachedReads):
    """Has an answer, and can't make of it what is sent."""

    def kept(self, spelling: bytes) -> Entry | None:
        return an_entry(1)

    async def told(self, outcome: Entry | Failure, wishes: Wishes) -> Any:
        if isinstance(outcome, Failure):
            return await super().told(outcome, wishes)
        raise MemoryError


async def test_a_fault_in_sending_is_a_problem_with_the_request_s_name() -> None:
    settings, refusals = Settings(), Refusals()
    cached = Faulty(never, ResponseCache(settings, clock=lambda: 0.0), (), settings, refusals)
    fast = FastPath(
        never, cached, CrossOrigin(cached, ()), Gate(settings), refusals, Meters(), RouteNames([])
    )
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"x-request-id", b"mine")]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
    with capture_logs() as logs:
        await fast(scope, never, send)
    assert sent[0]["status"] == 500
    assert (b"x-request-id", b"mine") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["request_id"] == "mine"
    assert [(line["event"], line.get("status")) for line in logs] == [
        ("http_request_failed", None),
        ("http_request", 500),
    ]
