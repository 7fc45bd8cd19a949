"""Settings: the one place that reads the environment and `.env`, and says everything that is wrong at once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_type_hints

from msgspec import Meta
from platformdirs import user_data_path

from telemetra.env_file import read_env_file
from telemetra.setting_names import find_in_environment, find_in_file
from telemetra.setting_values import (
    ValueUnusable,
    convert,
    is_host,
    is_network,
    is_origin,
    is_redis_url,
    is_web_url,
)
from telemetra.tls import TlsFiles
from telemetra.tls_settings import find_postgres_tls_problems, find_redis_tls_problems

Port = Annotated[int, Meta(ge=1, le=65535)]
Seconds = Annotated[float, Meta(gt=0, le=86400)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LogFormat = Literal["auto", "json", "console"]
PostgresSsl = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]

_SECRET = {"secret": True}
_PASSWORD = {"secret": True, "verbatim": True}
"""Taken as it stands: space around it may be a part of it."""
_ADDRESS: Final = {
    "POSTGRES_HOST": (
        *("postgres_port", "postgres_user", "postgres_password", "postgres_db"),
        *("postgres_ssl_root_cert", "postgres_ssl_cert", "postgres_ssl_key"),
    ),
    "REDIS_URL": ("redis_ssl_root_cert", "redis_ssl_cert", "redis_ssl_key"),
}
"""What else says where a server is and how to speak to it, and has no effect without the setting that names it."""


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
    http_max_connections: Count = 1_000
    """HTTP connections a process; listeners are counted by themselves."""
    drain_seconds: Annotated[float, Meta(ge=0, le=600)] = 0.0
    """Seconds that the process still serves after SIGTERM, while its readiness says that it goes."""
    debug: bool = False
    log_level: LogLevel = "INFO"
    log_format: LogFormat = "auto"
    """`auto`: coloured lines on a terminal, JSON elsewhere."""
    cors_origins: tuple[str, ...] = ()
    """Origins that browsers may call from, or `*` alone."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts that requests may name, `*.example.org` for all below one; none: whatever they name."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."""
    rate_limit_per_minute: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """Requests that one client may make in a minute, in each process; 0: as many as it likes."""
    api_tokens_file: Path | None = None
    """Whose bearers may read; unset: everybody."""

    telemetra_token: str | None = dataclasses.field(default=None, repr=False, metadata=_SECRET)
    """What `telemetra tail` shows a service that asks for a token."""

    telemetra_data_dir: Path = dataclasses.field(default_factory=lambda: user_data_path("telemetra"))
    """Where the embedded engines keep their data."""

    postgres_host: str | None = None
    """Unset: the embedded PostgreSQL."""
    postgres_port: Port = 5432
    postgres_user: str = "postgres"
    postgres_password: str = dataclasses.field(default="", repr=False, metadata=_PASSWORD)
    postgres_db: str = "telemetra"
    postgres_ssl: PostgresSsl = "prefer"
    postgres_ssl_root_cert: Path | None = None
    """Authorities that may sign the server's certificate. Unset: the system's."""
    postgres_ssl_cert: Path | None = None
    """Our own certificate, for servers that ask for one."""
    postgres_ssl_key: Path | None = None
    """Its key. Unset: it is in the certificate's file."""
    postgres_pool_size: Annotated[int, Meta(ge=1, le=1000)] = 10
    """Connections a process, for reads; live delivery has up to five more of its own."""
    postgres_connect_timeout: Seconds = 5.0
    """Seconds that a connection may take at the start, and one of live delivery's own at any time."""
    postgres_acquire_timeout: Seconds = 1.0
    """Seconds until a read has a connection, be it a free one or a new one: opening it is included."""
    postgres_command_timeout: Seconds = 1.5
    """Seconds until a read has its answer."""

    redis_url: str | None = dataclasses.field(default=None, repr=False, metadata=_SECRET)
    """`redis://` or `rediss://`, with a password where needed. Unset: the embedded Valkey."""
    redis_ssl_root_cert: Path | None = None
    redis_ssl_cert: Path | None = None
    redis_ssl_key: Path | None = None
    """As those of PostgreSQL; `rediss://` always checks, and the host's name too."""
    cache_ttl_metrics: Annotated[int, Meta(ge=1, le=86400)] = 60
    cache_ttl_streams: Annotated[int, Meta(ge=1, le=86400)] = 300
    """Seconds that an answer is kept at most; a change of what it was read from ends it at once."""
    cache_memory_bytes: Annotated[int, Meta(ge=0, le=2**40)] = 64 * 1024 * 1024
    """What the answers kept in one process may take; 0 keeps none."""

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

    otel_exporter_otlp_endpoint: str | None = dataclasses.field(default=None, repr=False, metadata=_SECRET)
    """Where an OpenTelemetry collector takes OTLP over HTTP; its standard name. Unset: no traces."""
    otel_exporter_otlp_traces_endpoint: str | None = dataclasses.field(
        default=None, repr=False, metadata=_SECRET
    )
    """The same for traces alone, with the path."""

    @property
    def traces_endpoint(self) -> str | None:
        """The URL that takes traces, by the rules of OpenTelemetry; None: there are none."""
        if self.otel_exporter_otlp_endpoint and not self.otel_exporter_otlp_traces_endpoint:
            return f"{self.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces"
        return self.otel_exporter_otlp_traces_endpoint

    @property
    def postgres_tls(self) -> TlsFiles | None:
        """The files of TLS to PostgreSQL; None: none is named."""
        return _files(self.postgres_ssl_root_cert, self.postgres_ssl_cert, self.postgres_ssl_key)

    @property
    def redis_tls(self) -> TlsFiles | None:
        """The files of TLS to Redis; None: none is named."""
        return _files(self.redis_ssl_root_cert, self.redis_ssl_cert, self.redis_ssl_key)

    @property
    def embedded_postgres(self) -> bool:
        """Whether the database is the embedded one."""
        return self.postgres_host is None

    @property
    def embedded_redis(self) -> bool:
        """Whether Redis is the embedded Valkey."""
        return self.redis_url is None


