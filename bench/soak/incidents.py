"""What went wrong for a client, and whether a fault explains it: by the time, the service and the kind, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Final

_KEPT: Final = 20
_SLACK_SECONDS: Final = 0.5
"""A client hears of an end a little later than it was good again for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that a client does not want: a refusal, a connection's end, an answer that is wrong."""

    began: float
    """When the client began what failed, `time.monotonic()`."""
    ended: float
    service: int
    kind: str
    what: str
    """The address, and what else tells it from others."""


@dataclass(slots=True)
class Window:
    """The time of one fault, and what it excuses at which service."""

    fault: str
    began: float
    excused: dict[int, frozenset[str]]
    ended: float = inf

    def explains(self, incident: Incident) -> bool:
        """Whether this is what the fault may do to a client."""
        return (
            incident.kind in self.excused.get(incident.service, frozenset())
            and incident.ended >= self.began
            and incident.began <= self.ended + _SLACK_SECONDS
        )


@dataclass(slots=True)
class Incidents:
    """All that clients met with, sorted into what was to be expected and what was not."""

    expected: Counter[str] = field(default_factory=Counter)
    """By fault and kind."""
    unexpected: Counter[str] = field(default_factory=Counter)
    """By kind."""
    examples: list[Incident] = field(default_factory=list)
    """The first ones of each kind that nobody expected."""
    _windows: list[Window] = field(default_factory=list)

    def open(self, fault: str, excused: Mapping[int, frozenset[str]]) -> Window:
        """Begin a fault's time; before it strikes."""
        window = Window(fault, monotonic(), dict(excused))
        self._windows.append(window)
        return window

    def note(self, incident: Incident) -> None:
        """Sort an incident in; what excuses it has been opened by now, and maybe closed."""
        for window in reversed(self._windows):
            if window.explains(incident):
                self.expected[f"{window.fault}: {incident.kind}"] += 1
                return
        self.unexpected[incident.kind] += 1
        if self.unexpected[incident.kind] <= _KEPT:
            self.examples.append(incident)
