"""Which coding is answered in."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable

import brotli
import pytest

from telemetra.entrypoints.http.codings import packer, preferred_coding

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_DECODERS: dict[bytes, Callable[[], Callable[[bytes], bytes]]] = {
    b"": lambda: lambda data: data,
    b"gzip": lambda: zlib.decompressobj(31).decompress,
    b"br": lambda: brotli.Decompressor().process,
    b"zstd": lambda: zstd.ZstdDecompressor().decompress,
}


@pytest.mark.parametrize(
    ("value", "coding"),
    [
        (b"", b""),
        (b"gzip, br, zstd", b"zstd"),
        (b"gzip;q=1, br;q=0.5", b"gzip"),
        (b"GZIP ; Q=0.5", b"gzip"),
        (b"x-gzip", b"gzip"),
        (b"*", b"zstd"),
        (b"*;q=0.5, zstd;q=0", b"br"),
        (b"identity, gzip;q=0.5", b""),
        (b"gzip;q=0", b""),
        (b"deflate", b""),
        (b"gzip;q=-1", b""),
    ],
)
def test_the_heaviest_of_ours_is_taken_and_of_equal_ones_the_best(value: bytes, coding: bytes) -> None:
    assert preferred_coding([value]) == coding


@pytest.mark.parametrize("q", [b"nan", b"-nan", b"inf", b"1e3", b"1_0", b"\xff", b"", b"0x0", b"2"])
def test_a_weight_that_is_none_counts_as_one(q: bytes) -> None:
    """What is no weight must not hide those of others (RFC 9110, section 12.4.2: from 0 to 1)."""
    assert preferred_coding([b"zstd;q=%b, br;q=0.9" % q]) == b"zstd"
    assert preferred_coding([b"zstd;q=0.5, br;q=%b" % q]) == b"br"


@pytest.mark.parametrize("coding", _DECODERS)
def test_what_is_packed_piece_by_piece_can_be_read_piece_by_piece(coding: bytes) -> None:
    packing, read = packer(coding), _DECODERS[coding]()
    for number in range(20):
        piece = b"%d," % number * 5_000
        packed = packing.add(piece)
        assert read(packed) == piece
        if coding:
            assert len(packed) < len(piece) / 10
    end = packing.end()
    assert read(end) == b"" if end else not coding
