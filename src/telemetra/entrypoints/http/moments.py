"""The endpoint of a stream's moments."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath

from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.ports import Ports
from telemetra.domain.queries import MAX_MOMENTS, Answer, ReadMoments
from telemetra.entrypoints.http.answers import respond
from telemetra.entrypoints.http.cursors import encode_moment_cursor, parse_moment_cursor
from telemetra.entrypoints.http.examples import MOMENT, MOMENT_CURSOR, STREAM_ID
from telemetra.entrypoints.http.exports.forms import (
    CHAPTERS,
    CSV,
    EDL,
    NDJSON,
    export_format,
    format_parameter,
    json_format,
    wanted_form,
)
from telemetra.entrypoints.http.exports.pages import moment_cursor
from telemetra.entrypoints.http.exports.row_exports import EXPORT_LIMIT, RowExport, any_limit
from telemetra.entrypoints.http.exports.rows import MOMENT_CELLS, CsvRows, JsonLines
from telemetra.entrypoints.http.exports.streaming import example_of
from telemetra.entrypoints.http.exports.video_exports import (
    FPS_PARAMETER,
    ZERO_PARAMETER,
    VideoExport,
    not_here,
    video_writer,
)
from telemetra.entrypoints.http.instants import time_parameter
from telemetra.entrypoints.http.operations import Documented, operation
from telemetra.entrypoints.http.paging import cursor_links, cursor_parameter, limit_parameter
from telemetra.entrypoints.http.parameters import QueryParameter
from telemetra.entrypoints.http.reads import Read


def _parse_moment_type(text: str) -> MomentType:
    try:
        return MomentType(text)
    except ValueError as error:
        raise ValueError(f"Expected one of {', '.join(MomentType)}.") from error


_FORMS: Final = (CSV, NDJSON, CHAPTERS, EDL)
_LIMIT: Final = limit_parameter(most=MAX_MOMENTS, default=ReadMoments(stream_id="").limit)
_WHICH: Final = (
    QueryParameter(
        name="moment_type",
        parse=_parse_moment_type,
        description="Only moments of this type.",
        schema={"type": OpenAPIType.STRING, "enum": [str(kind) for kind in MomentType]},
    ),
    time_parameter("start_time", "Only moments at this time or later.", "2026-05-01T18:30:00Z"),
    time_parameter("end_time", "Only moments before this time.", "2026-05-01T22:00:00+02:00"),
)
_CURSOR: Final = cursor_parameter(parse_moment_cursor, kind="moment", example=MOMENT_CURSOR)
_NO_VIDEO: Final = (
    not_here(ZERO_PARAMETER, belongs_to="format=chapters and format=edl"),
    not_here(FPS_PARAMETER, belongs_to="format=edl"),
)
MOMENTS_PARAMETERS: Final = (_LIMIT, *_WHICH, json_format(_FORMS), *_NO_VIDEO, _CURSOR)


def _query(stream_id: str, **values: Any) -> ReadMoments:
    return ReadMoments(stream_id=stream_id, **values)


def _ask(ports: Ports, query: ReadMoments) -> Awaitable[Answer[Sequence[Moment]]]:
    return ports.moments.list(query)


MOMENTS_READ: Final = Read(
    path="/api/v1/streams/{stream_id}/moments",
    parameters=MOMENTS_PARAMETERS,
    query=_query,
    ask=_ask,
    links=lambda parameters, _, answer: cursor_links(
        parameters, encode_moment_cursor(moment_cursor(answer.value[-1])) if answer.more else None
    ),
    ttl_setting="cache_ttl_metrics",
)
MOMENTS_EXPORT: Final = RowExport(
    resource="moments",
    parameters=(EXPORT_LIMIT, *_WHICH, export_format(_FORMS), *_NO_VIDEO, _CURSOR),
    query=_query,
    ask=_ask,
    cursor_of=moment_cursor,
    page_rows=MAX_MOMENTS,
    writers={CSV: lambda: CsvRows(Moment, MOMENT_CELLS), NDJSON: JsonLines},
)
_IN_TIMES_ORDER: Final = (
    EXPORT_LIMIT,
    *_WHICH,
    export_format(_FORMS),
    ZERO_PARAMETER,
    not_here(_CURSOR, belongs_to="pages and exports with the newest first"),
)
VIDEO_EXPORT: Final = VideoExport(
    parameters={CHAPTERS: (*_IN_TIMES_ORDER, _NO_VIDEO[1]), EDL: (*_IN_TIMES_ORDER, FPS_PARAMETER)},
    page_rows=MAX_MOMENTS,
)
_VIDEO_EXAMPLE: Final = video_writer(CHAPTERS, STREAM_ID, MOMENT.timestamp - timedelta(minutes=104))


@get(
    "/{stream_id:str}/moments",
    operation_id="listMoments",
    tags=["Moments"],
    summary="List a stream's moments",
    operation_class=operation(
        Documented(
            answer="The stream's moments, newest first.",
            query=(
                any_limit(_LIMIT),
                *_WHICH,
                format_parameter(_FORMS),
                ZERO_PARAMETER,
                FPS_PARAMETER,
                _CURSOR,
            ),
            of_stream=True,
            is_read=True,
            is_paged=True,
            example=[MOMENT],
            exports={
                **{
                    form.media_types[0].name: MOMENTS_EXPORT.example(form, [MOMENT]) for form in (CSV, NDJSON)
                },
                CHAPTERS.media_types[0].name: example_of(_VIDEO_EXAMPLE, [MOMENT]),
            },
            leads_to=("listMoments",),
            errors=(404, 406, 422, 500, 503),
        )
    ),
)
async def list_moments(
    request: Request[Any, Any, Any], stream_id: FromPath[str], ports: NamedDependency[Ports]
) -> Response[Sequence[Moment]]:
    """
    Return a stream's moments, newest first: what was unusual, how unusual, and compared with what.

    The range is half-open: `start_time` is in it, `end_time` is not. A known stream without such moments gives `[]`.

    As CSV or NDJSON, by `Accept` or `format`, it is an export: all of them, or the first `limit`, any number, sent as they are
    read. Rows that are written meanwhile may be in it or not; the live socket, from its `Telemetra-Position` on, tells them.
    It has no `ETag` and no `Link`. One that can't be finished ends with its connection, never as if whole.

    `format=chapters` gives a line for each, the oldest first, with `limit` the oldest so many: `HH:MM:SS title` from `zero` on,
    as video sites read chapters in a description. The first line is at 00:00:00; what comes less than ten seconds after another stands in its line.
    `format=edl` gives them as markers for DaVinci Resolve and others that read its EDL (CMX 3600), at the frames that `fps`
    counts from timecode 00:00:00:00; a timeline that begins at 01:00:00:00 wants a `zero` an hour before the video's start.
    """
    if wanted := wanted_form(request.scope, _FORMS):
        export = VIDEO_EXPORT if wanted.form in VIDEO_EXPORT.parameters else MOMENTS_EXPORT
        return await export.respond(request, wanted, stream_id, ports)
    return respond(request, await MOMENTS_READ.asked(request.scope["query_string"], stream_id).reply(ports))
