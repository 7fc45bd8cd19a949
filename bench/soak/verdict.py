"""What came out, as rows of a table: what was wanted, what was got, and whether that is met."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Final

from bench.live.figures import percentile
from bench.live.report import Row
from bench.soak.blows import Blow, Measure
from bench.soak.flatness import FILES, MEMORY, Trend, trend
from bench.soak.incidents import Incidents
from bench.soak.installation import Life
from bench.soak.samples import Flow, Resident, Samples
from bench.soak.service_logs import Complaints
from bench.soak.told import Tally

_LONG_SECONDS: Final = 540.0
_STARVED_PERCENT: Final = 85.0
_STARVED_MILLISECONDS: Final = 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that a run leaves."""

    began: float
    ended: float
    tally: Tally
    missing: Sequence[str]
    """Changes that were acknowledged and are not in the tables."""
    acknowledged: int
    incidents: Incidents
    blows: Sequence[Blow]
    deaths: Sequence[str]
    """Services that ended though nobody ended them."""
    lives: Sequence[Life]
    samples: Samples
    complaints: Complaints
    counts: Mapping[str, int]


def rows_of(outcome: Outcome) -> list[Row]:
    """Return all rows."""
    return [
        *_exactness(outcome),
        *_surprises(outcome),
        *_deaths(outcome),
        *_recoveries(outcome),
        *_flatness(outcome),
        *_flow(outcome),
        *_complaints(outcome.complaints),
    ]


def _exactness(outcome: Outcome) -> Iterator[Row]:
    tally = outcome.tally
    yield Row(
        figure="listeners: changes lost, told twice",
        wanted="0 lost, 0 doubled",
        got=f"{tally.lost} lost, {tally.doubled} doubled of {tally.changes:,}",
        met=not (tally.lost or tally.doubled or tally.faults),
        details={"faults": tally.faults, "messages": tally.messages},
    )
    yield Row(
        figure="positions that could not be resumed",
        wanted="0",
        got=f"{tally.resets} of {sum(tally.ends.values()):,} connections that ended, {tally.cuts:,} of them cut by the client",
        met=tally.resets == 0,
        details={"ends": dict(tally.ends)},
    )
    yield Row(
        figure="acknowledged changes that are not in the tables",
        wanted="0",
        got=f"{len(outcome.missing)} of {outcome.acknowledged:,} keys",
        met=not outcome.missing,
        details={"missing": outcome.missing[:40], "counts": dict(outcome.counts)},
    )


def _surprises(outcome: Outcome) -> Iterator[Row]:
    incidents = outcome.incidents
    number = incidents.unexpected.total()
    kinds = ", ".join(f"{times} {kind}" for kind, times in incidents.unexpected.items())
    yield Row(
        figure="unexpected answers and ends of connections",
        wanted="0",
        got=(f"{number:,}: {kinds}" if number else "0")
        + f"; {incidents.expected.total():,} were to be expected",
        met=number == 0,
        details={
            "unexpected": [
                asdict(incident) | {"after_seconds": round(incident.ended - outcome.began, 3)}
                for incident in incidents.examples
            ],
            "expected": dict(incidents.expected),
        },
    )


def _deaths(outcome: Outcome) -> Iterator[Row]:
    yield Row(
        figure="services that ended by themselves",
        wanted="0",
        got=str(len(outcome.deaths)),
        met=not outcome.deaths,
        details={"deaths": list(outcome.deaths)},
    )


def _recoveries(outcome: Outcome) -> Iterator[Row]:
    by_fault: defaultdict[str, list[Blow]] = defaultdict(list)
    for blow in outcome.blows:
        by_fault[blow.fault].append(blow)
    for fault, blows in by_fault.items():
        by_name: defaultdict[str, list[Measure]] = defaultdict(list)
        for blow in blows:
            for measure in blow.measures:
                by_name[measure.name].append(measure)
        details = {"blows": [_describe(blow, outcome.began) for blow in blows]}
        for name, measures in by_name.items():
            seconds = [measure.seconds for measure in measures if measure.seconds is not None]
            never = len(measures) - len(seconds)
            yield Row(
                figure=f"{fault}: {name}",
                wanted=f"<= {measures[0].bound_seconds:.0f} s",
                got=(f"{max(seconds):.1f} s at most of {len(measures)}" if seconds else "")
                + (f" {never} times not at all" if never else ""),
                met=all(measure.met for measure in measures),
                details=details,
            )
            details = {}


