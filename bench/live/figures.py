"""Percentiles, and how sure a ratio is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

_RESAMPLES: Final = 10_000
_SEED: Final = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, and the interval that holds 95 % of what resampling makes of it."""

    value: float
    low: float
    high: float


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of all are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Return the median of the ratios of pairs that were measured one after the other."""
    return statistics.median(a / b for a, b in zip(numerators, denominators, strict=True))


def bootstrap_ratio(pairs: Sequence[tuple[float, float]]) -> Estimate:
    """Return the median ratio of the pairs with its percentile bootstrap interval; pairs are drawn, not single values."""
    ratios = [a / b for a, b in pairs]
    random = Random(_SEED)
    medians = [statistics.median(random.choices(ratios, k=len(ratios))) for _ in range(_RESAMPLES)]
    return Estimate(statistics.median(ratios), percentile(medians, 0.025), percentile(medians, 0.975))
