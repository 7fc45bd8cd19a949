"""The two health endpoints: is the process there, and does it reach what it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog
from litestar import Request, Response, get
from litestar.di import NamedDependency

from telemetra.domain.errors import TelemetraError
from telemetra.domain.ports import HealthProbe, Ports
from telemetra.entrypoints.http.operations import Documented, operation
from telemetra.entrypoints.lifespan import DRAINING, Draining

PROBE_SECONDS: Final = 0.8
"""How long the dependencies are waited for: the answer is promised within a second."""
_ASKING: Final = "health_asking"
_NEVER_KEPT: Final = {"Cache-Control": "no-store"}

_log = structlog.get_logger(__name__)

Dependency = Literal["ok", "unavailable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """The process answers."""

    status: Literal["ok"] = "ok"
    """Always this: a process that is not well says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What the process reaches."""

    status: Literal["ok", "degraded", "unavailable", "draining"]
    """
    `degraded`: Redis is away, reads go on without it. `unavailable`: nothing can be read. `draining`: the process was told
    to go, and serves a little longer.
    """
    database: Dependency
    """Whether PostgreSQL answers."""
    redis: Dependency
    """Whether Redis answers."""


@get(
    "/health",
    operation_id="getLiveness",
    tags=["Health"],
    summary="Is the process alive",
    operation_class=operation(Documented(answer="The process is alive.", example=Liveness())),
)
async def get_liveness() -> Response[Liveness]:
    """Return `ok` while the process answers. Asks neither the database nor Redis: for restarts, not for routing."""
    return Response(Liveness(), headers=_NEVER_KEPT)


@get(
    "/api/v1/health",
    operation_id="getReadiness",
    tags=["Health"],
    summary="Can it serve",
    operation_class=operation(
        Documented(
            answer="Reads are served.",
            example=Readiness(status="ok", database="ok", redis="ok"),
            is_readiness=True,
        )
    ),
)
async def get_readiness(
    request: Request[Any, Any, Any], ports: NamedDependency[Ports]
) -> Response[Readiness]:
    """
    Return whether the database and Redis answer; always within a second.

    200 while reads are served: without Redis the status is `degraded`. 503 while the database is away, and when this
    process is about to go.
    """
    asking: _Asking = request.app.state.setdefault(_ASKING, _Asking())
    database, redis = await asking.ask((ports.database, ports.redis))
    draining: Draining | None = request.scope["state"].get(DRAINING)
    is_draining = draining is not None and draining.is_on
    status = "draining" if is_draining else _status(database, redis)
    body = Readiness(status=status, database=database, redis=redis)
    if database == "ok" and not is_draining:
        return Response(body, headers=_NEVER_KEPT)
    return Response(body, status_code=503, headers=_NEVER_KEPT | {"Retry-After": "1"})


def _status(database: Dependency, redis: Dependency) -> Literal["ok", "degraded", "unavailable"]:
    if database != "ok":
        return "unavailable"
    return "ok" if redis == "ok" else "degraded"


class _Asking:
    """Asks for all who come meanwhile: thousands of askers are no load for what they ask after."""

    def __init__(self) -> None:
        self._under_way: asyncio.Task[list[Dependency]] | None = None

    async def ask(self, probes: Sequence[HealthProbe]) -> list[Dependency]:
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(_probe(probes), name="health")
        # Whoever goes away does not take it from the others.
        return await asyncio.shield(self._under_way)


async def _probe(probes: Sequence[HealthProbe]) -> list[Dependency]:
    """Ask all at once. One that neither answers nor lets itself be cancelled is left behind."""
    tasks = [asyncio.create_task(probe.check()) for probe in probes]
    await asyncio.wait(tasks, timeout=PROBE_SECONDS)
    return [_outcome(task) for task in tasks]


def _outcome(task: asyncio.Task[None]) -> Dependency:
    if not task.done():
        task.add_done_callback(_forget)
        task.cancel()
        return "unavailable"
    error = None if task.cancelled() else task.exception()
    if error and not isinstance(error, TelemetraError):
        _log.error("health_probe_failed", exc_info=error)
    return "unavailable" if error or task.cancelled() else "ok"


def _forget(task: asyncio.Task[Any]) -> None:
    """Take the late outcome, so that nobody is warned of an exception that wasn't looked at."""
    if not task.cancelled():
        task.exception()
