"""How long, how much and which faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STREAMS: Final = tuple(f"soak-{number:02}" for number in range(20))
BURST: Final = "burst"
"""The stream that a hundred thousand rows go to at once; few listen, for each is told every one of them."""
PROBE: Final = "probe"
STALL: Final = "stall"
SERVICES: Final = 2
COMMITS_A_SECOND: Final = 40.0
READS_A_SECOND: Final = 50.0
SAMPLE_SECONDS: Final = 5.0
HEARTBEAT_SECONDS: Final = 3.0
"""Two of these without a word, and either side gives the other up: before a service that was stopped goes on."""
STALL_SECONDS: Final = 10.0
_FAULT_EVERY_SECONDS: Final = 30.0
_QUICK_PAUSE_SECONDS: Final = 2.0
_QUICK_MINUTES: Final = 2.0
_QUICK_LISTENERS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line. `quick` goes once through every fault, one right after the other: its figures mean little."""

    minutes: float = 30.0
    listeners: int = 1_000
    readers: int = 8
    writers: int = 8
    seed: int = 3
    faults: tuple[str, ...] = ()
    """Those that strike; all of them when empty."""
    quick: bool = False

    @property
    def fault_every_seconds(self) -> float:
        """From the beginning of one fault to that of the next, if it is over by then."""
        return 0.0 if self.quick else _FAULT_EVERY_SECONDS

    @property
    def pause_seconds(self) -> float:
        """How long all is well at least between two faults."""
        return _QUICK_PAUSE_SECONDS if self.quick else 5.0

    @classmethod
    def for_smoke(cls, *, seed: int, faults: tuple[str, ...]) -> Options:
        """Return the least that goes through every line."""
        return cls(minutes=_QUICK_MINUTES, listeners=_QUICK_LISTENERS, seed=seed, faults=faults, quick=True)
