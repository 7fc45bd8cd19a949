"""Resume is exact, whatever writers do and wherever a listener is cut off."""

from __future__ import annotations

from itertools import count

from hypothesis import HealthCheck, Phase, given, settings

from tests.contract.backends import open_memory_world
from tests.contract.history import Action, assert_resumes_exactly, histories
from tests.contract.world import World

# A history is drawn by its seed, so there is nothing to shrink.
PHASES = [Phase.explicit, Phase.generate]

_numbers = count()
"""One world serves all examples of a test; each has a stream of its own in it."""


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    phases=PHASES,
    # The world is not reset between examples, and need not be.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=histories)
async def test_resume_is_exact(world: World, history: list[Action]) -> None:
    await assert_resumes_exactly(world, f"history-{next(_numbers)}", history)


@settings(max_examples=600, deadline=None, derandomize=True, phases=PHASES)
@given(history=histories)
async def test_resume_is_exact_over_many_more_histories_in_memory(history: list[Action]) -> None:
    async with open_memory_world() as world:
        await assert_resumes_exactly(world, "history", history)
