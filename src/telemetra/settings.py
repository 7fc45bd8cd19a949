"""Settings: the one place that reads the environment and `.env`, and says everything that is wrong at once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values
from msgspec import Meta
from platformdirs import user_data_path

Port = Annotated[int, Meta(ge=1, le=65535)]
Seconds = Annotated[float, Meta(gt=0, le=86400)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LogFormat = Literal["auto", "json", "console"]
PostgresSsl = Literal["disable", "prefer", "require", "verify-full"]

_SECRET = {"secret": True}
_PASSWORD = {"secret": True, "verbatim": True}
"""Taken as it stands: space around it may be a part of it."""
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


class SettingsInvalid(Exception):
    """Some settings can't be used; `problems` names each with the reason, and never a secret's value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(
            "These settings can't be used:\n" + "\n".join(f"  {problem}" for problem in problems)
        )
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator can choose. Each field is the environment variable of the same name in capitals."""

    api_title: Annotated[str, Meta(min_length=1, max_length=200)] = "Telemetra"
    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    """0 takes any free port."""
    debug: bool = False
    log_level: LogLevel = "INFO"
    log_format: LogFormat = "auto"
    """`auto`: coloured lines on a terminal, JSON elsewhere."""
    cors_origins: tuple[str, ...] = ()
    """Origins that browsers may call from, or `*` alone."""

    telemetra_data_dir: Path = dataclasses.field(default_factory=lambda: user_data_path("telemetra"))
    """Where the embedded engines keep their data."""

    postgres_host: str | None = None
    """Unset: the embedded PostgreSQL."""
    postgres_port: Port = 5432
    postgres_user: str = "postgres"
    postgres_password: str = dataclasses.field(default="", repr=False, metadata=_PASSWORD)
    postgres_db: str = "telemetra"
    postgres_ssl: PostgresSsl = "prefer"
    postgres_pool_size: Annotated[int, Meta(ge=1, le=1000)] = 10
    """Connections a process, for reads; live delivery has up to four more of its own."""
    postgres_connect_timeout: Seconds = 5.0
    """Seconds that a connection may take at the start, and one of live delivery's own at any time."""
    postgres_acquire_timeout: Seconds = 1.0
    """Seconds until a read has a connection, be it a free one or a new one: opening it is included."""
    postgres_command_timeout: Seconds = 1.5
    """Seconds until a read has its answer."""

    redis_url: str | None = dataclasses.field(default=None, repr=False, metadata=_SECRET)
    """`redis://` or `rediss://`, with a password where needed. Unset: the embedded Valkey."""
    cache_ttl_metrics: Annotated[int, Meta(ge=1, le=86400)] = 60
    cache_ttl_streams: Annotated[int, Meta(ge=1, le=86400)] = 300

    live_interval: Annotated[float, Meta(ge=0.005, le=10)] = 0.05
    """Seconds between two looks for changes."""
    live_heartbeat: Annotated[float, Meta(ge=1, le=3600)] = 15.0
    """Seconds of silence after which a listener is told that all is well."""
    live_stall_timeout: Seconds = 30.0
    """Seconds that a listener may take nothing before it is closed."""
    live_max_listeners: Count = 20_000
    """Listeners a process."""
    live_max_listeners_per_address: Count = 10_000
    live_messages_per_minute: Count = 120
    """What a listener may send."""

    @property
    def embedded_postgres(self) -> bool:
        """Whether the database is the embedded one."""
        return self.postgres_host is None

    @property
    def embedded_redis(self) -> bool:
        """Whether Redis is the embedded Valkey."""
        return self.redis_url is None


def load_settings(
    environ: Mapping[str, str] | None = None, *, env_file: Path | None = Path(".env"), **given: Any
) -> Settings:
    """
    Read the settings: `given` (the command line's, None meaning not given) before the environment before `env_file`.

    An empty or blank value means unset. Variables of other programs are left alone.

    Raises:
        SettingsInvalid: with every problem there is.

    """
    environ = os.environ if environ is None else environ
    written = dotenv_values(env_file) if env_file and env_file.is_file() else {}
    problems: list[str] = []
    values: dict[str, Any] = {}
    hints = get_type_hints(Settings, include_extras=True)
    for field in dataclasses.fields(Settings):
        name = field.name.upper()
        raw = given.get(field.name)
        if raw is None:
            found = (environ.get(name), written.get(name))
            raw = next((value for value in found if value and value.strip()), None)
        if raw is None:
            continue
        if isinstance(raw, str) and not field.metadata.get("verbatim"):
            raw = raw.strip()
        try:
            values[field.name] = _convert(raw, hints[field.name])
        except (msgspec.ValidationError, ValueError) as error:
            shown = "" if field.metadata.get("secret") else f" (it is {str(raw)!r})"
            problems.append(f"{name}: {error}{shown}")
    problems += _contradictions(values)
    if problems:
        raise SettingsInvalid(problems)
    return Settings(**values)


def to_environ(settings: Settings) -> dict[str, str]:
    """Return the environment that makes another process load the same settings."""
    environ = {}
    for field in dataclasses.fields(Settings):
        value = getattr(settings, field.name)
        if value is not None:
            environ[field.name.upper()] = ",".join(value) if isinstance(value, tuple) else str(value)
    return environ


def _convert(raw: Any, wanted: Any) -> Any:
    if not isinstance(raw, str):
        return raw
    if wanted is bool:
        if raw.lower() not in _TRUE | _FALSE:
            raise ValueError("expected true or false")
        return raw.lower() in _TRUE
    if wanted is Path:
        return Path(raw).expanduser()
    if wanted == tuple[str, ...]:
        return tuple(part.strip().rstrip("/") for part in raw.split(",") if part.strip())
    if wanted is LogLevel:
        raw = raw.upper()
    return msgspec.convert(raw, wanted, strict=False)


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    """Find what each value alone does not show."""
    problems = []
    for origin in values.get("cors_origins", ()):
        parts = urlsplit(origin)
        if origin != "*" and not (parts.scheme in {"http", "https"} and parts.netloc and not parts.path):
            problems.append(f"CORS_ORIGINS: {origin!r} is not an origin such as https://example.org, nor *")
    if "*" in values.get("cors_origins", ()) and len(values["cors_origins"]) > 1:
        problems.append("CORS_ORIGINS: * allows every origin, so it must stand alone")
    if redis_url := values.get("redis_url"):
        try:
            parts = urlsplit(redis_url)
            sane = parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sane = False
        if not sane:
            problems.append("REDIS_URL: expected redis://[:password@]host[:port][/number] or rediss://...")
    return problems
