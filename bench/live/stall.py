"""
One listener in a thousand that never reads: what it does to the others' times, and to the server's memory.

Rounds come in pairs, one with it and one without, by turns first. Each begins with a flood of large messages, which
fills what the kernel takes for a connection; what is measured begins when the staller is stalled, or would be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from bench.live.cores import raise_file_limit
from bench.live.crowd_process import CrowdProcess, crowd_of
from bench.live.figures import bootstrap_ratio
from bench.live.options import Options
from bench.live.report import Row, say
from bench.live.resident import resident_bytes
from bench.live.servers import telemetra_server
from bench.live.staller import Unread

_WANTED_RATIO: Final = 1.1
_WANTED_GROWTH_BYTES: Final = 8 * 1024 * 1024
_FLOOD: Final = 60
"""Large messages: 3.4 MB, more than the kernel takes for a connection on loopback."""
_PAIRS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What flows while it is measured."""

    name: str
    publications: int
    messages: int
    every_seconds: float


_FLOWS: Final = (
    Flow(name="20 messages/s", publications=50, messages=1, every_seconds=0.05),
    Flow(name="4 bursts/s of 50 messages", publications=10, messages=50, every_seconds=0.25),
)


@dataclass(slots=True)
class Pairs:
    """The others' p99 with and without the staller, and the server's memory after each pair."""

    p99: list[tuple[float, float]] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    sent_bytes: list[int] = field(default_factory=list)
    """What the others got, beside each `unread`."""


def run(options: Options) -> list[Row]:
    """Measure every flow on a server of its own."""
    raise_file_limit()
    return [row for flow in _FLOWS for row in _rows(flow, _measure(flow, options), options.few_listeners)]


def _measure(flow: Flow, options: Options) -> Pairs:
    pairs = Pairs()
    with telemetra_server() as server, crowd_of(server) as crowd:
        crowd.open(options.few_listeners - 1)
        crowd.publish_through_server()
        crowd.run(3)
        for number in range(2 if options.quick else _PAIRS):
            p99 = {}
            for stalled in (True, False) if number % 2 else (False, True):
                p99[stalled] = _round(crowd, flow, pairs, stalled=stalled)
            pairs.p99.append((p99[True], p99[False]))
            pairs.resident.append(resident_bytes(server.pid))
            say(f"  {flow.name}: p99 {p99[True] * 1e3:.1f} ms with, {p99[False] * 1e3:.1f} ms without")
    return pairs


def _round(crowd: CrowdProcess, flow: Flow, pairs: Pairs, *, stalled: bool) -> float:
    if stalled:
        crowd.stall()
    flooded = crowd.run(_FLOOD, large=True)
    done = crowd.run(flow.publications, messages=flow.messages, every_seconds=flow.every_seconds)
    if stalled:
        unread = crowd.end_stall()
        pairs.unread.append(unread)
        pairs.sent_bytes.append(flooded.bytes_each + done.bytes_each)
        if unread.bytes >= flooded.bytes_each:
            raise RuntimeError(
                f"the kernel took {unread.bytes} bytes: nobody stalled, the flood is too small"
            )
    # A round must not begin with what the one before left behind.
    crowd.run(1)
    return done.delivery_p99


def _rows(flow: Flow, pairs: Pairs, listeners: int) -> Iterator[Row]:
    estimate = bootstrap_ratio(pairs.p99)
    yield Row(
        figure=f"1 of {listeners:,} never reads, {flow.name}: the others' p99",
        wanted=f"<= {_WANTED_RATIO:.2f} of that without it",
        got=f"95 %: {estimate.low:.2f} to {estimate.high:.2f}, {len(pairs.p99)} pairs",
        ratio=estimate.value,
        met=estimate.value <= _WANTED_RATIO,
        details={"p99_with_and_without": pairs.p99, "unread": pairs.unread, "sent_bytes": pairs.sent_bytes},
    )
    growth = pairs.resident[-1] - pairs.resident[0]
    yield Row(
        figure="  the server's memory, from the first pair to the last",
        wanted=f"+ <= {_WANTED_GROWTH_BYTES // 1024**2} MB",
        got=f"{growth / 1024**2:+.1f} MB; each time {_megabytes(pairs.sent_bytes):.1f} MB were sent, of which the "
        f"kernel held {_megabytes([unread.bytes for unread in pairs.unread]):.1f} MB unread",
        met=growth <= _WANTED_GROWTH_BYTES,
        details={"resident": pairs.resident},
    )


def _megabytes(each: list[int]) -> float:
    return max(each) / 1024**2
