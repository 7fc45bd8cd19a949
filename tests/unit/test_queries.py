"""Queries refuse what can't be meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from telemetra.domain.errors import ParameterInvalid
from telemetra.domain.queries import ReadMetrics, ReadMoments

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("query", [ReadMetrics, ReadMoments])
@pytest.mark.parametrize("length", [timedelta(0), timedelta(microseconds=-1), timedelta(days=-400)])
def test_a_range_that_ends_before_it_starts_is_refused_by_both_names(
    length: timedelta, query: type[ReadMetrics | ReadMoments]
) -> None:
    with pytest.raises(ParameterInvalid, match="must be before") as refusal:
        query(stream_id="lofi", start_time=NOON, end_time=NOON + length)
    assert refusal.value.name == "start_time, end_time"


def test_one_instant_in_two_time_zones_is_an_empty_range() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5)))
    with pytest.raises(ParameterInvalid):
        ReadMetrics(stream_id="lofi", start_time=NOON, end_time=elsewhere)


@pytest.mark.parametrize(
    ("start", "end"), [(None, None), (NOON, None), (None, NOON), (NOON, NOON + timedelta(microseconds=1))]
)
def test_an_open_or_short_range_is_a_range(start: datetime | None, end: datetime | None) -> None:
    query = ReadMetrics(stream_id="lofi", start_time=start, end_time=end)
    assert (query.start_time, query.end_time) == (start, end)
