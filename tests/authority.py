"""Certificates for tests of TLS, made by the `openssl` of the machine."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

from telemetra.tls import TlsFiles

_A_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """Signs certificates; everything it makes lies in one directory, which is made for it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._directory = directory
        self._numbers = itertools.count(1)
        self.cert = directory / "ca.crt"
        self._key = directory / "ca.key"
        subject = f"/CN=authority {directory.name}"
        _openssl(
            "req", "-x509", *_A_KEY, "-keyout", self._key, "-out", self.cert, "-subj", subject, "-days", "9"
        )

    def issue(self, name: str, *, alt_name: str | None = None, days: int = 9) -> TlsFiles:
        """Make a certificate for a name, and for a host such as `DNS:localhost`; with -1 days it has expired."""
        stem = self._directory / f"{next(self._numbers)}"
        cert, key, request, extensions = (
            stem.with_suffix(f".{kind}") for kind in ("crt", "key", "csr", "ext")
        )
        extensions.write_text(f"subjectAltName={alt_name}\n" if alt_name else "basicConstraints=CA:FALSE\n")
        _openssl("req", *_A_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        _openssl(
            *("x509", "-req", "-in", request, "-out", cert, "-days", str(days), "-extfile", extensions),
            *("-CA", self.cert, "-CAkey", self._key, "-CAcreateserial"),
        )
        return TlsFiles(root_cert=self.cert, cert=cert, key=key)


def encrypt_key(key: Path, password: str) -> Path:
    """Return a copy of a key that a password is needed for."""
    encrypted = key.with_suffix(".encrypted")
    _openssl("pkey", "-in", key, "-out", encrypted, "-aes256", "-passout", f"pass:{password}")
    return encrypted


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)
