"""Where an answer leads: the operations that go on from it, in OpenAPI's words, so that programs can follow them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from litestar.openapi.spec import Link, Reference

from telemetra.entrypoints.http.headers import POSITION

_STREAM_ASKED: Final = "$request.path.stream_id"
_FIRST_STREAM_TOLD: Final = "$response.body#/0/stream_id"


def links_to(operation_ids: Sequence[str], *, of_stream: bool) -> dict[str, Link | Reference]:
    """
    Return links to operations of one stream, each at the position of the answer, so that it includes what this one told.

    The stream is the one that was asked for, or, where none was, the first in the list.
    """
    parameters = {
        "path.stream_id": _STREAM_ASKED if of_stream else _FIRST_STREAM_TOLD,
        f"header.{POSITION}": f"$response.header.{POSITION}",
    }
    return {
        operation_id: Link(
            operation_id=operation_id,
            parameters=parameters,
            description="Goes on from this answer: what it includes, that one does too.",
        )
        for operation_id in operation_ids
    }
