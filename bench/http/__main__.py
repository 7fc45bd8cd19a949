"""Measure what issue 4 asks of the reads: `python -m bench.http [PART ...] [--quick]`; how is told in `bench/README.md`."""

from __future__ import annotations

import sys
from typing import Final

from bench.live.command import measure

PARTS: Final = {
    "hits": "bench.http.hits",
    "misses": "bench.http.misses",
    "growth": "bench.http.growth",
    "bulk": "bench.http.bulk",
}

if __name__ == "__main__":
    sys.exit(measure("http", "Measure the reads over HTTP.", PARTS))
