"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line, as every part gets it. `quick` is for seeing that everything runs: its figures mean nothing."""

    quick: bool = False
    rounds: int = 5
    """Interleaved rounds; what is told is the median."""
    few_listeners: int = 1_000
    many_listeners: int = 10_000

    @classmethod
    def for_smoke(cls) -> Options:
        """Return the least that goes through every line."""
        return cls(quick=True, rounds=2, few_listeners=100, many_listeners=300)
