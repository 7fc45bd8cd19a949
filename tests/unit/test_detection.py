"""The rules of detection: what is out of the ordinary, and what a moment tells of it."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetra.domain.detection import Detection, Detector
from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.windows import ANOMALY_THRESHOLD, WindowSummary

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
REAL_MINUTES = Path(__file__).resolve().parents[3] / "shared/data/chat/sphynx_minutes.csv.gz"
QUIET = (18, 22, 20, 25, 17, 21, 19, 23, 16, 24) * 4


def window(
    minute: int,
    chat_count: int = 20,
    *,
    viewers: float | None = None,
    sentiment: float | None = None,
    stream_id: str = "s",
) -> WindowSummary:
    return WindowSummary(
        stream_id=stream_id,
        window_start=NOON + minute * MINUTE,
        window_end=NOON + (minute + 1) * MINUTE,
        chat_count=chat_count,
        unique_chatters=min(chat_count, 5),
        avg_sentiment=sentiment,
        chat_rate=chat_count / 60,
        avg_viewers=viewers,
        z_score=None,
        is_anomaly=False,
    )


def observe(windows: Iterable[WindowSummary]) -> list[Detection]:
    detector = Detector()
    return [detector.observe(each) for each in windows]


def observe_counts(counts: Sequence[int]) -> list[Detection]:
    return observe(window(minute, count) for minute, count in enumerate(counts))


def z_of_last(counts: Sequence[int]) -> float:
    score = observe_counts(counts)[-1].window.z_score
    assert score is not None
    return score


def moments_of(detections: Iterable[Detection]) -> list[Moment]:
    return [moment for detection in detections for moment in detection.moments]


def test_there_is_no_z_score_until_enough_windows_went_before() -> None:
    detections = observe_counts(QUIET[:11])
    assert [each.window.z_score for each in detections[:10]] == [None] * 10
    assert not any(each.window.is_anomaly for each in detections)
    assert detections[10].window.z_score is not None


def test_only_the_score_of_a_window_is_filled_in() -> None:
    seen = window(0, 33, viewers=5.0, sentiment=0.5)
    (detection,) = observe([seen])
    assert replace(detection.window, z_score=None, is_anomaly=False) == seen


def test_a_chat_three_times_as_busy_as_usual_is_a_spike_that_explains_itself() -> None:
    detection = observe_counts((*QUIET, 66))[-1]
    assert detection.window.is_anomaly
    (moment,) = detection.moments
    assert moment.moment_type is MomentType.CHAT_SPIKE
    assert moment.timestamp == NOON + 40 * MINUTE
    assert (moment.metric_name, moment.metric_value) == ("chat_count", 66)
    assert moment.z_score == detection.window.z_score
    assert moment.threshold is not None
    assert 25 < moment.threshold < 66
    assert moment.metadata is not None
    assert moment.metadata["baseline_windows"] == 30
    assert 16 < moment.metadata["baseline_centre"] < 25
    assert moment.metadata["baseline_spread"] > 0
    assert moment.metadata["method"]
    assert moment.description == "Chat jumped to 66 messages, where about 21 were usual."


def test_the_window_under_test_is_not_part_of_its_own_baseline() -> None:
    metadata = [observe_counts((*QUIET, count))[-1].moments[0].metadata for count in (100, 100_000)]
    assert metadata[0] == metadata[1]
    (early,) = observe_counts((*QUIET[:12], 100))[-1].moments
    assert early.metadata is not None
    assert early.metadata["baseline_windows"] == 12


@pytest.mark.parametrize("minutes_before", range(1, 20))
def test_an_earlier_burst_does_not_blind_the_detector(minutes_before: int) -> None:
    counts = [*QUIET, 66]
    counts[-1 - minutes_before] = 132
    assert z_of_last(counts) > ANOMALY_THRESHOLD


def test_an_earlier_burst_hardly_moves_the_score_of_an_ordinary_window() -> None:
    counts = [*QUIET, 21]
    clean = z_of_last(counts)
    counts[-6] = 10_000
    assert abs(z_of_last(counts) - clean) < 0.3


def test_a_constant_baseline_divides_by_nothing() -> None:
    detections = observe_counts([0] * 40 + [0, 1, 3, 9])
    assert not any(detection.window.is_anomaly for detection in detections)
    assert detections[-1].window.z_score is not None


def test_a_handful_of_messages_in_a_silent_chat_is_no_spike() -> None:
    assert observe_counts([0] * 40 + [10])[-1].moments == []
    assert observe_counts([0] * 40 + [40])[-1].moments != []


def test_a_busy_steady_chat_that_falls_silent_is_unusual_but_no_moment() -> None:
    detection = observe_counts([count * 50 for count in QUIET] + [0])[-1]
    assert detection.window.z_score is not None
    assert detection.window.z_score < 0
    assert detection.moments == []


def test_a_spike_that_lasts_is_told_once_and_told_again_after_a_rest() -> None:
    detections = observe_counts((*QUIET, 200, 210, *QUIET[:10], 200))
    spikes = [moment.timestamp for moment in moments_of(detections)]
    assert spikes == [NOON + 40 * MINUTE, NOON + 52 * MINUTE]


def test_a_raid_is_one_viewer_spike() -> None:
    viewers = [500.0 + minute % 7 for minute in range(40)] + [900.0] * 20
    found = moments_of(observe(window(minute, viewers=count) for minute, count in enumerate(viewers)))
    assert [moment.moment_type for moment in found] == [MomentType.VIEWER_SPIKE]
    assert found[0].timestamp == NOON + 40 * MINUTE
    assert found[0].metric_name == "avg_viewers"
    assert found[0].description == "Viewers rose to 900, where about 503 were usual."


def test_viewers_who_leave_are_no_spike() -> None:
    viewers = [500.0] * 40 + [50.0] * 5
    assert moments_of(observe(window(minute, viewers=count) for minute, count in enumerate(viewers))) == []


@pytest.mark.parametrize(("mood", "turn"), [(0.6, "brighter"), (-0.6, "darker")])
def test_sentiment_shifts_either_way(mood: float, turn: str) -> None:
    moods = [0.05 * (minute % 3) for minute in range(40)] + [mood]
    found = moments_of(observe(window(minute, 40, sentiment=each) for minute, each in enumerate(moods)))
    (moment,) = found
    assert moment.moment_type is MomentType.SENTIMENT_SHIFT
    assert moment.metric_name == "avg_sentiment"
    assert turn in (moment.description or "")
    assert moment.z_score is not None
    assert (moment.z_score > 0) == (mood > 0)
    assert moment.threshold is not None
    assert abs(moment.threshold) < abs(mood)


def test_the_mood_of_three_messages_is_no_shift() -> None:
    quiet = [window(minute, 40, sentiment=0.0) for minute in range(40)]
    assert moments_of(observe([*quiet, window(40, 3, sentiment=-1.0)])) == []


def test_the_fewer_messages_the_further_a_mood_must_shift() -> None:
    quiet = [window(minute, 40, sentiment=0.0) for minute in range(40)]
    few, many = (
        moments_of(observe([*quiet, window(40, messages, sentiment=0.9)]))[0].threshold
        for messages in (8, 30)
    )
    assert few is not None
    assert many is not None
    assert few > many


def test_a_hole_in_the_windows_begins_a_new_baseline() -> None:
    detector = Detector()
    for minute, count in enumerate(QUIET):
        detector.observe(window(minute, count))
    detection = detector.observe(window(1000, 500))
    assert detection.window.z_score is None
    assert detection.moments == []


def test_windows_of_another_stream_or_out_of_order_are_refused() -> None:
    detector = Detector()
    detector.observe(window(1))
    with pytest.raises(ValueError, match="watches 's'"):
        detector.observe(window(2, stream_id="other"))
    with pytest.raises(ValueError, match="begins before"):
        detector.observe(window(1))


def test_a_moments_id_depends_on_stream_kind_and_time_alone() -> None:
    def spike_id(count: int, stream_id: str = "s", quiet: Sequence[int] = QUIET) -> str:
        counts = (*quiet, count)
        found = moments_of(observe(window(m, c, stream_id=stream_id) for m, c in enumerate(counts)))
        return found[-1].moment_id

    assert spike_id(100) == spike_id(300)
    assert spike_id(100) != spike_id(100, stream_id="t")
    assert spike_id(100) != spike_id(100, quiet=QUIET[:30])


def test_ids_stay_what_they_were_when_they_were_stored() -> None:
    (moment,) = observe_counts((*QUIET, 66))[-1].moments
    assert moment.moment_id == "091111de-6084-5788-959e-97c7a86ab604"


_counts = st.lists(st.integers(0, 5000), min_size=11, max_size=60)


@given(_counts)
def test_the_same_windows_give_the_same_detections(counts: list[int]) -> None:
    assert observe_counts(counts) == observe_counts(counts)


@given(_counts)
def test_a_window_is_an_anomaly_exactly_when_its_score_is_beyond_the_threshold(counts: list[int]) -> None:
    for detection in observe_counts(counts):
        score = detection.window.z_score
        assert detection.window.is_anomaly == (score is not None and abs(score) > ANOMALY_THRESHOLD)


@given(_counts)
def test_a_count_is_a_spike_exactly_when_it_is_above_the_threshold_it_is_told_with(counts: list[int]) -> None:
    (moment,) = observe_counts([*counts, 10**7])[-1].moments or (None,)
    if moment is None:  # The spike before it goes on.
        return
    assert moment.threshold is not None
    below, above = int(moment.threshold), int(moment.threshold) + 1
    assert z_of_last([*counts, above]) >= ANOMALY_THRESHOLD
    assert z_of_last([*counts, below]) <= ANOMALY_THRESHOLD + 1e-9


@given(_counts, st.integers(0, 5000), st.integers(1, 5000))
def test_more_messages_never_score_less(counts: list[int], count: int, more: int) -> None:
    assert z_of_last([*counts, count]) < z_of_last([*counts, count + more])


@given(st.lists(st.integers(15, 25), min_size=12, max_size=40), st.data())
def test_wherever_one_burst_was_a_spike_of_five_times_the_level_is_seen(
    counts: list[int], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(counts) - 1))
    counts[place] *= data.draw(st.integers(2, 500))
    assert z_of_last([*counts, 100]) > ANOMALY_THRESHOLD


def test_few_minutes_of_real_streams_are_flagged() -> None:
    if not REAL_MINUTES.is_file():
        pytest.skip("the real minutes, ../shared/data/chat/sphynx_minutes.csv.gz, are missing")
    streams: dict[str, list[int]] = {}
    with gzip.open(REAL_MINUTES, "rt", newline="") as file:
        for row in csv.DictReader(file):
            streams.setdefault(row["vod_id"], []).append(int(row["chat_count"]))
    some = [streams[stream] for stream in sorted(streams)[::16]]
    flags = [detection.window.is_anomaly for counts in some for detection in observe_counts(counts)]
    assert 0.005 < sum(flags) / len(flags) < 0.035
