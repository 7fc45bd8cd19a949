"""Shipped fakes: the ports over a database in memory, for tests and for trying things out."""

from telemetra.adapters.memory.answers import MemoryAnswers
from telemetra.adapters.memory.bus import MemoryLiveBus
from telemetra.adapters.memory.credentials import MemoryCredentials
from telemetra.adapters.memory.database import MemoryDatabase, MemoryTransaction
from telemetra.adapters.memory.feed import MemoryFeed
from telemetra.adapters.memory.ports import MemoryProbe, memory_ports
from telemetra.adapters.memory.readers import MemoryMetrics, MemoryMoments, MemoryStreams
from telemetra.adapters.memory.writer import MemoryWriter

__all__ = [
    "MemoryAnswers",
    "MemoryCredentials",
    "MemoryDatabase",
    "MemoryFeed",
    "MemoryLiveBus",
    "MemoryMetrics",
    "MemoryMoments",
    "MemoryProbe",
    "MemoryStreams",
    "MemoryTransaction",
    "MemoryWriter",
    "memory_ports",
]
