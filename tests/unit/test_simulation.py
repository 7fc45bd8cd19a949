from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import mean, median, variance

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetra.domain.aggregation import ChatMessage, ViewerSample
from telemetra.domain.simulation import VIEWER_SAMPLE_SECONDS, SimulatedChannel

DAY = datetime(2026, 3, 14, tzinfo=UTC)
EVENING = DAY + timedelta(hours=20)
HOUR = timedelta(hours=1)

instants = st.integers(0, 400 * 86400 * 1_000_000).map(
    lambda microseconds: datetime(2025, 6, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
lengths = st.integers(0, 40_000_000).map(lambda microseconds: timedelta(microseconds=microseconds))


def messages(seed: int, start: datetime, end: datetime) -> list[ChatMessage]:
    return [event for event in SimulatedChannel(seed).events(start, end) if isinstance(event, ChatMessage)]


def viewers(seed: int, start: datetime, end: datetime) -> list[ViewerSample]:
    return [event for event in SimulatedChannel(seed).events(start, end) if isinstance(event, ViewerSample)]


def counts(seed: int, start: datetime, windows: int, *, width_seconds: int = 5) -> list[int]:
    width = timedelta(seconds=width_seconds)
    found = Counter(
        (message.at - start) // width for message in messages(seed, start, start + windows * width)
    )
    return [found[index] for index in range(windows)]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), start=instants, length=lengths)
def test_the_same_seed_gives_the_same_events(seed: int, start: datetime, length: timedelta) -> None:
    first = list(SimulatedChannel(seed).events(start, start + length))
    assert list(SimulatedChannel(seed).events(start, start + length)) == first


@settings(max_examples=50, deadline=None)
@given(start=instants, cuts=st.lists(lengths, min_size=2, max_size=6))
def test_the_pieces_of_an_interval_are_the_interval_in_whatever_order_they_are_asked_for(
    start: datetime, cuts: list[timedelta]
) -> None:
    channel = SimulatedChannel(7)
    edges = sorted({start + cut for cut in cuts})
    pieces = {
        edge: list(channel.events(edge, following)) for edge, following in reversed(list(pairwise(edges)))
    }
    whole = list(SimulatedChannel(7).events(edges[0], edges[-1]))
    assert [event for edge in sorted(pieces) for event in pieces[edge]] == whole


@settings(max_examples=50, deadline=None)
@given(start=instants, length=lengths)
def test_events_come_in_order_and_within_the_interval(start: datetime, length: timedelta) -> None:
    times = [event.at for event in SimulatedChannel(1).events(start, start + length)]
    assert times == sorted(times)
    assert all(start <= at < start + length for at in times)


def test_another_seed_is_another_channel() -> None:
    minute = timedelta(minutes=1)
    assert messages(1, EVENING, EVENING + minute) != messages(2, EVENING, EVENING + minute)


def test_on_an_ordinary_day_two_to_six_messages_come_a_second() -> None:
    part = timedelta(minutes=10)
    starts = [DAY + hour * HOUR for hour in range(0, 24, 2)]
    by_hour = [len(messages(5, start, start + part)) / part.total_seconds() for start in starts]
    assert 2 <= mean(by_hour) <= 6
    assert min(by_hour) > 0.5


def test_the_evening_has_at_least_twice_the_viewers_of_the_small_hours() -> None:
    def average(hour: int) -> float:
        days = [DAY + timedelta(days=day, hours=hour) for day in range(5)]
        return mean(sample.viewers for day in days for sample in viewers(3, day, day + timedelta(minutes=10)))

    assert average(20) > 2 * average(6)


def test_viewers_are_counted_every_few_seconds_and_change_by_little() -> None:
    samples = viewers(3, EVENING, EVENING + HOUR)
    assert len(samples) == 3600 // VIEWER_SAMPLE_SECONDS
    assert all(sample.viewers > 0 for sample in samples)
    steps = [abs(after.viewers - before.viewers) / before.viewers for before, after in pairwise(samples)]
    assert median(steps) < 0.02


def test_an_hour_has_bursts_that_fade_within_a_minute() -> None:
    hour = counts(5, EVENING, 720)
    usual = median(hour)
    peak = max(range(720), key=hour.__getitem__)
    assert hour[peak] > 3 * usual
    assert mean(hour[peak + 12 : peak + 24]) < hour[peak] / 2
    assert hour[peak - 2] < hour[peak] / 2, "it rises within seconds"


def test_an_hour_has_lulls() -> None:
    quarter_minutes = counts(5, EVENING, 240, width_seconds=15)
    assert min(quarter_minutes) < median(quarter_minutes) / 2


def test_counts_vary_more_than_chance_alone_would_make_them() -> None:
    hour = counts(5, EVENING, 720)
    assert variance(hour) > 2 * mean(hour)


def test_a_few_regulars_say_much_and_most_people_little() -> None:
    talkers = Counter(message.user for message in messages(5, EVENING, EVENING + HOUR))
    total = talkers.total()
    assert len(talkers) > 1000
    assert 0.01 < talkers.most_common(1)[0][1] / total < 0.1
    assert median(talkers.values()) <= 3


def test_emotes_are_those_in_the_text_one_entry_an_occurrence() -> None:
    chat = messages(5, EVENING, EVENING + timedelta(minutes=10))
    with_emotes = [message for message in chat if message.emotes]
    assert 0.2 < len(with_emotes) / len(chat) < 0.8
    for message in with_emotes:
        words = Counter(message.text.split())
        assert all(words[emote] == count for emote, count in Counter(message.emotes).items())


def test_the_mood_turns_within_an_hour() -> None:
    moods = [SimulatedChannel(5).state(EVENING + timedelta(seconds=10 * step)).mood for step in range(360)]
    assert min(moods) < -0.2
    assert max(moods) > 0.4
    assert all(-1 <= mood <= 1 for mood in moods)


def test_raids_bring_viewers_within_a_minute() -> None:
    channel = SimulatedChannel(5)
    day = [channel.state(DAY + timedelta(minutes=minute)).viewers for minute in range(24 * 60)]
    assert max(after / before for before, after in pairwise(day)) > 1.2
