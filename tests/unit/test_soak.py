"""What `bench/soak` judges by: a run that can't tell a loss from none would be worth nothing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from bench.live.resume_rows import Version
from bench.soak.committed import Committed
from bench.soak.flatness import MEMORY, trend
from bench.soak.incidents import Incident, Incidents
from bench.soak.minutes import window_key
from bench.soak.told import Held, Stream, Tally

START = datetime(2026, 3, 1)  # noqa: DTZ001  (as the columns are)


def window(minute: int, number: int, **changes: Any) -> dict[str, Any]:
    start = START + timedelta(minutes=minute)
    return {
        "id": minute + 1,
        "stream_id": "soak-00",
        "window_start": f"{start.isoformat()}Z",
        "window_end": f"{(start + timedelta(minutes=1)).isoformat()}Z",
        "chat_count": number,
        "unique_chatters": 45,
        "top_emotes": ["LUL"],
        "avg_sentiment": 0.25,
        "chat_rate": 0.0,
        "avg_viewers": 1500.0,
        "z_score": None,
        "is_anomaly": False,
        **changes,
    }


class Conversation:
    """One listener of a stream, told this and that."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.stream = Stream("soak-00", self.tally)
        self.held = Held("listener 0", self.stream)

    def snapshot(self, *rows: dict[str, Any]) -> None:
        self.held.begin(self.read({"type": "snapshot", "metrics": list(rows), "moments": [], "stream": None}))

    def metrics(self, row: dict[str, Any]) -> None:
        self.held.take(self.read({"type": "metrics", "data": row}), "here")

    def removed(self, row: dict[str, Any]) -> None:
        key = {"window_start": row["window_start"], "window_end": row["window_end"]}
        self.held.take(self.read({"type": "removed", "data": {"window": key}}), "here")

    def read(self, message: dict[str, Any]) -> Any:
        return self.stream.read(json.dumps({"position": "p", **message}).encode())

    def lost_and_doubled(self, *stored: dict[str, Any], removals: int = 0) -> tuple[int, int]:
        """Judge when these rows are stored, and window 1 was removed so often."""
        expected = self.stream.expected(Version.of("window", row) for row in stored)
        removed = {Version.of("window", window(1, 0)).key: removals}
        self.held.judge(expected, self.stream.removals(removed))
        return self.tally.lost, self.tally.doubled


@pytest.fixture
def told() -> Conversation:
    return Conversation()


def test_what_was_told_as_it_is_stored_is_neither_lost_nor_doubled(told: Conversation) -> None:
    told.snapshot(window(1, 1), window(2, 2))
    told.metrics(window(2, 5))
    told.metrics(window(3, 6))
    told.removed(window(1, 0))
    assert told.lost_and_doubled(window(2, 5), window(3, 6), removals=1) == (0, 0)


def test_a_row_that_was_never_told_is_lost(told: Conversation) -> None:
    told.snapshot(window(1, 1))
    assert told.lost_and_doubled(window(1, 1), window(2, 2)) == (1, 0)


def test_a_rows_newest_form_that_was_not_told_is_lost(told: Conversation) -> None:
    told.snapshot(window(1, 1))
    assert told.lost_and_doubled(window(1, 2)) == (1, 0)


def test_a_removal_that_was_not_told_is_lost(told: Conversation) -> None:
    told.snapshot(window(1, 1))
    assert told.lost_and_doubled(removals=1) == (1, 0)


def test_a_version_told_again_is_doubled(told: Conversation) -> None:
    told.snapshot(window(1, 1))
    told.metrics(window(1, 2))
    told.metrics(window(1, 2))
    assert told.lost_and_doubled(window(1, 2)) == (0, 1)


def test_an_older_version_after_a_newer_one_is_doubled_and_what_it_hides_is_lost(told: Conversation) -> None:
    told.snapshot(window(1, 3))
    told.metrics(window(1, 2))
    assert told.lost_and_doubled(window(1, 3)) == (1, 1)


def test_a_row_told_again_after_its_removal_is_doubled(told: Conversation) -> None:
    told.snapshot(window(1, 3))
    told.removed(window(1, 0))
    told.metrics(window(1, 3))
    told.removed(window(1, 0))
    assert told.lost_and_doubled(removals=2) == (0, 1)


def test_a_removal_told_more_often_than_it_was_made_is_doubled(told: Conversation) -> None:
    told.snapshot(window(1, 1))
    told.removed(window(1, 0))
    told.removed(window(1, 0))
    assert told.lost_and_doubled(removals=1) == (0, 1)


def test_a_version_told_with_other_values_is_lost(told: Conversation) -> None:
    told.snapshot(window(1, 1))
    assert told.lost_and_doubled(window(1, 1, unique_chatters=46)) == (1, 0)


def test_who_was_reset_has_lost_nothing_of_his_own(told: Conversation) -> None:
    told.held.was_reset = True
    told.snapshot()
    assert told.lost_and_doubled(window(1, 1)) == (0, 0)


def test_an_acknowledged_change_that_is_not_stored_is_missing_unless_it_is_in_doubt() -> None:
    committed = Committed(["soak-00"])
    key = window_key(START)
    committed.attempt("soak-00", [key]).settle({key: (7, 700)})
    stored = Version.of("window", window(0, 6))
    assert len(committed.missing("soak-00", [stored])) == 1
    committed.attempt("soak-00", [key])
    assert committed.missing("soak-00", [stored]) == []


def test_what_a_rolled_back_transaction_wrote_is_not_in_doubt() -> None:
    committed = Committed(["soak-00"])
    key = window_key(START)
    committed.attempt("soak-00", [key]).settle({key: (7, 700)})
    committed.attempt("soak-00", [key]).undo()
    assert len(committed.missing("soak-00", [])) == 1


def incident(at: float, *, service: int = 0, kind: str = "503") -> Incident:
    return Incident(began=at, ended=at + 0.1, service=service, kind=kind, what="/")


def test_a_fault_excuses_its_kinds_at_its_services_while_it_lasts() -> None:
    incidents = Incidents()
    window = incidents.open("postgres-kill", {0: frozenset({"503"})})
    window.began, window.ended = 100.0, 105.0
    incidents.note(incident(101.0))
    assert incidents.unexpected.total() == 0
    for other in (incident(101.0, service=1), incident(101.0, kind="500"), incident(99.0), incident(107.0)):
        incidents.note(other)
    assert incidents.unexpected == {"503": 3, "500": 1}


def samples(*values: float) -> list[tuple[float, float]]:
    return [(5.0 * number, value) for number, value in enumerate(values)]


def test_what_stays_is_flat_and_what_grows_or_has_one_peak_is_not() -> None:
    def is_flat(*values: float) -> bool:
        found = trend(samples(*values), since=0.0, began=-180.0, allowance=MEMORY)
        assert found
        return found.flat

    assert is_flat(*[100.0, 103.0] * 20)
    assert not is_flat(*[100.0 + number for number in range(40)])
    assert not is_flat(*[100.0] * 30, 160.0, *[100.0] * 9)


def test_a_lifes_beginning_does_not_count_and_a_short_one_is_not_judged() -> None:
    grown = samples(*[100.0 + number for number in range(40)], *[140.0] * 40)
    late = trend(grown, since=0.0, began=20.0, allowance=MEMORY)
    assert late
    assert late.flat
    assert trend(grown, since=0.0, began=130.0, allowance=MEMORY) is None
