"""Exports of moments for the video of a stream: in time's order, as offsets from where the video starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from litestar import Request, Response
from litestar.openapi.spec.enums import OpenAPIType

from telemetra.domain.errors import ParameterInvalid
from telemetra.domain.moments import Moment
from telemetra.domain.ports import Ports
from telemetra.domain.positions import Position
from telemetra.domain.queries import ReadMetrics, ReadMoments
from telemetra.entrypoints.http.answers import require_history, required_position
from telemetra.entrypoints.http.exports.chapters import Chapters
from telemetra.entrypoints.http.exports.edl import MarkerList
from telemetra.entrypoints.http.exports.filenames import attachment
from telemetra.entrypoints.http.exports.forms import CHAPTERS, EDL, Form, Wanted
from telemetra.entrypoints.http.exports.pages import Pages, moment_cursor
from telemetra.entrypoints.http.exports.streaming import Export, ExportResponse, Writer
from telemetra.entrypoints.http.exports.timecode import DEFAULT_RATE, FRAME_RATES, FrameRate
from telemetra.entrypoints.http.instants import time_parameter
from telemetra.entrypoints.http.parameters import QueryParameter, read_parameters
from telemetra.entrypoints.paths import decode_stream_id

ZERO_PARAMETER: Final = time_parameter(
    "zero",
    "For `format=chapters` and `format=edl`: when the video starts; what comes before is left out. The start of the stream's "
    "first window where it is not given.",
    "2026-05-01T18:30:00Z",
)


_FILES: Final = {CHAPTERS: "chapters.txt", EDL: "moments.edl"}
_NO_MATTER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for the start where there is nothing to count from it."""


def _parse_rate(text: str) -> FrameRate:
    rate = FRAME_RATES.get(text)
    if rate is None:
        raise ValueError(f"Expected one of {', '.join(FRAME_RATES)}.")
    return rate


FPS_PARAMETER: Final = QueryParameter(
    name="fps",
    parse=_parse_rate,
    description=(
        f"For `format=edl`: frames a second of the timeline, {DEFAULT_RATE.name} where it is not given; `df` is drop-frame."
    ),
    # Without a default: pages that fill it in would send it with every format.
    schema={"type": OpenAPIType.STRING, "enum": list(FRAME_RATES)},
)


def not_here(parameter: QueryParameter, *, belongs_to: str) -> QueryParameter:
    """Return a parameter as it is refused where another form is asked for than those that it belongs to."""

    def refuse(_: str) -> None:
        raise ValueError(f"It belongs to {belongs_to}.")

    return QueryParameter(name=parameter.name, parse=refuse, description=parameter.description, schema={})


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoExport:
    """The moments' exports for video."""

    parameters: Mapping[Form, Sequence[QueryParameter]]
    page_rows: int

    async def respond(
        self, request: Request[Any, Any, Any], wanted: Wanted, segment: str, ports: Ports
    ) -> Response[Any]:
        """
        Read where the video starts and the first page, and return what sends the rest.

        Raises:
            ParametersInvalid, ParameterInvalid: what is asked for can't be.
            PositionInvalid: the client's position is of another history of the database.
            StreamNotFound, DatabaseUnavailable: as the port says.

        """
        values = dict(read_parameters(request.scope["query_string"], self.parameters[wanted.form]).values)
        stream_id, limit = decode_stream_id(segment), values.pop("limit", None)
        given, rate = values.pop("zero", None), values.pop("fps", DEFAULT_RATE)
        query = ReadMoments(stream_id=stream_id, oldest_first=True, **values)
        zero, position = (given, None) if given else await _start_of(ports, stream_id)
        if zero:
            query = _from_zero(query, zero)
            if wanted.form is EDL:
                query = await _within_a_day(ports, query, zero, rate)
        pages = Pages(ports.moments.list, query, moment_cursor, page_rows=self.page_rows, limit=limit)
        began_at = await pages.open()
        # What was read first includes least: from there on nothing is missed.
        position = position or began_at
        require_history(required_position(request.scope), position)
        return ExportResponse(
            Export(
                pages=pages,
                writer=video_writer(wanted.form, stream_id, zero or _NO_MATTER, rate),
                position=position,
                media_type=wanted.media_type.text,
                disposition=attachment(stream_id, _FILES[wanted.form]),
            )
        )


def video_writer(
    form: Form, stream_id: str, zero: datetime, rate: FrameRate = DEFAULT_RATE
) -> Writer[Moment]:
    """Return what writes a stream's moments in a form, from `zero` on."""
    return MarkerList(stream_id, zero, rate) if form is EDL else Chapters(zero)


async def _start_of(ports: Ports, stream_id: str) -> tuple[datetime | None, Position]:
    """Return when the stream's first window starts, or its first moment was where it has no windows; and where that was read."""
    windows = await ports.metrics.list(ReadMetrics(stream_id=stream_id, limit=1, oldest_first=True))
    if windows.value:
        return windows.value[0].window_start, windows.position
    moments = await ports.moments.list(ReadMoments(stream_id=stream_id, limit=1, oldest_first=True))
    return (moments.value[0].timestamp if moments.value else None), windows.position


def _from_zero(query: ReadMoments, zero: datetime) -> ReadMoments:
    if query.end_time and query.end_time <= zero:
        raise ParameterInvalid(
            "zero, end_time", f"The video starts at {zero:%Y-%m-%dT%H:%M:%SZ}, which is not before end_time."
        )
    return replace(query, start_time=max(query.start_time or zero, zero))


async def _within_a_day(ports: Ports, query: ReadMoments, zero: datetime, rate: FrameRate) -> ReadMoments:
    """Refuse what no timecode names: silently left out it would be missed."""
    if zero > datetime.max.replace(tzinfo=UTC) - rate.longest:
        return query
    end = zero + rate.longest
    if query.end_time and query.end_time <= end:
        return query
    later = replace(query, start_time=max(query.start_time or end, end), limit=1)
    if (await ports.moments.list(later)).value:
        raise ParameterInvalid(
            "zero, end_time",
            f"A timecode ends after 24 hours, and there are moments later than that after {zero:%Y-%m-%dT%H:%M:%SZ}: "
            "give the start of your video as zero, or an end_time.",
        )
    return replace(query, end_time=end) if not query.start_time or query.start_time < end else query
