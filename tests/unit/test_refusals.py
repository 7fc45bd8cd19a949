"""What is told of requests that are refused for want of the database: one line now and then, and not one each."""

from __future__ import annotations

from structlog.testing import capture_logs

from telemetra.domain.errors import DatabaseUnavailable
from telemetra.entrypoints.http.refusals import Refusals


def test_the_same_reason_is_told_now_and_then_with_how_many_met_it() -> None:
    now = [0.0]
    refusals = Refusals(clock=lambda: now[0])
    with capture_logs() as logs:
        for _ in range(5):
            refusals.note(DatabaseUnavailable("It is away."))
        now[0] = 11.0
        refusals.note(DatabaseUnavailable("It is away."))
    # Those in between are told to who debugs.
    told = [line.get("others") for line in logs if line["log_level"] == "error"]
    assert told == [None, 4]


def test_another_reason_is_told_at_once() -> None:
    refusals = Refusals(clock=lambda: 0.0)
    with capture_logs() as logs:
        for reason in ("It is away.", "It is full.", "It is away."):
            refusals.note(DatabaseUnavailable(reason))
    assert [(line["log_level"], line["reason"]) for line in logs] == [
        ("error", "It is away."),
        ("error", "It is full."),
        ("error", "It is away."),
    ]
