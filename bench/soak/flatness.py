"""
Whether a process stopped growing: judged over the second half of the run, and of each process's life apart.

A process that has just started fills its caches, meets its first listeners and its first burst: that is growth, and no
leak. So the first three minutes of a life do not count, nor one that has less than two left. From then on a line is fitted
through what it took (least squares); what the line gained over the time that was looked at, and how far the greatest
value lies above the median of the first quarter, must both stay below what a crowd that moves to and fro explains.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_WARM_UP_SECONDS: Final = 180.0
_LEAST_SECONDS: Final = 120.0
_HOUR_SECONDS: Final = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What may be gained: a share of the value or so much, whichever is more."""

    share: float
    least: float

    def of(self, value: float) -> float:
        """Return what a value may gain."""
        return max(self.share * value, self.least)


MEMORY: Final = Allowance(share=0.10, least=10.0)
"""MiB. A thousand listeners are 24 of them, and half of these may move."""
FILES: Final = Allowance(share=0.10, least=10.0)
"""The pools' connections to PostgreSQL and Redis come and go with what is asked."""
_PEAK: Final = 2.5
"""So many times as much may lie between the first quarter's median and the greatest value of all: a burst's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How a value went."""

    seconds: float
    an_hour: float
    """What the line gains in an hour."""
    gained: float
    first_quarter: float
    greatest: float
    flat: bool


def trend(
    samples: Sequence[tuple[float, float]], *, since: float, began: float, allowance: Allowance
) -> Trend | None:
    """Judge the samples (time and value) of a life from a time on; None where there are too few."""
    counted = [(at, value) for at, value in samples if at >= max(since, began + _WARM_UP_SECONDS)]
    if not counted or counted[-1][0] - counted[0][0] < _LEAST_SECONDS:
        return None
    times, values = zip(*counted, strict=True)
    slope = statistics.linear_regression(times, values).slope
    seconds = times[-1] - times[0]
    first_quarter = statistics.median(values[: max(1, len(values) // 4)])
    allowed = allowance.of(first_quarter)
    gained = slope * seconds
    return Trend(
        seconds=seconds,
        an_hour=slope * _HOUR_SECONDS,
        gained=gained,
        first_quarter=first_quarter,
        greatest=max(values),
        flat=gained <= allowed and max(values) - first_quarter <= _PEAK * allowed,
    )
