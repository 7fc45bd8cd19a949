"""Content codings: which of ours a client prefers, and how a body is compressed."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

import brotli

from telemetra.entrypoints.http.preferences import weight_among

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SMALLEST_BYTES: Final = 512
"""A smaller body gains nothing by compression."""

_IDENTITY: Final = b"identity"
_COMPRESS: Final[Mapping[bytes, Callable[[bytes], bytes]]] = {
    # The best first, for who takes several alike. Each is made once for many answers, and none may take long.
    b"zstd": lambda body: zstd.compress(body, level=6),
    b"br": lambda body: brotli.compress(body, quality=5),
    b"gzip": lambda body: gzip.compress(body, 6, mtime=0),
}


def compress(body: bytes, coding: bytes) -> bytes:
    """Return the body in one of the codings that `preferred_coding` gives."""
    return _COMPRESS[coding](body)


def preferred_coding(values: Iterable[bytes]) -> bytes:
    """
    Read `Accept-Encoding` (RFC 9110, section 12.5.3) and return which of our codings to answer in; empty: none.

    The one with the greatest weight; of equal ones the best. What is not named is not taken, unless `*` is.
    """
    weights: dict[bytes, float] = {}
    for part in b",".join(values).lower().split(b","):
        name, *parameters = (piece.strip() for piece in part.split(b";"))
        weights[b"gzip" if name == b"x-gzip" else name] = weight_among(parameters)
    others = weights.get(b"*", 0.0)
    best = max(_COMPRESS, key=lambda coding: weights.get(coding, others))
    wanted = weights.get(best, others)
    return best if wanted > 0 and wanted >= weights.get(_IDENTITY, 0.0) else b""


class Packer(Protocol):
    """Compresses a body that comes in pieces; what was added can be read by who has what was returned so far."""

    def add(self, data: bytes) -> bytes:
        """Return what to send for one more piece."""
        ...

    def end(self) -> bytes:
        """Return what to send at the end, without which a reader knows that something is missing."""
        ...


def packer(coding: bytes) -> Packer:
    """Return how a body is compressed piece by piece, in what `preferred_coding` gave; empty: it stays as it is."""
    return _PACKERS[coding]()


class _Plain:
    def add(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class _Zstd:
    def __init__(self) -> None:
        # A window of 256 KiB: the default takes megabytes for each body that is under way.
        options: dict[int, int] = {
            zstd.CompressionParameter.compression_level: 3,
            zstd.CompressionParameter.window_log: _WINDOW_BITS,
        }
        self._compressor = zstd.ZstdCompressor(options=options)

    def add(self, data: bytes) -> bytes:
        return self._compressor.compress(data, mode=zstd.ZstdCompressor.FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._compressor.flush(mode=zstd.ZstdCompressor.FLUSH_FRAME)


class _Brotli:
    def __init__(self) -> None:
        self._compressor = brotli.Compressor(quality=4, lgwin=_WINDOW_BITS)

    def add(self, data: bytes) -> bytes:
        return bytes(self._compressor.process(data) + self._compressor.flush())

    def end(self) -> bytes:
        return bytes(self._compressor.finish())


class _Gzip:
    def __init__(self) -> None:
        self._compressor = zlib.compressobj(5, zlib.DEFLATED, _GZIP_BITS)

    def add(self, data: bytes) -> bytes:
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._compressor.flush()


_WINDOW_BITS: Final = 18
_GZIP_BITS: Final = 31
"""The largest window of zlib's, in gzip's frame."""
_PACKERS: Final[Mapping[bytes, Callable[[], Packer]]] = {
    b"": _Plain,
    b"zstd": _Zstd,
    b"br": _Brotli,
    b"gzip": _Gzip,
}
