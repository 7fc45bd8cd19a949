"""Where faults strike, and the bounds that what follows is held to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeAlias

from bench.soak.blows import Blow
from bench.soak.crowd_process import CrowdProcess
from bench.soak.installation import Installation
from bench.soak.options import SERVICES
from bench.soak.probes import Watch
from bench.soak.writers import Writers

TAKEOVER_SECONDS: Final = 5.0
"""Until another goes on when one is gone."""
RECOVERY_SECONDS: Final = 5.0
"""Until all is good after what was away is back."""
PING_SECONDS: Final = 10.0
"""The same, where only a ping finds out."""
UNAFFECTED_SECONDS: Final = 2.0
"""What a probe takes when nothing is wrong, on a machine that is busy."""
STOPPED_SECONDS: Final = 8.0
ALL: Final = tuple(range(SERVICES))
AWAY: Final = ("503", "closed 1013")
"""What a client is told while the database is away."""


@dataclass(slots=True)
class Stage:
    """Where faults strike."""

    installation: Installation
    crowd: CrowdProcess
    burst: CrowdProcess
    """The few who listen to the burst's stream."""
    writers: Writers
    random: Random
    spared: frozenset[int] = field(default_factory=frozenset)
    """Services that are not ended any more: what one of them holds must have time to grow."""

    def victim(self) -> int:
        """Choose a service to be ended."""
        return self.random.choice([number for number in ALL if number not in self.spared])


Fault: TypeAlias = Callable[[Stage, Blow], Awaitable[None]]


def goes_on(watch: Watch, *services: int) -> Callable[[], float | None]:
    """Return what tells how long it took until these services were good."""

    def seconds() -> float | None:
        each = [watch.seconds(service) for service in services]
        return max((one for one in each if one is not None), default=None) if None not in each else None

    return seconds
