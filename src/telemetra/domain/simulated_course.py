"""
How a simulated channel fares: viewers, pace and mood at any instant, out of a seed and absolute time alone.

A day curve, drift that wanders without corners, and happenings (hype, dismay, raids, lulls) that begin at chance
moments. Knows nothing of messages or of who writes them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from random import Random
from typing import Final

_MESSAGES_PER_SECOND: Final = 3.0
"""Of an ordinary minute with `_VIEWERS` watching."""
_VIEWERS: Final = 1200
_VIEWERS_BY_HOUR: Final = (
    1.05, 0.92, 0.80, 0.70, 0.62, 0.57, 0.55, 0.57, 0.61, 0.66, 0.71, 0.76,
    0.81, 0.87, 0.94, 1.02, 1.10, 1.20, 1.32, 1.43, 1.50, 1.47, 1.35, 1.20,
)  # fmt: skip
"""A European evening channel's day by the hour, UTC, as a share of `_VIEWERS`."""


class Happening(Enum):
    """What makes chat jump up, go quiet, or change its mind."""

    WIN = "win"
    LOSS = "loss"
    JOKE = "joke"
    RAID = "raid"
    LULL = "lull"


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """How often a group of happenings comes: at most one in each slot of time, with this chance."""

    slot_seconds: int
    chance: float
    kinds: tuple[Happening, ...]


_RHYTHMS: Final = (
    _Rhythm(210, 0.60, (Happening.WIN, Happening.WIN, Happening.LOSS, Happening.LOSS, Happening.JOKE)),
    _Rhythm(480, 0.45, (Happening.LULL,)),
    _Rhythm(4200, 0.55, (Happening.RAID,)),
)


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """One happening: when it began (seconds), how strong it is (0 to 1) and how long it is felt."""

    kind: Happening
    at: float
    strength: float
    lasts_seconds: float

    def felt(self, at: float, *, rise: float, decay: float) -> float:
        """How much of it is felt: 0 to 1 within `rise` seconds, then an exponential way back."""
        age = at - self.at
        if age <= 0:
            return 0.0
        return age / rise if age < rise else math.exp((rise - age) / decay)


_MOOD_PUSH: Final = {Happening.WIN: 0.8, Happening.LOSS: -1.1, Happening.JOKE: 0.4, Happening.RAID: 0.5}


@dataclass(frozen=True, slots=True)
class ChannelState:
    """What the channel is like at one instant, before chance decides who says what."""

    viewers: float
    messages_per_second: float
    mood: float
    """-1 angry or sad, 1 delighted."""
    reactions: Mapping[Happening, float]
    """How much chat each happening adds, as a multiple of the ordinary."""


def channel_state(seed: int, at: float) -> ChannelState:
    """Return what the channel of this seed is like, `at` seconds after 1970-01-01T00:00:00Z."""
    viewers = _VIEWERS * _by_hour(at) * math.exp(0.22 * _wander(seed, "crowd", at, 1500))
    viewers *= 1 + 0.03 * _wander(seed, "flicker", at, 90)
    tempo = math.exp(0.35 * _wander(seed, "tempo", at, 240))
    mood = 0.15 + 0.45 * _wander(seed, "mood", at, 420)
    reactions: dict[Happening, float] = {}
    for occurrence in _occurrences(seed, at):
        kind, strength = occurrence.kind, occurrence.strength
        if kind is Happening.LULL:
            tempo *= 1 - (0.6 + 0.25 * strength) * _plateau(at - occurrence.at, occurrence.lasts_seconds)
            continue
        if kind is Happening.RAID:
            viewers *= 1 + (0.25 + 0.5 * strength) * occurrence.felt(at, rise=25, decay=900)
        burst = (2 + 5 * strength) * occurrence.felt(at, rise=4, decay=occurrence.lasts_seconds / 2)
        reactions[kind] = reactions.get(kind, 0.0) + burst
        mood += _MOOD_PUSH[kind] * (0.5 + 0.5 * strength) * occurrence.felt(at, rise=4, decay=70)
    usual = _MESSAGES_PER_SECOND * viewers / _VIEWERS * tempo
    return ChannelState(
        viewers=viewers,
        messages_per_second=usual * (1 + sum(reactions.values())),
        mood=max(-1.0, min(1.0, mood)),
        reactions=reactions,
    )


def generator(seed: int, name: str, index: int) -> Random:
    """Return a random generator of its own for the `index`-th piece of something."""
    # A text seed goes through SHA-512, so neighbours have nothing in common, on every platform and version.
    return Random(f"{seed}:{name}:{index}")  # noqa: S311  (has to be reproducible, guards nothing)


def _occurrences(seed: int, at: float) -> Iterator[_Occurrence]:
    """Find what has begun in this slot and the one before it of each rhythm: earlier ones are felt no more."""
    for number, rhythm in enumerate(_RHYTHMS):
        slot = math.floor(at / rhythm.slot_seconds)
        for index in (slot - 1, slot):
            occurrence = _occurrence(seed, number, index)
            if occurrence and occurrence.at < at:
                yield occurrence


def _wander(seed: int, name: str, at: float, period_seconds: float) -> float:
    """Smooth noise in [-1, 1]: random heights at every period, joined without corners (value noise)."""
    index, share = divmod(at / period_seconds, 1.0)
    left, right = (_height(seed, name, int(index) + step) for step in (0, 1))
    return left + (right - left) * share * share * (3 - 2 * share)


def _by_hour(at: float) -> float:
    """Share of the usual viewers at this time of the day, straight lines between the hours."""
    hour, share = divmod(at / 3600 % 24, 1.0)
    left, right = (_VIEWERS_BY_HOUR[(int(hour) + step) % 24] for step in (0, 1))
    return left + (right - left) * share


def _plateau(age: float, lasts: float) -> float:
    """1 while something lasts, with edges of five seconds."""
    return max(0.0, min(1.0, age / 5, (lasts - age) / 5))


@lru_cache(maxsize=1024)
def _height(seed: int, name: str, index: int) -> float:
    return generator(seed, name, index).uniform(-1, 1)


@lru_cache(maxsize=256)
def _occurrence(seed: int, rhythm_number: int, slot: int) -> _Occurrence | None:
    rhythm = _RHYTHMS[rhythm_number]
    rng = generator(seed, f"happening-{rhythm_number}", slot)
    if rng.random() >= rhythm.chance:
        return None
    return _Occurrence(
        kind=rng.choice(rhythm.kinds),
        at=(slot + rng.random()) * rhythm.slot_seconds,
        strength=rng.random(),
        lasts_seconds=rng.uniform(40, 100) if Happening.LULL in rhythm.kinds else rng.uniform(20, 40),
    )
