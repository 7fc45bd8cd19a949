"""Where the local engines answer, and with which password."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresEndpoint:
    """A running PostgreSQL; the user is a superuser of this local cluster."""

    host: str
    port: int
    user: str
    password: str = dataclasses.field(repr=False)
    database: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisEndpoint:
    """A running Valkey or Redis; its password changes with each start."""

    host: str
    port: int
    password: str = dataclasses.field(repr=False)

    @property
    def url(self) -> str:
        """The address with the password in it: as secret as the password."""
        return f"redis://:{self.password}@{self.host}:{self.port}/0"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEndpoints:
    """The engines of one data directory, None for one that was not asked for; `owner_pid` runs them."""

    postgres: PostgresEndpoint | None
    redis: RedisEndpoint | None
    owner_pid: int
