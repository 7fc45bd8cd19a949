"""The endpoint of a stream's metrics: its windows."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from telemetra.domain.ports import Ports
from telemetra.domain.queries import MAX_WINDOWS, Answer, ReadMetrics
from telemetra.domain.windows import MetricWindow
from telemetra.entrypoints.http.answers import respond
from telemetra.entrypoints.http.cursors import encode_window_cursor, parse_window_cursor
from telemetra.entrypoints.http.examples import WINDOW, WINDOW_CURSOR
from telemetra.entrypoints.http.exports.forms import (
    CSV,
    NDJSON,
    export_format,
    format_parameter,
    json_format,
    wanted_form,
)
from telemetra.entrypoints.http.exports.pages import window_cursor
from telemetra.entrypoints.http.exports.row_exports import EXPORT_LIMIT, RowExport, any_limit
from telemetra.entrypoints.http.exports.rows import WINDOW_CELLS, CsvRows, JsonLines
from telemetra.entrypoints.http.instants import time_parameter
from telemetra.entrypoints.http.operations import Documented, operation
from telemetra.entrypoints.http.paging import cursor_links, cursor_parameter, limit_parameter
from telemetra.entrypoints.http.reads import Read

_FORMS: Final = (CSV, NDJSON)
_LIMIT: Final = limit_parameter(most=MAX_WINDOWS, default=ReadMetrics(stream_id="").limit)
_WHICH: Final = (
    time_parameter("start_time", "Only windows that begin at this time or later.", "2026-05-01T18:30:00Z"),
    time_parameter("end_time", "Only windows that begin before this time.", "2026-05-01T22:00:00+02:00"),
)
_CURSOR: Final = cursor_parameter(parse_window_cursor, kind="window", example=WINDOW_CURSOR)
METRICS_PARAMETERS: Final = (_LIMIT, *_WHICH, json_format(_FORMS), _CURSOR)


def _query(stream_id: str, **values: Any) -> ReadMetrics:
    return ReadMetrics(stream_id=stream_id, **values)


def _ask(ports: Ports, query: ReadMetrics) -> Awaitable[Answer[Sequence[MetricWindow]]]:
    return ports.metrics.list(query)


METRICS_READ: Final = Read(
    path="/api/v1/streams/{stream_id}/metrics",
    parameters=METRICS_PARAMETERS,
    query=_query,
    ask=_ask,
    links=lambda parameters, _, answer: cursor_links(
        parameters, encode_window_cursor(window_cursor(answer.value[-1])) if answer.more else None
    ),
    ttl_setting="cache_ttl_metrics",
)
METRICS_EXPORT: Final = RowExport(
    resource="metrics",
    parameters=(EXPORT_LIMIT, *_WHICH, export_format(_FORMS), _CURSOR),
    query=_query,
    ask=_ask,
    cursor_of=window_cursor,
    page_rows=MAX_WINDOWS,
    writers={CSV: lambda: CsvRows(MetricWindow, WINDOW_CELLS), NDJSON: JsonLines},
)


@get(
    "/{stream_id:str}/metrics",
    operation_id="listMetrics",
    tags=["Metrics"],
    summary="List a stream's metrics",
    operation_class=operation(
        Documented(
            answer="The stream's windows, newest first.",
            query=(any_limit(_LIMIT), *_WHICH, format_parameter(_FORMS), _CURSOR),
            of_stream=True,
            is_read=True,
            is_paged=True,
            example=[WINDOW],
            exports={form.media_types[0].name: METRICS_EXPORT.example(form, [WINDOW]) for form in _FORMS},
            leads_to=("listMetrics", "listMoments"),
            errors=(404, 406, 422, 500, 503),
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

    As CSV or NDJSON, by `Accept` or `format`, it is an export: the whole range, or the first `limit` of it, any number, sent
    as it is read. Rows that are written meanwhile may be in it or not; the live socket, from its `Telemetra-Position` on,
    tells them. It has no `ETag` and no `Link`. One that can't be finished ends with its connection, never as if whole.
    """
    if wanted := wanted_form(request.scope, _FORMS):
        return await METRICS_EXPORT.respond(request, wanted, stream_id, ports)
    return respond(request, await METRICS_READ.asked(request.scope["query_string"], stream_id).reply(ports))
