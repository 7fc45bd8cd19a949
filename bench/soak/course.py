"""One run: everything started, faults one after the other while all is written, read and listened to, then the account."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final

from bench.live.report import say
from bench.live.resume_rows import read_stored
from bench.soak.blows import Blow
from bench.soak.crowd_process import CrowdProcess, run_crowd
from bench.soak.faults import FAULTS, strike
from bench.soak.incidents import Incidents
from bench.soak.installation import Installation, install
from bench.soak.options import BURST, SAMPLE_SECONDS, STREAMS, Options
from bench.soak.probes import Probes
from bench.soak.readers import Readers
from bench.soak.samples import Flow, Samples
from bench.soak.service_logs import read_logs
from bench.soak.stage import Stage
from bench.soak.told import Tally
from bench.soak.verdict import Outcome
from bench.soak.writers import Writers

_LAST_FAULT_SECONDS: Final = 30.0
"""So long before the end no fault begins any more."""
_BURST_LISTENERS: Final = 2
"""Each is told every one of a hundred thousand rows."""
_END_SECONDS: Final = 60.0
_SETTLE_SECONDS: Final = 3.0
_LINE_SECONDS: Final = 60.0


class Run:
    """The parts of a run, as long as it lasts."""

    def __init__(self, options: Options, installation: Installation) -> None:
        self.incidents = Incidents()
        self.blows: list[Blow] = []
        self.deaths: list[str] = []
        self._options = options
        self._installation = installation
        self.writers = Writers(installation.database, options.writers, options.seed)
        self.readers = Readers(
            database=installation.database,
            ports=installation.ports,
            readers=options.readers,
            hands=options.writers,
            seed=options.seed,
            committed=self.writers.committed,
            incidents=self.incidents,
        )
        self.samples = Samples(installation, self.readers)
        self.probes = Probes(installation.database, installation.ports, self.incidents)
        self.began = self.ended = 0.0

    async def soak(self, crowd: CrowdProcess, burst: CrowdProcess) -> Tally:
        """Let everything happen, and return what the listeners counted."""
        await self.writers.prepare()
        await burst.ask("open", _BURST_LISTENERS, (BURST,))
        seconds = await crowd.ask("open", self._options.listeners, STREAMS)
        say(f"  {self._options.listeners} listeners came in {seconds:.1f} s")
        self.began = monotonic()
        stage = Stage(self._installation, crowd, burst, self.writers, Random(self._options.seed))
        async with self._sampling(), self.writers.running(), self.probes.running(), self.readers.running():
            await asyncio.sleep(_SETTLE_SECONDS)
            await self._strike(stage)
            await asyncio.sleep(max(0.0, self.began + self._options.minutes * 60 - monotonic()))
            self.ended = monotonic()
        await self.writers.finish()
        tally = Tally()
        for each in (crowd, burst):
            tally.add(await each.ask("finish", self._installation.database.way_in(), _END_SECONDS))
        return tally

    async def missing(self) -> list[str]:
        """Return what was acknowledged and is not stored."""
        missing = []
        async with self._installation.database.connected() as connection:
            for stream_id in STREAMS:
                stored, _ = await read_stored(connection, stream_id)
                missing += self.writers.committed.missing(stream_id, stored)
        return missing

    async def _strike(self, stage: Stage) -> None:
        """Let every fault strike in a random order, then in another, until there is no time left."""
        half = self.began + self._options.minutes * 30
        last = self.began + self._options.minutes * 60 - _LAST_FAULT_SECONDS
        names = list(self._options.faults or FAULTS)
        while True:
            for name in stage.random.sample(names, len(names)):
                began = monotonic()
                if began > last and not self._options.quick:
                    return
                if began > half and not self._options.quick:
                    # The first service lives through the whole second half: what it holds has time to grow.
                    stage.spared = frozenset({0})
                blow = Blow(name, self.probes, self.incidents)
                self.blows.append(blow)
                self.samples.disturbed = True
                await strike(name, stage, blow)
                self.samples.disturbed = False
                said = ", ".join(
                    f"{measure.name} {'never' if measure.seconds is None else f'{measure.seconds:.1f} s'}"
                    + ("" if measure.met else " (LATE)")
                    for measure in blow.measures
                )
                say(f"  {blow.struck_at - self.began:6.1f} s {name}: {said}")
                next_at = max(
                    began + self._options.fault_every_seconds, monotonic() + self._options.pause_seconds
                )
                await asyncio.sleep(next_at - monotonic())
            if self._options.quick:
                return

    @asynccontextmanager
    async def _sampling(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._sample(), name="samples")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _sample(self) -> None:
        committed, line_at = 0, monotonic() + _LINE_SECONDS
        while True:
            due = monotonic() + SAMPLE_SECONDS
            await asyncio.sleep(SAMPLE_SECONDS)
            now, so_far = monotonic(), sum(self.writers.counts.values())
            for death in await self._installation.revive():
                say(f"  {now - self.began:6.1f} s {death}")
                self.deaths.append(f"after {now - self.began:.1f} s: {death}")
            flow = self.samples.take(so_far - committed, now - due)
            committed = so_far
            if now >= line_at:
                line_at += _LINE_SECONDS
                self._say(flow)

    def _say(self, flow: Flow) -> None:
        reports = self.samples.reports.values()
        residents = [one for one in self.samples.residents if one.at == flow.at]
        wrong = Counter(self.incidents.unexpected)
        wrong["lost or doubled"] = sum(report.lost_or_doubled for report in reports)
        wrong["resets"] = sum(report.resets for report in reports)
        shown = ", ".join(f"{times} {kind}" for kind, times in wrong.items() if times) or "nothing"
        say(
            f"{(flow.at - self.began) / 60:4.0f} min: {flow.listeners} listeners, "
            f"{flow.deliveries / flow.seconds:,.0f} deliveries/s (p50 {_shown(flow.told_p50)}, p99 {_shown(flow.told_p99)} ms), "
            f"{flow.commits / flow.seconds:.0f} commits/s, {flow.reads / flow.seconds:.0f} reads/s "
            f"(p50 {_shown(flow.read_p50)}, p99 {_shown(flow.read_p99)} ms), "
            f"{'/'.join(f'{one.rss:.0f}' for one in residents)} MiB, {'/'.join(str(one.files) for one in residents)} files, "
            f"{flow.cpu:.0f} % busy, {len(self.blows)} faults, wrong: {shown}"
        )


def _shown(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.0f}"


async def run(options: Options, home: Path) -> Outcome:
    """Run in this directory, and return what came out."""
    async with install(home) as installation:
        course = Run(options, installation)
        hear = course.samples.hear
        async with (
            run_crowd(installation.ports, options.seed, partial(hear, "all")) as crowd,
            run_crowd(installation.ports, -options.seed, partial(hear, BURST)) as burst,
        ):
            tally = await course.soak(crowd, burst)
        missing = await course.missing()
    return Outcome(
        began=course.began,
        ended=course.ended,
        tally=tally,
        missing=missing,
        acknowledged=sum(map(len, course.writers.committed.newest.values())),
        incidents=course.incidents,
        blows=course.blows,
        deaths=course.deaths,
        lives=installation.lives,
        samples=course.samples,
        complaints=read_logs([installation.log(number) for number in range(len(installation.ports))]),
        counts={**course.writers.counts, **course.readers.counts},
    )
