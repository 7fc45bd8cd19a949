"""
Baselines: what a metric has been like lately, and the value above (or below) which it is out of the ordinary.

Every baseline is asked first and told afterwards, so a value is never compared with itself. Knows nothing of windows
or of moments. The constants were tuned on half of the streams of real minutes and checked on the others; the
script `bench/detector.py` says how well they do.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from telemetra.domain.windows import ANOMALY_THRESHOLD

BASELINE_WINDOWS: Final = 30
"""How many preceding values are compared with."""
MIN_BASELINE_WINDOWS: Final = 10
"""Fewer than these say nothing."""

_TRIMMED: Final = 2
"""So many of the largest values are left out: an earlier burst can't hide the next one."""
_RECENT: Final = 3
"""The median of so many newest values is the recent level; one burst among them doesn't move it."""
_MAD_TO_DEVIATION: Final = 1.4826
"""Median absolute deviation to standard deviation, for a normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One value beside its baseline. All but `z_score`, `length` and `method` are in the metric's own unit."""

    value: float
    centre: float
    """What was expected."""
    spread: float
    """A third of the way from the centre to the threshold; above zero."""
    length: int
    """How many preceding values it was compared with."""
    method: str

    @property
    def z_score(self) -> float:
        """Distance from the centre in spreads: beyond 3 it is out of the ordinary."""
        return (self.value - self.centre) / self.spread

    @property
    def threshold(self) -> float:
        """The value at which the z-score is 3; for a value below the centre, at which it is -3."""
        reach = ANOMALY_THRESHOLD * self.spread
        return self.centre - reach if self.value < self.centre else self.centre + reach

    def as_metadata(self) -> dict[str, Any]:
        """Return what it was compared with, for people and programs."""
        return {
            "method": self.method,
            "baseline_windows": self.length,
            "baseline_centre": round(self.centre, 4),
            "baseline_spread": round(self.spread, 4),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelTuning:
    """How a `LevelBaseline` judges one metric."""

    offset: float
    """Added before the logarithm, in the metric's unit: how much is noise when there is little of it."""
    recent_weight: float
    """Share of the recent level in the centre; the rest is the trimmed mean of the whole baseline."""
    least_deviation: float
    """Added in quadrature to the deviation of the logarithms: keeps a flat baseline from calling a ripple a spike."""
    tolerance: float
    """How many such deviations above the centre the threshold lies."""
    least_threshold: float
    """Below this value, in the metric's unit, nothing is a spike."""


CHAT_TUNING: Final = LevelTuning(
    offset=6.0, recent_weight=0.4, least_deviation=0.4, tolerance=1.52, least_threshold=10.0
)
VIEWER_TUNING: Final = LevelTuning(
    offset=20.0, recent_weight=0.4, least_deviation=0.1, tolerance=3.0, least_threshold=25.0
)


class LevelBaseline:
    """
    The level of a metric that is never negative and whose noise grows with it, such as a count.

    Logarithms (plus an offset, so that 0 to 3 messages is no leap) turn 'three times as many' into the same step for
    small and large channels. The centre mixes the trimmed mean of the baseline with the recent level: what is sudden is
    judged against just now as well as against the last half hour. The threshold lies above the centre by a multiple of
    the trimmed deviation; the z-score is linear in the value and is 3 there.
    """

    method: Final = "trimmed-log-level"

    def __init__(self, tuning: LevelTuning) -> None:
        self._tuning = tuning
        self._logs: deque[float] = deque(maxlen=BASELINE_WINDOWS)

    def compare(self, value: float) -> Comparison | None:
        """Return how the value compares with those learned so far; null while they are too few."""
        if len(self._logs) < MIN_BASELINE_WINDOWS:
            return None
        tuning, logs = self._tuning, list(self._logs)
        kept = sorted(logs)[:-_TRIMMED]
        mean = math.fsum(kept) / len(kept)
        # `statistics.variance` counts in fractions, a hundred times as slow.
        variance = math.fsum((log - mean) ** 2 for log in kept) / (len(kept) - 1)
        log_centre = mean + tuning.recent_weight * (median(logs[-_RECENT:]) - mean)
        deviation = math.sqrt(variance + tuning.least_deviation**2)
        centre = math.exp(log_centre) - tuning.offset
        threshold = math.exp(log_centre + tuning.tolerance * deviation) - tuning.offset
        return Comparison(
            value=value,
            centre=centre,
            spread=(max(threshold, tuning.least_threshold) - centre) / ANOMALY_THRESHOLD,
            length=len(logs),
            method=self.method,
        )

    def learn(self, value: float) -> None:
        """Take a value, at or above zero, into the baseline; the oldest falls out."""
        self._logs.append(math.log(value + self._tuning.offset))

    def forget(self) -> None:
        """Begin anew."""
        self._logs.clear()


class MoodBaseline:
    """
    The mean sentiment of windows, which is the less certain the fewer messages it is the mean of.

    The centre is the median; the spread joins the windows' own (median absolute deviation), the sampling error of the
    value under test, and the least that people would call a shift.
    """

    method: Final = "median-mood"

    _MIN_MESSAGES: Final = 5
    """A mean of fewer is not learned."""
    _MESSAGE_DEVIATION: Final = 0.45
    """Standard deviation of single messages around the mood of the moment."""
    _LEAST_SPREAD: Final = 0.05

    def __init__(self) -> None:
        self._means: deque[float] = deque(maxlen=BASELINE_WINDOWS)

    def compare(self, mean: float, messages: int) -> Comparison | None:
        """Return how the mean of so many messages compares with those learned; null while they are too few."""
        if len(self._means) < MIN_BASELINE_WINDOWS or messages < self._MIN_MESSAGES:
            return None
        centre = median(self._means)
        deviation = _MAD_TO_DEVIATION * median(abs(learned - centre) for learned in self._means)
        sampling = self._MESSAGE_DEVIATION / math.sqrt(messages)
        return Comparison(
            value=mean,
            centre=centre,
            spread=math.hypot(deviation, sampling, self._LEAST_SPREAD),
            length=len(self._means),
            method=self.method,
        )

    def learn(self, mean: float, messages: int) -> None:
        """Take a window's mean into the baseline, if it is a mean of enough messages."""
        if messages >= self._MIN_MESSAGES:
            self._means.append(mean)

    def forget(self) -> None:
        """Begin anew."""
        self._means.clear()
