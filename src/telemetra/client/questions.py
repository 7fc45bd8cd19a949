"""Questions: the four reads of the API, checked as far as a client can, and what their answers are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from telemetra.client.addresses import Address
from telemetra.client.reads import Freshness, Listing, Request, told_time
from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.queries import MAX_MOMENTS, MAX_STREAMS, MAX_WINDOWS
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow

_stream: Final = msgspec.json.Decoder(Stream)
_streams: Final = msgspec.json.Decoder(list[Stream])
_windows: Final = msgspec.json.Decoder(list[MetricWindow])
_moments: Final = msgspec.json.Decoder(list[Moment])


def of_stream(address: Address, stream_id: str, freshness: Freshness) -> Request[Stream]:
    """Ask for one stream."""
    return Request(url=address.stream_url(stream_id), body=_stream, freshness=freshness)


def of_streams(address: Address, limit: int | None, freshness: Freshness) -> Listing[Stream]:
    """Ask for the streams, the most recently updated first."""
    return Listing(
        url=address.streams_url(), body=_streams, most=MAX_STREAMS, limit=limit, freshness=freshness
    )


def of_metrics(
    address: Address,
    stream_id: str,
    start_time: datetime | None,
    end_time: datetime | None,
    limit: int | None,
    freshness: Freshness,
) -> Listing[MetricWindow]:
    """Ask for a stream's windows, newest first."""
    return Listing(
        url=address.stream_url(stream_id, "metrics"),
        body=_windows,
        most=MAX_WINDOWS,
        limit=limit,
        query=_range(start_time, end_time),
        freshness=freshness,
    )


def of_moments(
    address: Address,
    stream_id: str,
    moment_type: MomentType | str | None,
    start_time: datetime | None,
    end_time: datetime | None,
    limit: int | None,
    freshness: Freshness,
) -> Listing[Moment]:
    """
    Ask for a stream's moments, newest first.

    Raises:
        TypeError: a time is no `datetime`.
        ValueError: there is no such type of moments, or a time does not say in which time zone it is.

    """
    kind = {} if moment_type is None else {"moment_type": _known(moment_type)}
    return Listing(
        url=address.stream_url(stream_id, "moments"),
        body=_moments,
        most=MAX_MOMENTS,
        limit=limit,
        query=kind | _range(start_time, end_time),
        freshness=freshness,
    )


def _known(moment_type: MomentType | str) -> str:
    if moment_type not in list(MomentType):
        raise ValueError(f"moment_type: expected one of {', '.join(MomentType)}.")
    return str(moment_type)


def _range(start_time: datetime | None, end_time: datetime | None) -> dict[str, str]:
    times = {"start_time": start_time, "end_time": end_time}
    return {name: told_time(name, time) for name, time in times.items() if time is not None}
