"""The endpoints of streams: the list, and one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from telemetra.domain.ports import Ports
from telemetra.domain.queries import MAX_STREAMS, ListStreams
from telemetra.domain.streams import Stream
from telemetra.entrypoints.http.answers import respond
from telemetra.entrypoints.http.examples import STREAM
from telemetra.entrypoints.http.operations import Documented, operation
from telemetra.entrypoints.http.paging import OFFSET_PARAMETER, limit_parameter, offset_links
from telemetra.entrypoints.http.reads import SEEN_STREAMS, Read

LIST_PARAMETERS: Final = (limit_parameter(most=MAX_STREAMS, default=ListStreams().limit), OFFSET_PARAMETER)

LIST_READ: Final = Read(
    path="/api/v1/streams",
    parameters=LIST_PARAMETERS,
    query=ListStreams,
    ask=lambda ports, query: ports.streams.list(query),
    links=lambda parameters, query, answer: offset_links(parameters, query, more=answer.more),
    ttl_setting="cache_ttl_streams",
)
STREAM_READ: Final = Read(
    path="/api/v1/streams/{stream_id}",
    parameters=(),
    query=str,
    ask=lambda ports, stream_id: ports.streams.get(stream_id),
    ttl_setting="cache_ttl_streams",
)


@get(
    "/",
    operation_id="listStreams",
    tags=["Streams"],
    summary="List streams",
    operation_class=operation(
        Documented(
            answer="The streams.",
            query=LIST_PARAMETERS,
            is_read=True,
            is_paged=True,
            example=[STREAM],
            leads_to=("getStream", "listMetrics", "listMoments"),
            errors=(422, 500, 503),
        )
    ),
)
async def list_streams(
    request: Request[Any, Any, Any], ports: NamedDependency[Ports]
) -> Response[Sequence[Stream]]:
    """
    Return the streams, the most recently updated first.

    A page past the end is empty. Streams that are updated while you page through may appear twice or move: for an
    exact copy read all pages, then follow the streams live.
    """
    asked = LIST_READ.asked(request.scope["query_string"])
    seen: frozenset[str] | None = request.scope["state"].get(SEEN_STREAMS)
    if seen is not None:
        asked = replace(asked, query=replace(asked.query, among=seen))
    return respond(request, await asked.reply(ports))


@get(
    "/{stream_id:str}",
    operation_id="getStream",
    tags=["Streams"],
    summary="Get a stream",
    operation_class=operation(
        Documented(
            answer="The stream.",
            of_stream=True,
            is_read=True,
            example=STREAM,
            leads_to=("listMetrics", "listMoments"),
            errors=(404, 422, 500, 503),
        )
    ),
)
async def get_stream(
    request: Request[Any, Any, Any], stream_id: FromPath[str], ports: NamedDependency[Ports]
) -> Response[Stream]:
    """Return one stream as its writers describe it."""
    return respond(request, await STREAM_READ.asked(request.scope["query_string"], stream_id).reply(ports))
