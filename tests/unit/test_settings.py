"""Settings: what is read from where, what is refused, and that no secret is told."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from telemetra.settings import Settings, SettingsInvalid, find_oversights, load_settings, to_environ

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def problems_of(**environ: str) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(environ, env_file=None)
    return caught.value.problems


def test_without_any_the_defaults_hold() -> None:
    settings = load_settings({}, env_file=None)
    assert settings == Settings()
    assert settings.embedded_postgres
    assert settings.embedded_redis


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=1\nHOST=from-file\nAPI_TITLE='From the file'\n")
    settings = load_settings({"PORT": "2", "HOST": "from-environment"}, env_file=file, port=3, host=None)
    assert (settings.port, settings.host, settings.api_title) == (3, "from-environment", "From the file")


@pytest.mark.parametrize("blank", ["", "  ", "\t"])
def test_an_empty_or_blank_value_means_unset(blank: str) -> None:
    environ = {field.name.upper(): blank for field in dataclasses.fields(Settings)}
    assert load_settings(environ, env_file=None) == Settings()


def test_a_blank_value_does_not_hide_that_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("POSTGRES_HOST=db\n")
    assert load_settings({"POSTGRES_HOST": " "}, env_file=file).postgres_host == "db"


def test_space_around_a_value_is_left_out_but_not_that_of_a_password() -> None:
    environ = {"POSTGRES_HOST": " db ", "REDIS_URL": " redis://:p@host\n", "POSTGRES_PASSWORD": " p "}
    settings = load_settings(environ, env_file=None)
    assert (settings.postgres_host, settings.redis_url) == ("db", "redis://:p@host")
    assert settings.postgres_password == " p "
    assert load_settings(to_environ(settings), env_file=None) == settings


def test_origins_are_a_list_without_trailing_slashes() -> None:
    settings = load_settings({"CORS_ORIGINS": "https://a.example/, http://localhost:5173"}, env_file=None)
    assert settings.cors_origins == ("https://a.example", "http://localhost:5173")


@pytest.mark.parametrize(
    "url",
    [
        *("redis://host", "redis://host/", "redis://:p%40ss@host:6380/1", "rediss://user:secret@host:6380"),
        *("redis://[::1]:6379/0", "rediss://host?ssl_cert_reqs=none"),
    ],
)
def test_a_redis_url_may_have_a_password_and_tls(url: str) -> None:
    assert load_settings({"REDIS_URL": url}, env_file=None).redis_url == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CORS_ORIGINS", "example.org"),
        ("CORS_ORIGINS", "https://example.org/path"),
        ("CORS_ORIGINS", "https://[::1"),
        ("CORS_ORIGINS", "*,https://example.org"),
        ("REDIS_URL", "http://host"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://host:port"),
        ("TELEMETRA_DATA_DIR", "~nobody-of-this-name/data"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, value: str) -> None:
    (problem,) = problems_of(**{name: value})
    assert problem.startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "abc", "expected a whole number from 0 to 65535, not 'abc'"),
        ("PORT", "70000", "expected a whole number from 0 to 65535, not '70000'"),
        ("PORT", "-1", "expected a whole number from 0 to 65535, not '-1'"),
        ("POSTGRES_PORT", "0", "expected a whole number from 1 to 65535, not '0'"),
        ("CACHE_TTL_METRICS", "1.5", "expected a whole number from 1 to 86400, not '1.5'"),
        ("LIVE_INTERVAL", "0", "expected a number from 0.005 to 10, not '0'"),
        ("LIVE_INTERVAL", "nan", "expected a number from 0.005 to 10, not 'nan'"),
        ("LIVE_STALL_TIMEOUT", "soon", "expected a number above 0, 86400 at most, not 'soon'"),
        ("DEBUG", "perhaps", "expected true or false, not 'perhaps'"),
        ("LOG_LEVEL", "loud", "expected DEBUG, INFO, WARNING, ERROR or CRITICAL, not 'loud'"),
        ("LOG_FORMAT", "xml", "expected auto, json or console, not 'xml'"),
        ("POSTGRES_SSL", "maybe", "expected disable, prefer, require, verify-ca or verify-full, not 'maybe'"),
        ("API_TITLE", "x" * 201, f"expected 1 to 200 characters, not '{'x' * 201}'"),
    ],
)
def test_what_was_expected_is_told_in_words(name: str, value: str, told: str) -> None:
    assert problems_of(**{name: value}) == [f"{name}: {told}"]


@pytest.mark.parametrize(
    "host", ["db", "my_db.example.org", "10.0.0.7", "::1", "fe80::1%eth0", "datenbank-münchen.example"]
)
def test_the_database_s_host_is_a_name_or_an_address(host: str) -> None:
    assert load_settings({"POSTGRES_HOST": host}, env_file=None).postgres_host == host


@pytest.mark.parametrize(
    "host",
    [
        *(
            "postgres://u:s3cretpw@h/db",
            "u:s3cretpw@h",
            "s3cretpw@h",
            "s3cretpw:5432",
            "h/s3cretpw",
            "h s3cretpw",
        ),
        *("[::1]s3cretpw", "h?password=s3cretpw", "h\ts3cretpw"),
    ],
)
def test_an_address_with_more_than_a_host_is_refused_and_not_shown(host: str) -> None:
    (problem,) = problems_of(POSTGRES_HOST=host)
    assert problem.startswith("POSTGRES_HOST: ")
    assert "s3cretpw" not in problem
    assert {"POSTGRES_PORT", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"} <= set(
        re.findall(r"[A-Z_]+", problem)
    )


@pytest.mark.parametrize(
    "url",
    [
        *("redis://:s3cretpw@host:6379/zero", "redis://:s3cretpw@host/-1", "redis://:s3cretpw@host/0/1"),
        *("redis://:s3cretpw@host:0", "redis://:s3cretpw@host:70000", "redis://:s3cretpw@", "s3cretpw@host"),
        *("http://:s3cretpw@host", "redis://u:1#s3cretpw@host", "redis://u:1?s3cretpw@host"),
        *("redis://u:1/s3cretpw@host", "redis://:s3cretpw@ho st", "redis://[::1:s3cretpw"),
    ],
)
def test_a_redis_url_that_would_be_read_otherwise_is_refused_and_not_shown(url: str) -> None:
    (problem,) = problems_of(REDIS_URL=url)
    assert problem.startswith("REDIS_URL: ")
    assert "s3cretpw" not in problem


def test_all_that_is_wrong_is_told_at_once_and_no_secret_is() -> None:
    told = problems_of(PORT="x", LOG_LEVEL="loud", REDIS_URL="http://:hidden-secret@host")
    assert [problem.split(":")[0] for problem in told] == ["PORT", "LOG_LEVEL", "REDIS_URL"]
    assert "hidden-secret" not in "".join(told)


def test_secrets_are_not_in_what_a_log_would_show() -> None:
    settings = Settings(postgres_password="hidden-secret", redis_url="redis://:hidden-secret@host")
    assert "hidden-secret" not in repr(settings)


def test_another_process_loads_the_same_settings_from_its_environment() -> None:
    settings = Settings(
        host="::1",
        debug=True,
        cors_origins=("https://a.example", "https://b.example"),
        telemetra_data_dir=Path("/somewhere"),
        postgres_host="db",
        postgres_password="p",
        redis_url="redis://:p@host",
        live_interval=0.5,
    )
    assert load_settings(to_environ(settings), env_file=None) == settings


def test_what_another_process_hands_over_unset_is_so_whatever_a_file_says(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("REDIS_SSL_ROOT_CERT=/no/such/file\nPOSTGRES_HOST=elsewhere\nPOSTGRES_HOTS=db\n")
    settings = Settings(redis_url="redis://:p@127.0.0.1", telemetra_data_dir=Path("/somewhere"))
    assert load_settings(to_environ(settings), env_file=file) == settings
    assert find_oversights(settings, to_environ(settings), env_file=file) == []


def test_a_read_of_a_database_that_hangs_is_refused_within_three_seconds_by_default() -> None:
    assert Settings().postgres_acquire_timeout + Settings().postgres_command_timeout < 3


def test_the_example_documents_every_setting_and_its_default() -> None:
    names = {field.name.upper() for field in dataclasses.fields(Settings)}
    assert set(re.findall(r"^([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE)) == names
    defaults = dataclasses.replace(
        Settings(), telemetra_data_dir=load_settings({}, env_file=None).telemetra_data_dir
    )
    assert load_settings({}, env_file=EXAMPLE) == defaults
