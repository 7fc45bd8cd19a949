"""
Deliveries a second: Telemetra beside plain uvloop, nchan and the naive loop, all at once on one core, in turns.

One message is under way at a time: the next is published when the last listener has the one before. So nobody can win
by putting several messages into one write; how that goes, with many messages under way, stands beside it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from bench.live.cores import cpu_seconds, raise_file_limit
from bench.live.crowd import Round
from bench.live.crowd_process import CrowdProcess, crowd_of
from bench.live.figures import median_ratio
from bench.live.message import SMALL_BYTES
from bench.live.options import Options
from bench.live.report import Row, say
from bench.live.servers import (
    NCHAN_INSTALL,
    Server,
    find_nginx,
    naive_server,
    nchan_server,
    plain_server,
    telemetra_server,
)

TELEMETRA: Final = "telemetra"
PLAIN: Final = "plain uvloop"
NCHAN: Final = "nchan"
NAIVE: Final = "naive"
NAIVE_STANDARD: Final = "naive, json.dumps"
_WANTED: Final = {PLAIN: 0.9, NCHAN: 0.95, NAIVE: 3.0, NAIVE_STANDARD: None}
"""The least ratio of ours to theirs. The last of them stands beside, since not every `send_json` is as quick as Litestar's."""
_DELIVERIES_A_ROUND: Final = 100_000
_UNDER_WAY: Final = 20


@dataclass(slots=True)
class Rates:
    """Deliveries a second of one server, by round."""

    one_by_one: list[float] = field(default_factory=list)
    under_way: list[float] = field(default_factory=list)
    idle_shares: list[float] = field(default_factory=list)
    cpu_microseconds: list[float] = field(default_factory=list)
    """The server's own, a delivery: unlike the rates it hardly minds what else the machine has to do."""


def run(options: Options) -> list[Row]:
    """Compare at few and at many listeners."""
    raise_file_limit()
    few, many = options.few_listeners, options.many_listeners
    rows = [*_compare(options, few, naive=True), *_compare(options, many, naive=False)]
    if find_nginx() is None:
        rows.append(Row(figure="nchan", wanted="", got=f"NOT MEASURED, it is not installed: {NCHAN_INSTALL}"))
    return rows


def _compare(options: Options, listeners: int, *, naive: bool) -> Iterator[Row]:
    with ExitStack() as stack:
        crowds = []
        for server in _servers(stack, listeners, naive=naive):
            crowd = stack.enter_context(crowd_of(server))
            opened_seconds = crowd.open(listeners)
            crowd.publish_through_server()
            crowd.run(3)
            say(f"  {server.name}: {listeners:,} listeners in {opened_seconds:.1f} s")
            crowds.append(crowd)
        message_bytes = len(crowds[0].sample())
        rates = _measure(options, crowds, listeners)
    yield from _rows(rates, listeners, message_bytes)


def _servers(stack: ExitStack, listeners: int, *, naive: bool) -> Iterator[Server]:
    """Start one after the other; the others send, to the byte, what Telemetra sent."""
    yield stack.enter_context(telemetra_server())
    payload = sample_payload()
    yield stack.enter_context(plain_server(payload))
    if find_nginx():
        yield stack.enter_context(nchan_server(payload, listeners=listeners))
    if naive:
        yield stack.enter_context(naive_server(payload))
        yield stack.enter_context(naive_server(payload, standard=True))


def sample_payload() -> str:
    """Return a message of Telemetra's, about 600 bytes long."""
    with telemetra_server() as server, crowd_of(server) as crowd:
        crowd.open(1)
        crowd.publish_through_server()
        crowd.run(1)
        payload = crowd.sample()
    if len(payload) not in SMALL_BYTES:
        raise ValueError(f"the message is {len(payload)} bytes long: change bench/live/message.py")
    return payload


def _measure(options: Options, crowds: Sequence[CrowdProcess], listeners: int) -> dict[str, Rates]:
    publications = max(3, _DELIVERIES_A_ROUND // listeners) if not options.quick else 3
    rates = {crowd.server.name: Rates() for crowd in crowds}
    for number in range(options.rounds):
        for crowd in _in_turn(crowds, number):
            mine = rates[crowd.server.name]
            cpu_before = cpu_seconds(crowd.server.pid)
            done = crowd.run(publications)
            cpu = cpu_seconds(crowd.server.pid) - cpu_before
            mine.cpu_microseconds.append(cpu * 1e6 / (publications * listeners))
            mine.one_by_one.append(_rate(done, listeners))
            mine.idle_shares.append(done.idle_share)
            flooded = crowd.run(max(1, publications // _UNDER_WAY), messages=_UNDER_WAY, together=False)
            mine.under_way.append(_rate(flooded, listeners * _UNDER_WAY))
        say(
            f"  round {number + 1}: "
            + ", ".join(f"{name} {mine.one_by_one[-1]:,.0f}/s" for name, mine in rates.items())
        )
    return rates


def _in_turn(crowds: Sequence[CrowdProcess], number: int) -> list[CrowdProcess]:
    """Begin each round with another one, so that what wears off within a round wears off for all."""
    first = number % len(crowds)
    return [*crowds[first:], *crowds[:first]]


def _rate(done: Round, deliveries: int) -> float:
    return deliveries * len(done.seconds) / sum(done.seconds)


def _rows(rates: dict[str, Rates], listeners: int, message_bytes: int) -> Iterator[Row]:
    ours = rates[TELEMETRA]
    for name, wanted in _WANTED.items():
        if name not in rates:
            continue
        theirs = rates[name]
        ratio = median_ratio(ours.one_by_one, theirs.one_by_one)
        yield Row(
            figure=f"deliveries/s, {listeners:,} listeners, to {name}",
            wanted=f">= {wanted:.2f}" if wanted else "",
            got=f"{statistics.median(ours.one_by_one):,.0f} to {statistics.median(theirs.one_by_one):,.0f}",
            ratio=ratio,
            met=ratio >= wanted if wanted else None,
            details={
                "message_bytes": message_bytes,
                "telemetra": ours.one_by_one,
                name: theirs.one_by_one,
            },
        )
        yield Row(
            figure=f"  the same with {_UNDER_WAY} messages under way",
            wanted="",
            got=f"{statistics.median(ours.under_way):,.0f} to {statistics.median(theirs.under_way):,.0f}",
            ratio=median_ratio(ours.under_way, theirs.under_way),
            details={TELEMETRA: ours.under_way, name: theirs.under_way},
        )
    yield Row(
        figure="  the server's CPU, microseconds a delivery",
        wanted="",
        got=_by_name(rates, lambda mine: f"{statistics.median(mine.cpu_microseconds):.1f}"),
        details={name: mine.cpu_microseconds for name, mine in rates.items()},
    )
    yield Row(
        figure="  the client's idle share",
        wanted="",
        got=_by_name(rates, lambda mine: f"{statistics.median(mine.idle_shares):.0%}"),
        details={name: mine.idle_shares for name, mine in rates.items()},
    )


def _by_name(rates: dict[str, Rates], tell: Callable[[Rates], str]) -> str:
    return ", ".join(f"{name} {tell(mine)}" for name, mine in rates.items())
