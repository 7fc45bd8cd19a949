"""Which reads are tried again, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random

import pytest

from telemetra.client import (
    AnswerUnreadable,
    ServiceUnavailable,
    ServiceUnreachable,
    StreamNotFound,
    TelemetraError,
    TooManyRequests,
)
from telemetra.client.attempts import Attempts
from telemetra.client.refusals import retry_after


def unavailable(seconds: float | None = None) -> ServiceUnavailable:
    return ServiceUnavailable("away", status=503, retry_after_seconds=seconds)


def test_there_are_as_many_tries_as_were_asked_for() -> None:
    attempts = Attempts(2, Random(1))  # noqa: S311  (test data)
    delays = [attempts.delay_after(unavailable()) for _ in range(3)]
    assert delays[2] is None
    assert all(delay is not None and 0 <= delay <= 0.5 for delay in delays[:2])


def test_the_server_s_advice_is_taken_up_to_ten_seconds() -> None:
    assert Attempts(1).delay_after(unavailable(10)) == 10
    assert Attempts(1).delay_after(unavailable(11)) is None


@pytest.mark.parametrize(
    "error",
    [
        StreamNotFound("none", status=404),
        ServiceUnavailable("a fault", status=500),
        AnswerUnreadable("html"),
        ServiceUnreachable("too slow", may_pass=False),
    ],
)
def test_what_will_not_pass_is_not_tried_again(error: TelemetraError) -> None:
    assert Attempts(5).delay_after(error) is None


@pytest.mark.parametrize(
    "error", [unavailable(0), ServiceUnreachable("cut"), TooManyRequests("busy", status=429)]
)
def test_what_may_pass_is(error: TelemetraError) -> None:
    assert Attempts(5).delay_after(error) is not None


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("99999999999999", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
def test_advice_is_a_number_or_a_time(given: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": given}) == seconds


def test_advice_by_a_time_is_counted_from_now() -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)
    advised = retry_after({"Retry-After": then})
    assert advised is not None
    assert 50 < advised <= 60
