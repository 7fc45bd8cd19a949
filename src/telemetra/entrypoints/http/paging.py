"""Paging: the parameters that choose a page, and the links to the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from litestar.openapi.spec.enums import OpenAPIType

from telemetra.domain.queries import MAX_OFFSET, ListStreams
from telemetra.entrypoints.http.parameters import Parameters, QueryParameter, integer_between


def limit_parameter(*, most: int, default: int) -> QueryParameter:
    """Return the parameter that bounds a page."""
    return QueryParameter(
        name="limit",
        parse=integer_between(1, most),
        description=f"How many to return at most: 1 to {most}.",
        schema={
            "type": OpenAPIType.INTEGER,
            "minimum": 1,
            "maximum": most,
            "default": default,
            "examples": [10],
        },
    )


OFFSET_PARAMETER: Final = QueryParameter(
    name="offset",
    parse=integer_between(0, MAX_OFFSET),
    description="How many to skip; the `Link` header has the neighbouring pages.",
    schema={
        "type": OpenAPIType.INTEGER,
        "minimum": 0,
        "maximum": MAX_OFFSET,
        "default": 0,
        "examples": [100],
    },
)


def cursor_parameter(parse: Callable[[str], Any], *, kind: str, example: str) -> QueryParameter:
    """Return the parameter that goes on after an earlier page; `kind` tells cursors of one path from another's."""
    return QueryParameter(
        name="cursor",
        parse=parse,
        argument="after",
        description="Where an earlier page ended: take it from that page's `Link` header, don't make one.",
        schema={
            "type": OpenAPIType.STRING,
            "format": f"{kind}-cursor",
            "pattern": "^[A-Za-z0-9_-]+$",
            "examples": [example],
        },
    )


def offset_links(parameters: Parameters, query: ListStreams, *, more: bool) -> Mapping[str, str]:
    """Return the links of a page that an offset chose."""
    links = {}
    if query.offset:
        links["first"] = parameters.link(offset=0)
        links["prev"] = parameters.link(offset=max(0, query.offset - query.limit))
    if more and query.offset + query.limit <= MAX_OFFSET:
        links["next"] = parameters.link(offset=query.offset + query.limit)
    return links


def cursor_links(parameters: Parameters, next_cursor: str | None) -> Mapping[str, str]:
    """Return the links of a page that a cursor chose; where it is None this is the last page."""
    links = {}
    if "cursor" in parameters.given:
        links["first"] = parameters.without("cursor")
    if next_cursor is not None:
        links["next"] = parameters.link(cursor=next_cursor)
    return links
