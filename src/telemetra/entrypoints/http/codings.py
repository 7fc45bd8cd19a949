"""Content codings: which of ours a client prefers, and how a body is compressed."""

from __future__ import annotations

import gzip
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import brotli

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
        weights[b"gzip" if name == b"x-gzip" else name] = _weight(parameters)
    others = weights.get(b"*", 0.0)
    best = max(_COMPRESS, key=lambda coding: weights.get(coding, others))
    wanted = weights.get(best, others)
    return best if wanted > 0 and wanted >= weights.get(_IDENTITY, 0.0) else b""


def _weight(parameters: Iterable[bytes]) -> float:
    """Return the `q` among these, from 0 to 1; what is no number counts as 1, as if it were not there."""
    for parameter in parameters:
        if parameter.startswith(b"q="):
            try:
                weight = float(parameter[2:])
            except ValueError:
                return 1.0
            # `nan` compares with nothing, and would hide the weights of others.
            return 1.0 if math.isnan(weight) else min(max(weight, 0.0), 1.0)
    return 1.0