def _describe(blow: Blow, began: float) -> dict[str, object]:
    return {
        "after_seconds": round(blow.struck_at - began, 3),
        "gone_after_seconds": None if blow.gone_at is None else round(blow.gone_at - blow.struck_at, 3),
        "service": blow.target,
        "measures": [asdict(measure) for measure in blow.measures],
    }


def _flatness(outcome: Outcome) -> Iterator[Row]:
    half = (outcome.began + outcome.ended) / 2
    judged, long = 0, outcome.ended - outcome.began >= _LONG_SECONDS
    for number, life in enumerate(outcome.lives):
        own = [resident for resident in outcome.samples.residents if resident.life == number]
        memory = trend([(one.at, one.rss) for one in own], since=half, began=life.began, allowance=MEMORY)
        # What is being closed just then is gone at the next look; what leaks is there at both.
        kept = [(two.at, float(min(one.files, two.files))) for one, two in pairwise(own)]
        files = trend(kept, since=half, began=life.began, allowance=FILES)
        if memory and files:
            judged += 1
            yield _trend_row(f"memory of service {life.service + 1}, life {number + 1}", "MiB", memory, own)
            yield _trend_row(
                f"descriptors of service {life.service + 1}, life {number + 1}", "files", files, []
            )
    yield Row(
        figure="lives that were judged in the second half",
        # A run of some minutes has no second half to speak of.
        wanted=">= 1" if long else "",
        got=f"{judged} of {len(outcome.lives)}",
        met=judged > 0 if long else None,
    )


def _trend_row(figure: str, unit: str, found: Trend, samples: Sequence[Resident]) -> Row:
    return Row(
        figure=figure,
        wanted="flat",
        got=f"{found.gained:+.1f} {unit} in {found.seconds:.0f} s ({found.an_hour:+.0f} an hour); "
        f"first quarter {found.first_quarter:.0f}, greatest {found.greatest:.0f}",
        met=found.flat,
        details={"trend": asdict(found), "samples": [asdict(sample) for sample in samples]},
    )


def _flow(outcome: Outcome) -> Iterator[Row]:
    flows, samples = outcome.samples.flows, outcome.samples
    seconds = sum(flow.seconds for flow in flows)
    yield Row(
        figure="commits, reads and deliveries a second",
        wanted="",
        got=f"{_rate(flows, 'commits', seconds):.0f}, {_rate(flows, 'reads', seconds):.0f}, "
        f"{_rate(flows, 'deliveries', seconds):,.0f}",
        details={"flows": [asdict(flow) for flow in flows]},
    )
    for figure, times in (("commit to a listener", samples.told), ("a read", samples.reads)):
        for calm, when in ((True, "between faults"), (False, "while a fault lasts")):
            if values := times[calm]:
                got = ", ".join(f"{percentile(values, share) * 1e3:.1f}" for share in (0.5, 0.99))
                yield Row(figure=f"{figure} {when}: p50, p99", wanted="", got=f"{got} ms")
    worst = percentile([flow.late for flow in flows], 0.99)
    busy = sum(flow.cpu for flow in flows) / len(flows)
    starved = busy > _STARVED_PERCENT or worst > _STARVED_MILLISECONDS
    yield Row(
        figure="the machine: busy; how late the clients' loops were at worst",
        wanted="",
        got=f"{busy:.0f} %; {worst:.0f} ms (p99 of the samples)"
        + (": STARVED, what is late above is so for that" if starved else ""),
        details={"starved": starved},
    )


def _rate(flows: Sequence[Flow], name: str, seconds: float) -> float:
    return float(sum(getattr(flow, name) for flow in flows)) / seconds


def _complaints(complaints: Complaints) -> Iterator[Row]:
    yield Row(
        figure="the services' logs: exceptions, other errors",
        wanted="0 exceptions",
        got=f"{sum(complaints.exceptions.values())}, {sum(complaints.errors.values())}; "
        f"{sum(complaints.warnings.values())} warnings, {sum(complaints.unreadable.values())} lines that are no JSON",
        met=not (complaints.exceptions or complaints.unreadable),
        details={name: dict(counted) for name, counted in complaints.by_kind().items()},
    )
