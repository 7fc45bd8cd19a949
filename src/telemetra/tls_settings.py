"""The settings of TLS beside each other: which say the opposite of another, and which files can't be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from telemetra.tls import TlsFiles, find_file_problems

_FILES: Final = ("root_cert", "cert", "key")
_GOES_WITH_FILES: Final = "ssl_check_hostname"
_CHECKS: Final = ("none", "optional", "required")


def find_postgres_tls_problems(values: Mapping[str, Any]) -> list[str]:
    """Find what can't be used among the settings of TLS to PostgreSQL, of which each is of its type, or None."""
    named = _named(values, "POSTGRES_SSL")
    problems = find_file_problems(TlsFiles(**named), "POSTGRES_SSL")
    mode = values.get("postgres_ssl", "prefer")
    if mode == "disable":
        problems += [
            f"POSTGRES_SSL_{name.upper()}: has no effect with POSTGRES_SSL=disable: leave out one of the two"
            for name in named
        ]
    if mode == "prefer" and "root_cert" in named:
        problems.append(
            "POSTGRES_SSL_ROOT_CERT: POSTGRES_SSL=prefer, the default, checks no certificate: set it to verify-full, or to "
            "verify-ca where the certificate has another name than the host"
        )
    return problems


def find_redis_tls_problems(values: Mapping[str, Any]) -> list[str]:
    """Find what can't be used among the settings of TLS to Redis, whose address can."""
    named = _named(values, "REDIS_SSL")
    problems = find_file_problems(TlsFiles(**named), "REDIS_SSL")
    if url := values.get("redis_url"):
        parts = urlsplit(url)
        options = {name: said[0] for name, said in parse_qs(parts.query).items() if name.startswith("ssl_")}
        contradicted = _own_options(options) if parts.scheme == "rediss" else "redis://, which is without TLS"
        if contradicted:
            problems += [
                f"REDIS_SSL_{name.upper()}: has no effect beside {contradicted} in REDIS_URL"
                for name in named
            ]
        if options and parts.scheme != "rediss":
            problems.append(f"REDIS_URL: {_listed(options)} needs rediss://")
        if options.get("ssl_cert_reqs", "none") not in _CHECKS:
            problems.append(f"REDIS_URL: ssl_cert_reqs: expected {', '.join(_CHECKS)}")
    return problems


def _named(values: Mapping[str, Any], prefix: str) -> dict[str, Path]:
    found = {name: values.get(f"{prefix.lower()}_{name}") for name in _FILES}
    return {name: path for name, path in found.items() if path}


def _own_options(options: Iterable[str]) -> str:
    """Return what an address says itself of files and checks: it goes either by that or by our files."""
    return _listed(name for name in options if name != _GOES_WITH_FILES)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
