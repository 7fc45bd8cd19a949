"""The composition root: settings in, engines, ports and the application out."""

from telemetra.adapters.embedded import DataDirectoryInUse, EngineFailed
from telemetra.adapters.tokens import TokensUnreadable
from telemetra.bootstrap.application import TracesImpossible, create_application, make_tracing
from telemetra.bootstrap.dependencies import migrate_database, renew_epoch, run_dependencies
from telemetra.bootstrap.examinations import (
    examine_engines_of,
    examine_postgres_of,
    examine_redis_of,
    examine_tokens_of,
)
from telemetra.bootstrap.ports import open_ports, open_writer
from telemetra.bootstrap.servers import find_database_url, runs_engines

__all__ = [
    "DataDirectoryInUse",
    "EngineFailed",
    "TokensUnreadable",
    "TracesImpossible",
    "create_application",
    "examine_engines_of",
    "examine_postgres_of",
    "examine_redis_of",
    "examine_tokens_of",
    "find_database_url",
    "make_tracing",
    "migrate_database",
    "open_ports",
    "open_writer",
    "renew_epoch",
    "run_dependencies",
    "runs_engines",
]
