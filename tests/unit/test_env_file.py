"""The file `.env`: what can't be read of it, and what is written there and hardly meant."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from telemetra.settings import Settings, SettingsInvalid, find_oversights, load_settings, to_environ

UNREADABLE = Path("/proc/self/mem")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def problems_of(file: Path) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings({}, env_file=file)
    return caught.value.problems


def oversights_of(file: Path, **environ: str) -> list[str]:
    return find_oversights(load_settings(environ, env_file=file), environ, env_file=file)


def test_a_file_that_is_not_utf_8_is_one_problem_with_its_line(file: Path) -> None:
    file.write_bytes("PORT=1\r\nAPI_TITLE=Café\r\n".encode("latin-1"))
    assert problems_of(file) == [f"{file}, line 2: not UTF-8: save the file in that encoding"]


def test_a_byte_order_mark_is_no_part_of_a_name(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfPORT=1\n")
    assert load_settings({}, env_file=file).port == 1


def test_a_line_that_cannot_be_read_is_told_once_by_number_without_its_text(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text("# one\n\n\nPOSTGRES_PASSWORD='s3cretpw\nPORT=x\n")
    with caplog.at_level(logging.DEBUG):
        told = problems_of(file)
    assert told == [
        f"{file}, line 4: expected NAME=value",
        "PORT: expected a whole number from 0 to 65535, not 'x'",
    ]
    assert not caplog.records


@pytest.mark.skipif(not UNREADABLE.exists(), reason="root may read every file but this one of Linux")
def test_a_file_that_may_not_be_read_is_a_problem(file: Path) -> None:
    file.symlink_to(UNREADABLE)
    assert problems_of(file) == [f"{file}: can't be read: Input/output error"]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("POSTGRES_HOSTT=db", "POSTGRES_HOSTT is not a setting; did you mean POSTGRES_HOST?"),
        ("export Live_Heartbeet=3", "Live_Heartbeet is not a setting; did you mean LIVE_HEARTBEAT?"),
        ("CACHE_TTL_METRIC=3", "CACHE_TTL_METRIC is not a setting; did you mean CACHE_TTL_METRICS?"),
        ("TELEMETRA_XYZZY_PLUGH=3", "TELEMETRA_XYZZY_PLUGH is not a setting"),
        ("API_TOKEN_FILE=/x", "API_TOKEN_FILE is not a setting; did you mean API_TOKENS_FILE?"),
        ("TRUSTED_PROXY=10.0.0.1", "TRUSTED_PROXY is not a setting; did you mean TRUSTED_PROXIES?"),
        ("DRAIN_SECOND=5", "DRAIN_SECOND is not a setting; did you mean DRAIN_SECONDS?"),
        ("RATE_LIMIT=5", "RATE_LIMIT is not a setting; did you mean RATE_LIMIT_PER_MINUTE?"),
        ("ALLOWED_HOST=a.example", "ALLOWED_HOST is not a setting; did you mean ALLOWED_HOSTS?"),
        ("CORS_ORIGIN=*", "CORS_ORIGIN is not a setting; did you mean CORS_ORIGINS?"),
        ("HTTP_MAX_CONNECTION=5", "HTTP_MAX_CONNECTION is not a setting; did you mean HTTP_MAX_CONNECTIONS?"),
        ("REDIS_HOST=cache", "REDIS_HOST is not a setting; did you mean REDIS_URL?"),
        ("LOGLEVEL=DEBUG", "LOGLEVEL is not a setting; did you mean LOG_LEVEL?"),
        (
            "OTEL_SERVICE_NAME=x",
            "OTEL_SERVICE_NAME has no effect here: OpenTelemetry reads the environment alone",
        ),
    ],
)
def test_a_name_that_is_nearly_a_setting_is_told(file: Path, written: str, told: str) -> None:
    file.write_text(f"{written}\n")
    assert oversights_of(file) == [f"{file}: {told}"]


def test_names_of_other_programs_are_left_alone(file: Path) -> None:
    file.write_text("COMPOSE_PROJECT_NAME=x\nHTTP_PROXY=x\nAPI_KEY=x\nLOG_FILE=x\nPOSTGRES_HOST=db\n")
    given_to_containers = {
        f"{service}_{name}": "tcp://10.0.0.1:5432"
        for service in ("POSTGRES", "TELEMETRA", "REDIS")
        for name in (
            "SERVICE_HOST",
            "SERVICE_PORT",
            "PORT_5432_TCP",
            "PORT_5432_TCP_ADDR",
            "PORT_5432_TCP_PORT",
        )
    }
    others = {"HOSTNAME": "x", "LOGNAME": "x", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x", "PORTS": "x"}
    assert oversights_of(file, **given_to_containers, **others) == []


def test_a_name_in_the_environment_that_is_nearly_a_setting_is_told(file: Path) -> None:
    assert oversights_of(file, API_TOKEN_FILE="/x", TRUSTED_PROXY="x", DRAIN_SECOND=" ") == [
        "environment: API_TOKEN_FILE is not a setting; did you mean API_TOKENS_FILE?",
        "environment: TRUSTED_PROXY is not a setting; did you mean TRUSTED_PROXIES?",
    ]


def test_an_address_without_a_host_is_told(file: Path) -> None:
    file.write_text("POSTGRES_PASSWORD=s3cretpw\nPOSTGRES_PORT=5433\nPOSTGRES_DB=telemetra\n")
    (told,) = oversights_of(file, POSTGRES_USER="me")
    assert told == (
        "POSTGRES_PORT, POSTGRES_USER and POSTGRES_PASSWORD have no effect without POSTGRES_HOST: "
        "the embedded database is used"
    )
    assert oversights_of(file, POSTGRES_USER="me", POSTGRES_HOST="db") == []


def test_a_process_that_was_handed_every_setting_tells_nothing_again(file: Path) -> None:
    file.write_text("POSTGRES_HOSTT=db\n")
    settings = Settings(postgres_host="db", redis_url="redis://host")
    assert find_oversights(settings, to_environ(settings), env_file=file) == []
