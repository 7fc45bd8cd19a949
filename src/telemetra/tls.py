"""
TLS towards a server: whose certificates are believed, who we are to it, and in people's words why it came to nothing.

Files are read again when they have changed: certificates are renewed while services run.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

_Stamp: TypeAlias = tuple[int, int, int]

_NAMES_ANOTHER_HOST: Final = (62, 64)
"""OpenSSL's codes for a certificate of another host name, and of another address."""
_HAS_EXPIRED: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Files in PEM. None: the system's authorities, no certificate of our own, or a key that is in the certificate's file."""

    root_cert: Path | None = None
    cert: Path | None = None
    key: Path | None = None


def client_context(files: TlsFiles, *, check_hostname: bool = True) -> ssl.SSLContext:
    """
    Return the context of connections to a server whose certificate is checked, by `root_cert` alone where there is one.

    Raises:
        OSError: a file can't be read or used; `ssl.SSLError` is one.

    """
    return _context(files, check_hostname, _stamp(files.root_cert), _stamp(files.cert), _stamp(files.key))


@lru_cache(maxsize=16)
def _context(files: TlsFiles, check_hostname: bool, *_: _Stamp | None) -> ssl.SSLContext:  # noqa: FBT001  (a cache's key)
    if files.root_cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=files.root_cert)
    else:
        context = ssl.create_default_context()
    context.check_hostname = check_hostname
    if files.cert:
        # An encrypted key must fail: by itself it would ask whoever sits at the terminal.
        context.load_cert_chain(files.cert, files.key, password=lambda: "")
    return context


def _stamp(path: Path | None) -> _Stamp | None:
    if path is None:
        return None
    found = path.stat()
    return found.st_mtime_ns, found.st_ino, found.st_size


def find_file_problems(files: TlsFiles, prefix: str) -> list[str]:
    """Find what is wrong with the files that the settings `prefix`_ROOT_CERT, _CERT and _KEY name."""
    problems = {}
    for name, path in (("ROOT_CERT", files.root_cert), ("CERT", files.cert)):
        if path and (problem := _problem_of_certificate(path)):
            problems[name] = problem
    if files.key and not files.cert:
        problems["KEY"] = f"a key is of use with its certificate only: name that too, by {prefix}_CERT"
    elif files.cert and "CERT" not in problems and (found := _problem_of_key(files.cert, files.key, prefix)):
        problems["KEY"] = found
    return [f"{prefix}_{name}: {problem}" for name, problem in problems.items()]


def _problem_of_certificate(path: Path) -> str | None:
    if problem := _unreadable(path):
        return problem
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        return f"expected a file of certificates in PEM, which {path} is not"
    return None


def _problem_of_key(cert: Path, key: Path | None, prefix: str) -> str | None:
    if key and (problem := _unreadable(key)):
        return problem
    asked = False

    def password() -> str:
        nonlocal asked
        asked = True
        return ""

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key, password=password)
    except ssl.SSLError as error:
        if asked:
            return f"{key or cert} is encrypted, and there is nobody to ask for its password: expected a plain key"
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"{key or cert} is not the key of {prefix}_CERT"
        if key is None:
            return f"{cert} holds a certificate and no key: name the file of the key"
        return f"expected a file with a key in PEM, which {key} is not"
    return None


def _unreadable(path: Path) -> str | None:
    try:
        path.read_bytes()
    except OSError as error:
        return f"{path} can't be read: {error.strerror}"
    return None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a connection came to nothing, and what mends it, each without a full stop; as text both in one line."""

    found: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.found}: {self.advice}" if self.advice else self.found

    def as_advice(self) -> str:
        """Return what mends it as a sentence of its own; empty where nothing is known."""
        return f"{self.advice[0].upper()}{self.advice[1:]}." if self.advice else ""


def explain(error: BaseException, prefix: str, host_setting: str) -> Explanation | None:
    """Return what TLS has to do with an error, and which setting mends it; None: nothing."""
    failure = next((one for one in chain(error) if isinstance(one, ssl.SSLError)), None)
    if isinstance(failure, ssl.SSLCertVerificationError):
        reason = failure.verify_message.rstrip(".")
        if failure.verify_code in _NAMES_ANOTHER_HOST:
            return Explanation(
                f"its certificate is of another host ({reason})",
                f"write the host in {host_setting} as that does",
            )
        found = f"its certificate can't be trusted ({reason})"
        if failure.verify_code == _HAS_EXPIRED:
            return Explanation(found, "the server needs a new one")
        return Explanation(found, f"{prefix}_ROOT_CERT names the file of the authorities that may sign it")
    if failure is None:
        return None
    reason = (failure.reason or str(failure)).rpartition("ALERT_")[2].replace("_", " ").lower()
    if "certificate" in reason or reason == "unknown ca":
        return Explanation(
            f"it refuses our certificate ({reason})", f"{prefix}_CERT and _KEY name the one to show"
        )
    return Explanation(f"TLS with it fails ({reason})")


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and what brought it about."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
