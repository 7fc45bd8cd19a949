"""Exports of rows as they are: what a read's pages have, all of it, in another form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from litestar import Request, Response
from litestar.openapi.spec.enums import OpenAPIType

from telemetra.domain.ports import Ports
from telemetra.domain.queries import Answer, ReadMetrics, ReadMoments
from telemetra.entrypoints.http.answers import require_history, required_position
from telemetra.entrypoints.http.exports.filenames import attachment
from telemetra.entrypoints.http.exports.forms import Form, Wanted
from telemetra.entrypoints.http.exports.pages import Pages
from telemetra.entrypoints.http.exports.streaming import Export, ExportResponse, Writer, example_of
from telemetra.entrypoints.http.parameters import QueryParameter, integer_between, read_parameters
from telemetra.entrypoints.paths import decode_stream_id

Q = TypeVar("Q", ReadMetrics, ReadMoments)
T = TypeVar("T")

_MOST_ROWS: Final = 2**31 - 1

EXPORT_LIMIT: Final = QueryParameter(
    name="limit",
    parse=integer_between(1, _MOST_ROWS),
    description="How many rows to export at most, of those that come first; all where it is not given.",
    schema={"type": OpenAPIType.INTEGER, "minimum": 1, "maximum": _MOST_ROWS, "examples": [10]},
)


def any_limit(limit: QueryParameter) -> QueryParameter:
    """Return how a limit is documented that is another for a page than for an export."""
    most, default = limit.schema["maximum"], limit.schema["default"]
    return replace(
        limit,
        description=(
            f"How many to return at most: 1 to {most} in a page, {default} where it is not given; an export takes any number, "
            "and has all where it is not given."
        ),
        schema=EXPORT_LIMIT.schema,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowExport(Generic[Q, T]):
    """A read whose rows can be had whole."""

    resource: str
    """What the rows are, in the name of a file."""
    parameters: Sequence[QueryParameter]
    query: Callable[..., Q]
    """Make the question of the stream's id and the values that were given."""
    ask: Callable[[Ports, Q], Awaitable[Answer[Sequence[T]]]]
    cursor_of: Callable[[T], Any]
    page_rows: int
    """As many as a page of JSON has at most: so much memory does one export take."""
    writers: Mapping[Form, Callable[[], Writer[T]]]

    async def respond(
        self, request: Request[Any, Any, Any], wanted: Wanted, segment: str, ports: Ports
    ) -> Response[Any]:
        """
        Read the first page, and return what sends the rest.

        Raises:
            ParametersInvalid, ParameterInvalid: what is asked for can't be.
            PositionInvalid: the client's position is of another history of the database.
            StreamNotFound, DatabaseUnavailable: as the port says.

        """
        values = dict(read_parameters(request.scope["query_string"], self.parameters).values)
        stream_id, limit = decode_stream_id(segment), values.pop("limit", None)
        query = self.query(stream_id, **values)
        pages = Pages(
            lambda page: self.ask(ports, page), query, self.cursor_of, page_rows=self.page_rows, limit=limit
        )
        position = await pages.open()
        require_history(required_position(request.scope), position)
        return ExportResponse(
            Export(
                pages=pages,
                writer=self.writers[wanted.form](),
                position=position,
                media_type=wanted.media_type.text,
                disposition=attachment(stream_id, f"{self.resource}.{wanted.form.name}"),
            )
        )

    def example(self, form: Form, rows: Sequence[T]) -> str:
        """Return how these rows look in a form."""
        return example_of(self.writers[form](), rows)
