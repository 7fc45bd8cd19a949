"""
No read is older than what its process was told, whatever writers, buses, clocks and slow readings do.

Two processes answer from what they keep and what they share, while a course of random actions goes on. Each answer has to
be what the database held at the position that it names, and that position has to include all that its process owes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from itertools import count
from random import Random
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from telemetra.adapters.postgres import PostgresAddress
from tests.integration.freshness.course import (
    QUESTIONS,
    Action,
    Ask,
    Course,
    End,
    Hear,
    HoldUp,
    Listen,
    Lose,
    Move,
    Put,
    Release,
    Truncate,
)
from tests.integration.freshness.processes import Deployment, run_deployment
from tests.integration.freshness.reads import Manner
from tests.integration.freshness.ways import READING, SHARED
from tests.integration.freshness.writers import TABLES, empty

COURSE_LENGTH: Final = 80
POSITIONS: Final = ["", "", "", "newest", "told", "database", "foreign"]
SECONDS: Final = [0.7, 1.1, 340.0]
"""So little that a process still knows, too much, and so much that it has forgotten what changed."""

_numbers = count()
"""One deployment serves all examples; each has streams and questions of its own in it."""


def _process(random: Random) -> int:
    return random.randrange(2)


def _stream(random: Random) -> int:
    return random.choice([0, 0, 0, 1])


def _put(random: Random) -> Action:
    number, value, slowly = random.randrange(2), random.randrange(4), random.random() < 0.3
    return Put(random.choice(list(TABLES)), _stream(random), number, value, slowly)


def _ask(random: Random) -> Action:
    spelling, manner, since = random.randrange(2), random.choice(list(Manner)), random.choice(POSITIONS)
    return Ask(_process(random), _stream(random), random.randrange(QUESTIONS), spelling, manner, since)


def _hold_up(random: Random) -> Action:
    what = random.choice([READING, READING, SHARED])
    return HoldUp(_process(random), _stream(random), random.randrange(QUESTIONS), what)


DRAWN: Final[list[tuple[int, Callable[[Random], Action]]]] = [
    (20, _put),
    (5, lambda random: End(commit=random.random() < 0.8)),
    (1, lambda random: Truncate(random.choice(list(TABLES)))),
    (26, _ask),
    (8, _hold_up),
    (6, lambda random: Release(random.randrange(4))),
    (6, lambda random: Listen(_process(random), _stream(random))),
    (12, lambda random: Hear(_process(random))),
    (4, lambda _: Lose()),
    (4, lambda random: Move(_process(random), random.choice(SECONDS))),
]
"""How often each action comes, and how it is drawn."""


def random_course(seed: int) -> list[Action]:
    """
    Return the course of this seed.

    Evenly random on purpose: lists that hypothesis draws itself lean to small and equal values.
    """
    random = Random(seed)  # noqa: S311  (no secret is drawn)
    weights, draws = zip(*DRAWN, strict=True)
    return [draw(random) for draw in random.choices(draws, weights, k=COURSE_LENGTH)]


COURSES: Final = st.integers(0, 2**32).map(random_course)


@pytest.fixture
async def deployment(database: PostgresAddress, redis_url: str) -> AsyncIterator[Deployment]:
    async with run_deployment(database, redis_url) as running:
        yield running


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    # A course is drawn by its seed, so there is nothing to shrink.
    phases=[Phase.explicit, Phase.generate],
    # The deployment is not started anew for each example, and need not be.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(actions=COURSES)
async def test_no_answer_is_older_than_its_process_owes(
    deployment: Deployment, actions: list[Action]
) -> None:
    origin = await empty(deployment.script)
    for process in deployment.processes:
        await deployment.hear(process)
    course = Course(deployment, next(_numbers), origin)
    try:
        for action in actions:
            await course.play(action)
        await course.settle()
    finally:
        await course.clear()
