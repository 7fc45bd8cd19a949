"""
Measure what issue 3 asks of live delivery: `python -m bench.live [PART ...] [--quick]`.

Each part is a module with `run(options)`, plain or async, that returns rows. How the figures are taken, and why that is
fair, is in `bench/README.md`.
"""

from __future__ import annotations

import sys
from typing import Final

from bench.live.command import measure

PARTS: Final = {
    "fanout": "bench.live.fanout",
    "latency": "bench.live.latency",
    "memory": "bench.live.memory",
    "stall": "bench.live.stall",
    "resume": "bench.live.resume",
    "writers": "bench.live.database_writers",
    "relay": "bench.live.database_relay",
    "statements": "bench.live.database_statements",
}

if __name__ == "__main__":
    sys.exit(measure("live", "Measure live delivery.", PARTS))
