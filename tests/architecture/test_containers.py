"""What those who have a container engine are given: settings go through, nothing is open, and no restart mends a database."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, Final

import yaml

from telemetra.settings import Settings

_ROOT: Final = Path(__file__).parents[2]
_SERVICES: Final[dict[str, Any]] = yaml.safe_load((_ROOT / "compose.yaml").read_text())["services"]
_DOCKERFILE: Final = (_ROOT / "Dockerfile").read_text()
_NOT_GIVEN: Final = {
    "HOST": "the container listens on all of its own addresses; compose's port says on which of the machine's",
    "PORT": "the same",
    "DEBUG": "not for production",
    "LOG_FORMAT": "the image's is JSON",
    "TELEMETRA_TOKEN": "the command `telemetra tail` takes it",
    "TELEMETRA_DATA_DIR": "no engine is embedded there",
    "POSTGRES_PORT": "compose's own network has the usual one",
    "POSTGRES_DB": "it is made with this name",
    "POSTGRES_SSL": "the engines of compose.yaml speak no TLS",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "the image is without telemetra[otel]",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "the same",
}


def test_every_setting_goes_through_or_is_left_out_for_a_reason() -> None:
    given = _SERVICES["telemetra"]["environment"]
    known = {field.name.upper() for field in dataclasses.fields(Settings)}
    assert set(given) <= known
    left_out = {name for name in known - set(given) if "_SSL_" not in name}
    assert left_out == set(_NOT_GIVEN)
    for name, value in given.items():
        if name not in {"POSTGRES_HOST", "POSTGRES_USER", "POSTGRES_PASSWORD", "REDIS_URL"}:
            assert value == f"${{{name}:-}}"


def test_nothing_listens_beyond_this_machine_unless_it_is_asked_to() -> None:
    published = {name: service["ports"] for name, service in _SERVICES.items() if "ports" in service}
    assert published == {"telemetra": ["${HOST:-127.0.0.1}:${PORT:-8000}:8000"]}


def test_the_service_is_no_superuser_and_may_what_the_readme_grants() -> None:
    assert _SERVICES["telemetra"]["environment"]["POSTGRES_USER"] == "telemetra_service"
    grants = re.compile(r"^grant .* to telemetra_service;$", re.MULTILINE)
    given = grants.findall((_ROOT / "deploy" / "compose" / "grants.sql").read_text())
    assert given
    assert given == grants.findall((_ROOT / "README.md").read_text())


def test_what_restarts_a_container_asks_whether_the_process_lives() -> None:
    (check,) = re.findall(r"^HEALTHCHECK (?:.*\\\n)*.*$", _DOCKERFILE, re.MULTILINE)
    assert "/health'" in check
    assert "/api/v1/health" not in check


def test_a_file_of_tokens_that_is_replaced_is_seen() -> None:
    assert _SERVICES["telemetra"]["volumes"] == ["./tokens:/etc/telemetra:ro"]
