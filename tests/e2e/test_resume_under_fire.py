"""
Nothing is lost and nothing told twice: real sockets cut off at random, real writers, a service killed on the way.

The bounded form of `bench/live/resume.py`, with its writers and its clients: what happens on the way is counted in cuts,
never in seconds, and what is asserted are the clients' counts, which no speed of the machine changes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import pytest
from bench.live.resume_clients import Client, Tally
from bench.live.resume_course import compare, run_course
from bench.live.resume_writers import Writers
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connect, connected
from tests.e2e.killable import Killable, killable_service

CUTS = 25
CLIENTS = 6
WRITERS = 4

_numbers = count()
"""One service serves all examples; each has streams of its own."""


@pytest.fixture
async def killable(tmp_path: Path, database: PostgresAddress, redis_url: str) -> AsyncIterator[Killable]:
    async with killable_service(tmp_path / "data", database, redis_url) as killable:
        yield killable


@settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    # A course is drawn by its seed, so there is nothing to shrink.
    phases=[Phase.explicit, Phase.generate],
    # The service is not started anew for each example, and need not be.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
async def test_nothing_is_lost_or_doubled_when_listeners_and_the_service_are_cut_off(
    killable: Killable, database: PostgresAddress, seed: int
) -> None:
    number = next(_numbers)
    streams = [f"alpha-{number}", f"beta-{number}"]
    writers = Writers(partial(connect, database), streams, writers=WRITERS, seed=seed)
    await writers.prepare()
    tally = Tally()

    def live_url(_random: Random) -> str:
        return killable.service.live_url

    clients = [
        Client(f"client {seat}", streams[seat % len(streams)], live_url, tally, seed=seed + seat)
        for seat in range(CLIENTS)
    ]
    kills = killable.kills
    await run_course(clients, writers, tally, cuts=CUTS, events=[(CUTS // 2, killable.kill_and_start_again)])
    async with connected(database) as connection:
        await compare(clients, connection)
    assert tally.cuts >= CUTS
    assert killable.kills == kills + 1
    assert (tally.lost, tally.doubled, tally.resets) == (0, 0, 0), "\n".join(tally.faults)
    assert not tally.faults
