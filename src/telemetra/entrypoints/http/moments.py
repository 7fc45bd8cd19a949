"""The endpoint of a stream's moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath

from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.ports import Ports
from telemetra.domain.queries import MAX_MOMENTS, MomentCursor, ReadMoments
from telemetra.entrypoints.http.answers import respond
from telemetra.entrypoints.http.cursors import encode_moment_cursor, parse_moment_cursor
from telemetra.entrypoints.http.examples import MOMENT, MOMENT_CURSOR
from telemetra.entrypoints.http.operations import Documented, operation
from telemetra.entrypoints.http.paging import cursor_links, cursor_parameter, limit_parameter
from telemetra.entrypoints.http.parameters import QueryParameter
from telemetra.entrypoints.http.reads import Read


def _parse_moment_type(text: str) -> MomentType:
    try:
        return MomentType(text)
    except ValueError as error:
        raise ValueError(f"Expected one of {', '.join(MomentType)}.") from error


MOMENTS_PARAMETERS: Final = (
    limit_parameter(most=MAX_MOMENTS, default=ReadMoments(stream_id="").limit),
    QueryParameter(
        name="moment_type",
        parse=_parse_moment_type,
        description="Only moments of this type.",
        schema={"type": OpenAPIType.STRING, "enum": [str(kind) for kind in MomentType]},
    ),
    cursor_parameter(parse_moment_cursor, kind="moment", example=MOMENT_CURSOR),
)


def _next(moments: Sequence[Moment]) -> str:
    return encode_moment_cursor(MomentCursor(moments[-1].timestamp, moments[-1].moment_id))


MOMENTS_READ: Final = Read(
    path="/api/v1/streams/{stream_id}/moments",
    parameters=MOMENTS_PARAMETERS,
    query=lambda stream_id, **values: ReadMoments(stream_id=stream_id, **values),
    ask=lambda ports, query: ports.moments.list(query),
    links=lambda parameters, _, answer: cursor_links(
        parameters, _next(answer.value) if answer.more else None
    ),
    ttl_setting="cache_ttl_metrics",
)


@get(
    "/{stream_id:str}/moments",
    operation_id="listMoments",
    tags=["Moments"],
    summary="List a stream's moments",
    operation_class=operation(
        Documented(
            answer="The stream's moments, newest first.",
            query=MOMENTS_PARAMETERS,
            of_stream=True,
            is_read=True,
            is_paged=True,
            example=[MOMENT],
            leads_to=("listMoments",),
            errors=(404, 422, 500, 503),
        )
    ),
)
async def list_moments(
    request: Request[Any, Any, Any], stream_id: FromPath[str], ports: NamedDependency[Ports]
) -> Response[Sequence[Moment]]:
    """
    Return a stream's moments, newest first: what was unusual, how unusual, and compared with what.

    A known stream without such moments gives `[]`.
    """
    return respond(request, await MOMENTS_READ.asked(request.scope["query_string"], stream_id).reply(ports))
