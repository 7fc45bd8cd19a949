"""The endpoint of a stream's metrics: its windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import FromPath

from telemetra.domain.ports import Ports
from telemetra.domain.queries import MAX_WINDOWS, ReadMetrics, WindowCursor
from telemetra.domain.windows import MetricWindow
from telemetra.entrypoints.http.answers import respond
from telemetra.entrypoints.http.cursors import encode_window_cursor, parse_window_cursor
from telemetra.entrypoints.http.examples import WINDOW, WINDOW_CURSOR
from telemetra.entrypoints.http.instants import parse_instant
from telemetra.entrypoints.http.operations import Documented, operation
from telemetra.entrypoints.http.paging import cursor_links, cursor_parameter, limit_parameter
from telemetra.entrypoints.http.parameters import QueryParameter
from telemetra.entrypoints.http.reads import Read


def _time_parameter(name: str, description: str, example: str) -> QueryParameter:
    return QueryParameter(
        name=name,
        parse=parse_instant,
        description=f"{description} RFC 3339; without an offset it is UTC, and a `+` must be written as `%2B`.",
        schema={"type": OpenAPIType.STRING, "format": OpenAPIFormat.DATE_TIME, "examples": [example]},
    )


METRICS_PARAMETERS: Final = (
    limit_parameter(most=MAX_WINDOWS, default=ReadMetrics(stream_id="").limit),
    _time_parameter("start_time", "Only windows that begin at this time or later.", "2026-05-01T18:30:00Z"),
    _time_parameter("end_time", "Only windows that begin before this time.", "2026-05-01T22:00:00+02:00"),
    cursor_parameter(parse_window_cursor, kind="window", example=WINDOW_CURSOR),
)


def _next(windows: Sequence[MetricWindow]) -> str:
    return encode_window_cursor(WindowCursor(windows[-1].window_start, windows[-1].window_end))


METRICS_READ: Final = Read(
    path="/api/v1/streams/{stream_id}/metrics",
    parameters=METRICS_PARAMETERS,
    query=lambda stream_id, **values: ReadMetrics(stream_id=stream_id, **values),
    ask=lambda ports, query: ports.metrics.list(query),
    links=lambda parameters, _, answer: cursor_links(
        parameters, _next(answer.value) if answer.more else None
    ),
    ttl_setting="cache_ttl_metrics",
)


@get(
    "/{stream_id:str}/metrics",
    operation_id="listMetrics",
    tags=["Metrics"],
    summary="List a stream's metrics",
    operation_class=operation(
        Documented(
            answer="The stream's windows, newest first.",
            query=METRICS_PARAMETERS,
            of_stream=True,
            is_read=True,
            is_paged=True,
            example=[WINDOW],
            leads_to=("listMetrics", "listMoments"),
            errors=(404, 422, 500, 503),
        )
    ),
)
async def list_metrics(
    request: Request[Any, Any, Any], stream_id: FromPath[str], ports: NamedDependency[Ports]
) -> Response[Sequence[MetricWindow]]:
    """
    Return a stream's windows, newest first: one row of metrics for each window of time.

    The range is half-open on `window_start`: `start_time` is in it, `end_time` is not, so that ranges side by side
    share no window. A known stream with nothing in the range gives `[]`.
    """
    return respond(request, await METRICS_READ.asked(request.scope["query_string"], stream_id).reply(ports))
