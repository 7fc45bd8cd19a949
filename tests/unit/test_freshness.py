"""Which answers count: decided by positions, and by what a process has heard."""

from __future__ import annotations

from telemetra.domain.changes import LISTING, Step, tag_of
from telemetra.domain.positions import Position, Snapshot
from telemetra.entrypoints.cache.freshness import MAX_REMEMBERED, REMEMBERED_SECONDS, Freshness

EPOCH = b"an epoch"
LOFI, OTHER = tag_of("lofi"), tag_of("other")


def at(xmax: int, *in_progress: int, epoch: bytes = EPOCH) -> Position:
    return Position(epoch, Snapshot(xmax, in_progress))


def step(before: Position, after: Position, *changed: str, carried: bool = True) -> Step:
    return Step(
        before=before, after=after, changes={}, uncarried=frozenset(changed), carried=carried, lists=False
    )


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def fresh(clock: Clock | None = None) -> Freshness:
    """Return one that stands at 10."""
    freshness = Freshness(clock or Clock())
    freshness.take(step(at(10), at(10), carried=False))
    return freshness


def test_before_the_first_word_nothing_counts() -> None:
    freshness = Freshness(Clock())
    assert not freshness.is_known()
    assert not freshness.includes_all(at(1_000), LOFI)


def test_what_was_heard_is_known_for_a_second() -> None:
    clock = Clock()
    freshness = fresh(clock)
    freshness.heard()
    clock.now += 0.9
    assert freshness.is_known()
    clock.now += 0.2
    assert not freshness.is_known()


def test_an_answer_has_to_include_the_last_change_of_what_it_was_read_from() -> None:
    freshness = fresh()
    freshness.take(step(at(10), at(20), "lofi"))
    freshness.take(step(at(20), at(30), "other"))
    assert freshness.includes_all(at(20), LOFI)
    assert not freshness.includes_all(at(20), OTHER)
    assert freshness.includes_all(at(10), LISTING)
    assert not freshness.includes_all(at(19), LOFI)
    # Transactions that were open are not seen, however high the number.
    assert not freshness.includes_all(at(40, 15), LOFI)
    assert not freshness.includes_all(at(20, epoch=b"another!"), LOFI)


def test_a_step_that_carries_nothing_may_have_changed_all() -> None:
    freshness = fresh()
    freshness.take(step(at(10), at(20), carried=False))
    assert not freshness.includes_all(at(19), LOFI)
    assert freshness.includes_all(at(20), LOFI)


def test_what_is_forgotten_raises_what_all_have_to_include() -> None:
    clock = Clock()
    freshness = fresh(clock)
    freshness.take(step(at(10), at(20), "lofi"))
    clock.now += REMEMBERED_SECONDS + 1
    freshness.take(step(at(20), at(30), "other"))
    assert not freshness.includes_all(at(19), LOFI)
    assert not freshness.includes_all(at(19), LISTING)
    assert freshness.includes_all(at(20), LISTING)


def test_too_many_changes_are_forgotten_too() -> None:
    freshness = fresh()
    freshness.take(step(at(10), at(20), "lofi"))
    freshness.take(step(at(20), at(30), *map(str, range(MAX_REMEMBERED))))
    assert not freshness.includes_all(at(19), LISTING)
    assert freshness.includes_all(at(20), LISTING)


def test_what_a_listener_was_told_ahead_counts_until_the_steps_reach_it() -> None:
    freshness = fresh()
    for position in (at(25), at(25), at(30), at(28)):
        freshness.told((LOFI,), position)
    assert len(freshness.mark(LOFI)) == 2
    freshness.take(step(at(10), at(20), "lofi"))
    assert not freshness.includes_all(at(29), LOFI)
    assert freshness.includes_all(at(30), LOFI)
    assert freshness.includes_all(at(20), OTHER)
    freshness.take(step(at(20), at(30), "other"))
    assert freshness.includes_all(at(20), LOFI)
