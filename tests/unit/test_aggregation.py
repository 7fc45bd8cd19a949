"""The rules of windowing: what goes into which window, whatever the order of the events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetra.domain.aggregation import ChatMessage, ViewerSample, WindowAggregator
from telemetra.domain.windows import WindowSummary

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class SmilesAndFrowns:
    """Scores `glad` as 0.1 and `grim` as -0.7: values whose floating sums depend on their order."""

    def score(self, text: str, emotes: Sequence[str]) -> float:
        return {"glad": 0.1, "grim": -0.7}.get(text, 0.0)


def aggregator(
    *,
    lateness: timedelta = timedelta(0),
    max_gap: timedelta = timedelta(hours=6),
    window: timedelta = MINUTE,
    top_emotes: int = 5,
) -> WindowAggregator:
    return WindowAggregator(
        "s",
        scorer=SmilesAndFrowns(),
        window=window,
        lateness=lateness,
        max_gap=max_gap,
        top_emotes=top_emotes,
    )


def message(seconds: float, user: str = "ann", text: str = "hm", emotes: Iterable[str] = ()) -> ChatMessage:
    return ChatMessage(at=NOON + timedelta(seconds=seconds), user=user, text=text, emotes=tuple(emotes))


def windows_of(
    aggregated: WindowAggregator, events: Iterable[ChatMessage | ViewerSample]
) -> list[WindowSummary]:
    windows = [window for event in events for window in aggregated.add(event)]
    return windows + aggregated.finish()


def test_a_window_says_how_much_was_said_by_whom_and_in_what_mood() -> None:
    events: list[ChatMessage | ViewerSample] = [
        message(0, "ann", "glad", ["LUL", "LUL", "Pog"]),
        ViewerSample(at=NOON + timedelta(seconds=5), viewers=100),
        message(10, "bob", "grim", ["Kappa"]),
        ViewerSample(at=NOON + timedelta(seconds=35), viewers=101),
        message(59.999, "ann", "glad"),
    ]
    (window,) = windows_of(aggregator(), events)
    assert window == WindowSummary(
        stream_id="s",
        window_start=NOON,
        window_end=NOON + MINUTE,
        chat_count=3,
        unique_chatters=2,
        top_emotes=["LUL", "Kappa", "Pog"],
        avg_sentiment=math.fsum((0.1, -0.7, 0.1)) / 3,
        chat_rate=0.05,
        avg_viewers=100.5,
        z_score=None,
        is_anomaly=False,
    )


def test_a_window_is_finished_by_the_first_event_at_its_end() -> None:
    windows = aggregator()
    assert windows.add(message(0)) == []
    assert windows.add(message(59.999999)) == []
    (finished,) = windows.add(message(60))
    assert (finished.window_start, finished.chat_count) == (NOON, 2)


def test_lateness_holds_a_window_open_that_much_longer() -> None:
    windows = aggregator(lateness=timedelta(seconds=10))
    windows.add(message(0))
    assert windows.add(message(69.9)) == []
    assert windows.add(message(59)) == []
    (finished,) = windows.add(message(70))
    assert finished.chat_count == 2
    assert windows.late == 0


def test_an_event_of_a_finished_window_is_dropped_and_counted() -> None:
    windows = aggregator()
    windows.add(message(0))
    windows.add(message(60))
    assert windows.add(message(59)) == []
    assert windows.late == 1
    assert [window.chat_count for window in windows.finish()] == [1]


def test_finish_closes_what_it_returned() -> None:
    windows = aggregator()
    windows.add(message(0))
    assert len(windows.finish()) == 1
    assert windows.finish() == []
    assert windows.add(message(30)) == []
    assert windows.late == 1


def test_windows_are_aligned_to_the_epoch_not_to_the_first_event() -> None:
    (window,) = windows_of(aggregator(window=timedelta(minutes=15)), [message(16 * 60)])
    assert window.window_start == NOON + timedelta(minutes=15)


def test_windows_before_1970_are_aligned_too() -> None:
    at = datetime(1969, 12, 31, 23, 59, 30, tzinfo=UTC)
    (window,) = windows_of(aggregator(), [ChatMessage(at=at, user="ann", text="hm", emotes=())])
    assert window.window_start == datetime(1969, 12, 31, 23, 59, tzinfo=UTC)


def test_windows_are_told_in_utc_wherever_the_events_clock_stood() -> None:
    at = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    (window,) = windows_of(aggregator(), [ChatMessage(at=at, user="ann", text="hm", emotes=())])
    assert window.window_start == NOON
    assert window.window_start.tzinfo is UTC


def test_minutes_in_which_nothing_happened_are_windows_of_zero() -> None:
    windows = windows_of(aggregator(), [message(0), message(180)])
    assert [window.chat_count for window in windows] == [1, 0, 0, 1]
    empty = windows[1]
    assert (empty.avg_sentiment, empty.chat_rate, empty.avg_viewers) == (None, 0.0, None)
    assert (empty.unique_chatters, empty.top_emotes) == (0, [])


def test_a_silence_as_long_as_the_gap_allowed_is_filled_and_a_longer_one_is_left_empty() -> None:
    filled = windows_of(aggregator(max_gap=3 * MINUTE), [message(0), message(4 * 60)])
    assert len(filled) == 5
    left_empty = windows_of(aggregator(max_gap=3 * MINUTE), [message(0), message(5 * 60)])
    assert len(left_empty) == 2


def test_one_mad_timestamp_makes_no_million_windows() -> None:
    mad = ChatMessage(at=datetime(9999, 1, 1, tzinfo=UTC), user="ann", text="hm", emotes=())
    assert len(windows_of(aggregator(), [message(0), mad])) == 2


def test_whether_a_silence_is_a_gap_is_decided_only_when_no_event_can_shorten_it() -> None:
    lateness = 10 * MINUTE
    events = [message(0), message(12 * 60), message(4 * 60)]
    in_order = windows_of(aggregator(lateness=lateness, max_gap=8 * MINUTE), sorted(events, key=_time))
    out_of_order = windows_of(aggregator(lateness=lateness, max_gap=8 * MINUTE), events)
    assert out_of_order == in_order
    assert len(in_order) == 13


def test_emotes_are_ranked_by_count_and_then_by_name() -> None:
    events = [message(0, emotes=["b", "a", "c", "c", "D"])]
    (window,) = windows_of(aggregator(top_emotes=3), events)
    assert window.top_emotes == ["c", "D", "a"]


def test_an_event_the_calendar_cannot_place_is_refused_and_changes_nothing() -> None:
    windows = aggregator()
    windows.add(message(0))
    with pytest.raises(OverflowError):
        windows.add(ChatMessage(at=datetime.max.replace(tzinfo=UTC), user="ann", text="hm", emotes=()))
    assert windows.add(message(1)) == []
    assert [window.chat_count for window in windows.finish()] == [2]


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(TypeError):
        aggregator().add(ChatMessage(at=datetime(2024, 5, 1), user="ann", text="hm", emotes=()))  # noqa: DTZ001 - the point


@pytest.mark.parametrize("wrong", [{"window": timedelta(0)}, {"lateness": -MINUTE}, {"top_emotes": -1}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, timedelta]) -> None:
    with pytest.raises(ValueError, match="must"):
        aggregator(**wrong)  # type: ignore[arg-type] # any of the keywords


def _time(event: ChatMessage | ViewerSample) -> datetime:
    return event.at


_seconds = st.integers(0, 3_000_000).map(lambda milliseconds: milliseconds / 1000)
_messages = st.builds(
    message,
    _seconds,
    st.sampled_from(["ann", "bob", "cyd", "dee"]),
    st.sampled_from(["glad", "grim", "hm"]),
    st.lists(st.sampled_from(["LUL", "Pog", "Kappa", "Sadge"]), max_size=3),
)
_samples = st.builds(
    lambda seconds, viewers: ViewerSample(at=NOON + timedelta(seconds=seconds), viewers=viewers),
    _seconds,
    st.integers(0, 10**6),
)
_LATENESS = timedelta(seconds=150)


@st.composite
def _two_orders(draw: st.DrawFn) -> tuple[list[ChatMessage | ViewerSample], list[ChatMessage | ViewerSample]]:
    """Events in order, and in one where none is further behind the newest before it than the lateness."""
    ordered = sorted(draw(st.lists(_messages | _samples, min_size=1, max_size=40)), key=_time)
    # An event moved up to the lateness ahead overtakes only events less than that much older.
    delays = draw(st.lists(st.integers(0, 150), min_size=len(ordered), max_size=len(ordered)))
    arrival = sorted(
        range(len(ordered)), key=lambda place: ordered[place].at + timedelta(seconds=delays[place])
    )
    return ordered, [ordered[place] for place in arrival]


@given(_two_orders(), st.sampled_from([2 * MINUTE, 10 * MINUTE, timedelta(hours=6)]))
def test_any_order_within_the_lateness_gives_identical_windows(
    orders: tuple[list[ChatMessage | ViewerSample], list[ChatMessage | ViewerSample]], max_gap: timedelta
) -> None:
    ordered, shuffled = orders
    first, second = (aggregator(lateness=_LATENESS, max_gap=max_gap) for _ in orders)
    assert windows_of(first, ordered) == windows_of(second, shuffled)
    assert first.late == second.late == 0


@given(st.lists(_messages, max_size=40), st.integers(0, 300))
def test_every_message_is_counted_once_or_late(events: list[ChatMessage], lateness_seconds: int) -> None:
    windows = aggregator(lateness=timedelta(seconds=lateness_seconds))
    counted = sum(window.chat_count for window in windows_of(windows, events))
    assert counted == len(events) - windows.late


@given(st.lists(_messages | _samples, max_size=40), st.integers(0, 300))
def test_windows_come_in_order_without_holes_and_within_their_bounds(
    events: list[ChatMessage | ViewerSample], lateness_seconds: int
) -> None:
    windows = windows_of(aggregator(lateness=timedelta(seconds=lateness_seconds)), events)
    for window, following in pairwise(windows):
        assert window.window_end == following.window_start
    for window in windows:
        assert window.unique_chatters <= window.chat_count
        assert (window.avg_sentiment is None) == (window.chat_count == 0)
        assert window.avg_sentiment is None or -1 <= window.avg_sentiment <= 1
