"""How long a client waits before it tries again."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from telemetra.client.backoff import Backoff


@given(seed=st.integers(), attempts=st.integers(0, 3000), advised=st.none() | st.floats(0, 300))
def test_no_wait_is_longer_than_half_a_minute_or_the_advice(
    seed: int, attempts: int, advised: float | None
) -> None:
    backoff = Backoff(Random(seed))  # noqa: S311  (test data)
    for _ in range(attempts):
        backoff.next_delay()
    assert 0 <= backoff.next_delay(advised=advised) <= max(30.0, advised or 0)
