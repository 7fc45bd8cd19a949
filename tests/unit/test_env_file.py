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
    ],
)
def test_a_name_that_is_nearly_a_setting_is_told(file: Path, written: str, told: str) -> None:
    file.write_text(f"{written}\n")
    assert oversights_of(file) == [f"{file}: {told}"]


def test_names_of_other_programs_and_of_the_environment_are_left_alone(file: Path) -> None:
    file.write_text("COMPOSE_PROJECT_NAME=x\nPOSTGRES_HOST=db\n")
    assert oversights_of(file, POSTGRES_HOSTT="db") == []


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