def _files(root_cert: Path | None, cert: Path | None, key: Path | None) -> TlsFiles | None:
    return TlsFiles(root_cert=root_cert, cert=cert, key=key) if root_cert or cert or key else None


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
    written, problems = ({}, []) if _is_handed_over(environ) else read_env_file(env_file)
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
            values[field.name] = convert(raw, hints[field.name]) if isinstance(raw, str) else raw
        except ValueUnusable as error:
            shown = "" if field.metadata.get("secret") else f", not {raw!r}"
            problems.append(f"{name}: {error}{shown}")
            values[field.name] = None
    problems += _contradictions(values)
    if problems:
        raise SettingsInvalid(problems)
    return Settings(**values)


def to_environ(settings: Settings) -> dict[str, str]:
    """Return the environment that makes another process load the same settings."""
    environ = {}
    for field in dataclasses.fields(Settings):
        value = getattr(settings, field.name)
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        # Empty means unset.
        environ[field.name.upper()] = "" if value is None else text
    return environ


def _is_handed_over(environ: Mapping[str, str]) -> bool:
    """Whether another process of ours made this environment: what it left unset is so, whatever a file says."""
    return {field.name.upper() for field in dataclasses.fields(Settings)} <= environ.keys()


def find_oversights(
    settings: Settings, environ: Mapping[str, str] | None = None, *, env_file: Path | None = Path(".env")
) -> list[str]:
    """
    Find what can be used and is hardly meant: names in `env_file` and the environment that are nearly ours, an address
    without its host.

    Nothing, where another process of ours has handed over all settings (`to_environ`): that one has told.
    """
    environ = os.environ if environ is None else environ
    if _is_handed_over(environ):
        return []
    names = [field.name.upper() for field in dataclasses.fields(Settings)]
    written, _ = read_env_file(env_file)
    oversights = [f"{env_file}: {told}" for told in find_in_file(written, names)]
    oversights += [f"environment: {told}" for told in find_in_environment(environ, names)]
    defaults = Settings()
    for naming, engine, embedded in (
        ("POSTGRES_HOST", "database", settings.embedded_postgres),
        ("REDIS_URL", "Valkey", settings.embedded_redis),
    ):
        said = [name for name in _ADDRESS[naming] if getattr(settings, name) != getattr(defaults, name)]
        if embedded and said:
            oversights.append(f"{_have(said)} no effect without {naming}: the embedded {engine} is used")
    return oversights


def _have(names: Sequence[str]) -> str:
    *most, last = [name.upper() for name in names]
    return f"{', '.join(most)} and {last} have" if most else f"{last} has"


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    """Find what the types alone do not show; what could not be used is None."""
    problems = []
    origins = values.get("cors_origins") or ()
    problems += [
        f"CORS_ORIGINS: {origin!r} is not an origin such as https://example.org, nor *"
        for origin in origins
        if origin != "*" and not is_origin(origin)
    ]
    if "*" in origins and len(origins) > 1:
        problems.append("CORS_ORIGINS: * allows every origin, so it must stand alone")
    problems += [
        f"ALLOWED_HOSTS: {host!r} is no host such as example.org, *.example.org or 192.0.2.7; ports are left out"
        for host in values.get("allowed_hosts", ())
        if host != "*" and not is_host(host.removeprefix("*."))
    ]
    problems += [
        f"TRUSTED_PROXIES: {proxy!r} is no address such as 192.0.2.7, nor a network such as 10.0.0.0/8"
        for proxy in values.get("trusted_proxies", ())
        if not is_network(proxy)
    ]
    for name in ("otel_exporter_otlp_endpoint", "otel_exporter_otlp_traces_endpoint"):
        if (url := values.get(name)) and not is_web_url(url):
            problems.append(f"{name.upper()}: expected http://host[:port][/path] or https://...")
    host = values.get("postgres_host")
    if host is not None and not is_host(host):
        # Not shown: whoever writes a URL here writes the password too.
        problems.append(
            "POSTGRES_HOST: expected the name or address of a host and nothing else; the rest has settings of its "
            "own: POSTGRES_PORT, POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB"
        )
    problems += find_postgres_tls_problems(values)
    redis_url = values.get("redis_url")
    if redis_url is not None and not is_redis_url(redis_url):
        problems.append(
            "REDIS_URL: expected redis://[:password@]host[:port][/number] or rediss://...; "
            "in a password write / ? # @ and % as %2F %3F %23 %40 and %25"
        )
    else:
        problems += find_redis_tls_problems(values)
    return problems
