"""One fault as it struck: when, what it may excuse, and how long it took until this and that was good again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from bench.soak.incidents import Incidents, Window
from bench.soak.probes import Probes, Watch

_PATIENCE: Final = 4
"""How many times the bound is waited for: a figure says more than that it was missed."""
_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How long something took, and how long it may take."""

    name: str
    seconds: float | None
    """None: it did not come while it was waited for."""
    bound_seconds: float

    @property
    def met(self) -> bool:
        """Whether it came in its bound."""
        return self.seconds is not None and self.seconds <= self.bound_seconds


@dataclass(slots=True)
class Blow:
    """A fault while it lasts, and what is known of it afterwards. Times are `time.monotonic()`."""

    fault: str
    probes: Probes
    incidents: Incidents
    struck_at: float = field(default_factory=monotonic)
    target: int | None = None
    """The service that it strikes, if it is one."""
    gone_at: float | None = None
    """When its cause was gone: what follows is the service's own time."""
    measures: list[Measure] = field(default_factory=list)
    _windows: list[Window] = field(default_factory=list)

    def excuse(self, *kinds: str, services: tuple[int, ...]) -> None:
        """Say what clients may meet with at these services until all is good again; before it strikes."""
        self._windows.append(
            self.incidents.open(self.fault, {service: frozenset(kinds) for service in services})
        )

    def strikes(self) -> Watch:
        """Begin its time, and watch from now on."""
        watch = self.probes.watch()
        self.struck_at = watch.since
        return watch

    def is_gone(self) -> None:
        """Its cause is gone."""
        self.gone_at = monotonic()

    def note(self, name: str, seconds: float | None, *, within: float) -> None:
        """Keep a time that was taken elsewhere."""
        self.measures.append(Measure(name=name, seconds=seconds, bound_seconds=within))

    async def measure(self, name: str, seconds: Callable[[], float | None], *, within: float) -> None:
        """Wait for a time, for some times its bound."""
        give_up_at = monotonic() + _PATIENCE * within
        while (found := seconds()) is None and monotonic() < give_up_at:  # noqa: ASYNC110  (of figures that two sides fill)
            await asyncio.sleep(_LOOK_SECONDS)
        self.note(name, found, within=within)

    async def measure_until(
        self, name: str, condition: Callable[[], Awaitable[bool]], *, within: float
    ) -> None:
        """Ask again and again, from the fault's beginning on."""
        found = None
        try:
            async with asyncio.timeout(_PATIENCE * within):
                while found is None:
                    if await condition():
                        found = monotonic() - self.struck_at
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            pass
        self.note(name, found, within=within)

    def end(self) -> None:
        """All is good again, or was not in time: nothing is excused any more."""
        for window in self._windows:
            window.ended = monotonic()
