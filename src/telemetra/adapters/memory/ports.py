"""The ports over one `MemoryDatabase`, as an application takes them."""

from __future__ import annotations

from telemetra.adapters.memory.answers import MemoryAnswers
from telemetra.adapters.memory.bus import MemoryLiveBus
from telemetra.adapters.memory.database import MemoryDatabase
from telemetra.adapters.memory.feed import MemoryFeed
from telemetra.adapters.memory.readers import MemoryMetrics, MemoryMoments, MemoryStreams
from telemetra.domain.errors import RedisUnavailable
from telemetra.domain.ports import Ports


class MemoryProbe:
    """A `HealthProbe` of a Redis that isn't there: it answers while `available` is True."""

    def __init__(self, *, available: bool = True) -> None:
        self.available = available

    async def check(self) -> None:
        """
        Return when it is available.

        Raises:
            RedisUnavailable: it is not.

        """
        if not self.available:
            raise RedisUnavailable("Redis is not available.")


def memory_ports(
    database: MemoryDatabase,
    *,
    redis: MemoryProbe | None = None,
    bus: MemoryLiveBus | None = None,
    answers: MemoryAnswers | None = None,
) -> Ports:
    """Return every port over this database; `redis`, `bus` and `answers` let a test take them away, or share them."""
    return Ports(
        streams=MemoryStreams(database),
        metrics=MemoryMetrics(database),
        moments=MemoryMoments(database),
        feed=MemoryFeed(database),
        bus=bus or MemoryLiveBus(),
        answers=answers or MemoryAnswers(),
        database=database,
        redis=redis or MemoryProbe(),
    )
