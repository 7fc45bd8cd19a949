"""
A simulated channel: the chat messages and viewer counts of a stream that does not exist, for demos and tests.

Everything is a function of (seed, absolute time), so any part of the channel's life can be asked for, in pieces of any
size and in any order, and comes out the same: a demo that is started again goes on with the same channel. Knows
nothing of windows or of the wall clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from telemetra.domain.aggregation import ChatMessage, ViewerSample
from telemetra.domain.simulated_chat import Flavour, say
from telemetra.domain.simulated_course import ChannelState, Happening, channel_state, generator

VIEWER_SAMPLE_SECONDS: Final = 5

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_DISPERSION: Final = 5.0
"""Shape of the gamma that each second's pace is drawn from: people answer each other, so counts vary more than Poisson's."""
_REACTION: Final = {
    Happening.WIN: Flavour.HYPE,
    Happening.LOSS: Flavour.DISMAY,
    Happening.JOKE: Flavour.LAUGHTER,
    Happening.RAID: Flavour.GREETING,
}


class SimulatedChannel:
    """
    A channel that is always on the air, the same one for the same seed.

    It has a day (most viewers in the evening, UTC), slow drift, raids that bring viewers, bursts of hype that rise in
    seconds and fade within a minute, lulls, a few regulars who talk most, and a mood that wanders and turns.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def events(self, start: datetime, end: datetime) -> Iterator[ChatMessage | ViewerSample]:
        """
        Yield what happens in [start, end), in order of time; both aware.

        The events of an interval are those of its pieces, one after the other, wherever it is cut.
        """
        second = (start - _EPOCH) // _SECOND
        while (begin := _EPOCH + second * _SECOND) < end:
            for event in self._second(second, begin):
                if start <= event.at < end:
                    yield event
            second += 1

    def state(self, at: datetime) -> ChannelState:
        """Return what the channel is like at this instant."""
        return channel_state(self._seed, (at - _EPOCH) / _SECOND)

    def _second(self, second: int, begin: datetime) -> Iterator[ChatMessage | ViewerSample]:
        """Everything of one second, out of a generator of its own: what makes pieces of any size agree."""
        rng = generator(self._seed, "second", second)
        state = channel_state(self._seed, second)
        if second % VIEWER_SAMPLE_SECONDS == 0:
            yield ViewerSample(at=begin, viewers=max(0, round(state.viewers * rng.gauss(1.0, 0.004))))
        rate = state.messages_per_second * rng.gammavariate(_DISPERSION, 1 / _DISPERSION)
        flavours = _flavours(state)
        for microseconds in sorted(rng.randrange(1_000_000) for _ in range(_poisson(rng, rate))):
            user, text, emotes = say(rng, _pick(rng, flavours), hour=second // 3600)
            at = begin + timedelta(microseconds=microseconds)
            yield ChatMessage(at=at, user=user, text=text, emotes=emotes)


def _flavours(state: ChannelState) -> dict[Flavour, float]:
    """Split messages between ordinary talk, coloured by the mood, and reactions to what is going on."""
    glad, grim = 0.08 + 0.42 * max(0.0, state.mood), 0.05 + 0.45 * max(0.0, -state.mood)
    weights = {
        Flavour.TALK: 0.83 - glad - grim,
        Flavour.GREETING: 0.05,
        Flavour.LAUGHTER: 0.12,
        Flavour.GLAD: glad,
        Flavour.GRIM: grim,
        Flavour.HYPE: 0.0,
        Flavour.DISMAY: 0.0,
    }
    for happening, extra in state.reactions.items():
        weights[_REACTION[happening]] += extra
    return weights


def _pick(rng: Random, weights: dict[Flavour, float]) -> Flavour:
    return rng.choices(tuple(weights), tuple(weights.values()))[0]


def _poisson(rng: Random, mean: float) -> int:
    """Draw a Poisson number by multiplying uniforms (Knuth, TAOCP 3.4.1); means here are below a hundred."""
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count
