"""Settings of TLS: files are looked at before anything starts, and contradictions are told by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from telemetra.adapters.postgres import libpq_options
from telemetra.settings import SettingsInvalid, find_oversights, load_settings, to_environ
from telemetra.tls import TlsFiles
from tests.authority import Authority, encrypt_key

PREFIXES = ("POSTGRES_SSL", "REDIS_SSL")
_VERIFIED = {"POSTGRES_HOST": "db", "POSTGRES_SSL": "verify-full", "REDIS_URL": "rediss://:s3cretpw@cache"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture(scope="module")
def files(authority: Authority) -> TlsFiles:
    return authority.issue("client")


def named(prefix: str, files: TlsFiles) -> dict[str, str]:
    paths = {"ROOT_CERT": files.root_cert, "CERT": files.cert, "KEY": files.key}
    return {f"{prefix}_{name}": str(path) for name, path in paths.items() if path}


def problems_of(**environ: str) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(_VERIFIED | environ, env_file=None)
    assert "s3cretpw" not in str(caught.value)
    return caught.value.problems


def test_files_that_can_be_used_are_taken_and_handed_on(files: TlsFiles) -> None:
    environ = _VERIFIED | named("POSTGRES_SSL", files) | named("REDIS_SSL", files)
    settings = load_settings(environ, env_file=None)
    assert settings.postgres_tls == settings.redis_tls == files
    assert load_settings(to_environ(settings), env_file=None) == settings


def test_without_files_there_are_none() -> None:
    settings = load_settings(_VERIFIED, env_file=None)
    assert (settings.postgres_tls, settings.redis_tls) == (None, None)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_all_that_is_wrong_with_files_is_told_at_once(prefix: str, tmp_path: Path, files: TlsFiles) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    wrong = TlsFiles(root_cert=junk, cert=tmp_path / "missing.crt", key=files.key)
    assert problems_of(PORT="x", **named(prefix, wrong)) == [
        "PORT: expected a whole number from 0 to 65535, not 'x'",
        f"{prefix}_ROOT_CERT: expected a file of certificates in PEM, which {junk} is not",
        f"{prefix}_CERT: {tmp_path}/missing.crt can't be read: No such file or directory",
    ]


def test_the_files_of_both_servers_are_told_at_once(tmp_path: Path) -> None:
    missing = TlsFiles(root_cert=tmp_path / "missing.crt")
    told = problems_of(**named("POSTGRES_SSL", missing), **named("REDIS_SSL", missing))
    assert [problem.split(":")[0] for problem in told] == ["POSTGRES_SSL_ROOT_CERT", "REDIS_SSL_ROOT_CERT"]


def test_files_of_postgres_are_looked_at_beside_an_address_of_redis_that_cannot_be_used(
    tmp_path: Path,
) -> None:
    told = problems_of(REDIS_URL="http://cache", POSTGRES_SSL_ROOT_CERT=str(tmp_path / "missing.crt"))
    assert [problem.split(":")[0] for problem in told] == ["POSTGRES_SSL_ROOT_CERT", "REDIS_URL"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_directory_is_no_file(prefix: str, tmp_path: Path) -> None:
    (problem,) = problems_of(**{f"{prefix}_ROOT_CERT": str(tmp_path)})
    assert problem == f"{prefix}_ROOT_CERT: {tmp_path} can't be read: Is a directory"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_key_has_to_fit_its_certificate(prefix: str, authority: Authority, files: TlsFiles) -> None:
    other = authority.issue("other").key
    (problem,) = problems_of(**named(prefix, TlsFiles(cert=files.cert, key=other)))
    assert problem == f"{prefix}_KEY: {other} is not the key of {prefix}_CERT"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_key_is_of_no_use_without_its_certificate(prefix: str, files: TlsFiles) -> None:
    (problem,) = problems_of(**named(prefix, TlsFiles(key=files.key)))
    assert problem == (
        f"{prefix}_KEY: a key is of use with its certificate only: name that too, by {prefix}_CERT"
    )


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_certificate_needs_a_key(prefix: str, files: TlsFiles) -> None:
    (problem,) = problems_of(**named(prefix, TlsFiles(cert=files.cert)))
    assert problem == f"{prefix}_KEY: {files.cert} holds a certificate and no key: name the file of the key"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_nobody_is_asked_for_the_password_of_a_key(prefix: str, files: TlsFiles) -> None:
    assert files.key
    encrypted = encrypt_key(files.key, "s3cretpw")
    (problem,) = problems_of(**named(prefix, TlsFiles(cert=files.cert, key=encrypted)))
    assert problem.startswith(f"{prefix}_KEY: {encrypted} is encrypted")


def test_a_key_in_the_place_of_a_certificate_is_told(files: TlsFiles) -> None:
    (problem,) = problems_of(POSTGRES_SSL_CERT=str(files.key))
    assert problem == f"POSTGRES_SSL_CERT: expected a file of certificates in PEM, which {files.key} is not"


def test_files_contradict_a_connection_without_tls(files: TlsFiles) -> None:
    told = problems_of(
        POSTGRES_SSL="disable",
        REDIS_URL="redis://:s3cretpw@cache",
        **named("POSTGRES_SSL", files),
        **named("REDIS_SSL", files),
    )
    assert [problem.split(":")[0] for problem in told] == [
        *("POSTGRES_SSL_ROOT_CERT", "POSTGRES_SSL_CERT", "POSTGRES_SSL_KEY"),
        *("REDIS_SSL_ROOT_CERT", "REDIS_SSL_CERT", "REDIS_SSL_KEY"),
    ]
    assert all("no effect" in problem for problem in told)


@pytest.mark.parametrize("mode", ["prefer", ""])
def test_authorities_that_nobody_would_ask_are_told(mode: str, files: TlsFiles) -> None:
    (problem,) = problems_of(POSTGRES_SSL=mode, POSTGRES_SSL_ROOT_CERT=str(files.root_cert))
    assert problem.startswith(
        "POSTGRES_SSL_ROOT_CERT: POSTGRES_SSL=prefer, the default, checks no certificate"
    )


def test_a_mode_that_is_none_is_all_that_is_told_of_it(files: TlsFiles) -> None:
    (problem,) = problems_of(POSTGRES_SSL="verify", POSTGRES_SSL_ROOT_CERT=str(files.root_cert))
    assert problem.startswith("POSTGRES_SSL: expected disable")


@pytest.mark.parametrize(("option", "value"), [("ssl_cert_reqs", "none"), ("ssl_ca_certs", "/ca.crt")])
def test_an_address_of_redis_has_files_and_checks_of_its_own_or_ours(
    option: str, value: str, files: TlsFiles
) -> None:
    url = f"rediss://:s3cretpw@cache?{option}={value}"
    assert load_settings({"REDIS_URL": url}, env_file=None).redis_url == url
    (problem,) = problems_of(REDIS_URL=url, REDIS_SSL_ROOT_CERT=str(files.root_cert))
    assert problem == f"REDIS_SSL_ROOT_CERT: has no effect beside {option} in REDIS_URL"


def test_the_name_of_the_host_may_be_left_out_of_the_check_of_our_files(files: TlsFiles) -> None:
    url = "rediss://cache?ssl_check_hostname=false"
    assert load_settings({"REDIS_URL": url, **named("REDIS_SSL", files)}, env_file=None).redis_url == url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://cache?ssl_cert_reqs=none", "REDIS_URL: ssl_cert_reqs needs rediss://"),
        ("rediss://cache?ssl_cert_reqs=nonne", "REDIS_URL: ssl_cert_reqs: expected none, optional, required"),
    ],
)
def test_options_of_an_address_that_cannot_be_meant_are_told(url: str, told: str) -> None:
    assert problems_of(REDIS_URL=url) == [told]


def test_files_for_an_embedded_engine_are_overlooked(files: TlsFiles) -> None:
    environ = {"POSTGRES_SSL": "verify-full", **named("POSTGRES_SSL", files), **named("REDIS_SSL", files)}
    told = find_oversights(load_settings(environ, env_file=None), environ, env_file=None)
    postgres, redis = told
    assert postgres.startswith(
        "POSTGRES_SSL_ROOT_CERT, POSTGRES_SSL_CERT and POSTGRES_SSL_KEY have no effect"
    )
    assert redis.startswith("REDIS_SSL_ROOT_CERT, REDIS_SSL_CERT and REDIS_SSL_KEY have no effect")


@pytest.mark.parametrize(
    ("mode", "files", "options"),
    [
        ("disable", None, ""),
        ("prefer", None, ""),
        ("require", None, "?sslmode=require"),
        ("verify-full", None, "?sslrootcert=system&sslmode=verify-full"),
        ("verify-ca", TlsFiles(root_cert=Path("/a b.crt")), "?sslrootcert=%2Fa%20b.crt&sslmode=verify-ca"),
        ("prefer", TlsFiles(cert=Path("/c.pem")), "?sslcert=%2Fc.pem&sslkey=%2Fc.pem"),
    ],
)
def test_a_client_of_libpq_is_told_to_connect_as_we_do(
    mode: str, files: TlsFiles | None, options: str
) -> None:
    assert libpq_options(mode, files) == options
