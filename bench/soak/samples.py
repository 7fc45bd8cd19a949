"""What is read every few seconds: the services' memory and files, and what clients saw since the last time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import psutil
from bench.live.figures import percentile
from bench.soak.crowd import Report
from bench.soak.installation import Installation, Life
from bench.soak.readers import Readers

_ESTABLISHED: Final = "01"
_THINNED: Final = 20
_ATTEMPTS: Final = 3
_FEW: Final = 3
_MIB: Final = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """What a service's process takes at one time."""

    at: float
    life: int
    """The place of its life among all."""
    rss: float
    """MiB."""
    files: int
    """Open descriptors but those of connections that clients hold: these move from one service to the other."""
    connections: int
    """Of clients."""
    cpu: float
    """Share of a core since the last time, in percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What clients saw in one interval; times in milliseconds, None where there was nothing to time."""

    at: float
    seconds: float
    calm: bool
    """Whether no fault lasted at any time of it."""
    listeners: int
    deliveries: int
    reads: int
    commits: int
    read_p50: float | None
    read_p99: float | None
    told_p50: float | None
    told_p99: float | None
    cpu: float
    """Of the machine, in percent."""
    late: float
    """How late the loops of the clients' processes were at worst, in milliseconds."""


class Samples:
    """Everything that was read, from the beginning."""

    def __init__(self, installation: Installation, readers: Readers) -> None:
        self.residents: list[Resident] = []
        self.flows: list[Flow] = []
        self.told: dict[bool, list[float]] = {True: [], False: []}
        """Times from commit to listener, thinned out: of the calm intervals, and of the others."""
        self.reads: dict[bool, list[float]] = {True: [], False: []}
        self.disturbed = False
        """Whether a fault lasts; whoever lets it strike says so."""
        self.reports: dict[str, Report] = {}
        """The newest one of each crowd."""
        self._installation = installation
        self._readers = readers
        self._processes: dict[int, psutil.Process] = {}
        self._latencies: list[float] = []
        self._deliveries = 0
        self._late = 0.0
        self._was_disturbed = False
        self._at = monotonic()
        psutil.cpu_percent()

    def hear(self, crowd: str, report: Report) -> None:
        """Take a crowd's report in."""
        self._was_disturbed |= self.disturbed
        self.reports[crowd] = report
        self._latencies += report.latencies
        self._late = max(self._late, report.late_seconds)
        for incident in report.incidents:
            self._readers.incidents.note(incident)

    def take(self, commits: int, late_seconds: float) -> Flow:
        """Read everything; `commits` were made since the last time."""
        now = monotonic()
        for number, life in enumerate(self._installation.lives):
            if life.ended is None:
                self._read(number, life, now)
        reports, told = self.reports.values(), self._latencies
        reads, self._readers.latencies = self._readers.latencies, []
        deliveries = sum(report.deliveries for report in reports)
        flow = Flow(
            at=now,
            seconds=now - self._at,
            calm=not self._was_disturbed,
            listeners=sum(sum(report.connected) for report in reports),
            deliveries=deliveries - self._deliveries,
            reads=len(reads),
            commits=commits,
            read_p50=_milliseconds(reads, 0.5),
            read_p99=_milliseconds(reads, 0.99),
            told_p50=_milliseconds(told, 0.5),
            told_p99=_milliseconds(told, 0.99),
            cpu=psutil.cpu_percent(),
            late=max(self._late, late_seconds) * 1e3,
        )
        self.flows.append(flow)
        self.told[flow.calm] += told[::_THINNED]
        self.reads[flow.calm] += reads
        self._was_disturbed = self.disturbed
        self._latencies, self._deliveries, self._late, self._at = [], deliveries, 0.0, now
        return flow

    def _read(self, number: int, life: Life, now: float) -> None:
        try:
            process = self._processes.setdefault(life.pid, psutil.Process(life.pid))
            files, connections = _files(process, self._installation.ports[life.service])
            self.residents.append(
                Resident(
                    at=now,
                    life=number,
                    rss=process.memory_info().rss / _MIB,
                    files=files,
                    connections=connections,
                    cpu=process.cpu_percent(),
                )
            )
        except psutil.NoSuchProcess:
            self._processes.pop(life.pid, None)


def _files(process: psutil.Process, port: int) -> tuple[int, int]:
    """Return a process's open files but clients' connections, and these; when many come or go, they are read again."""
    for _ in range(_ATTEMPTS):
        before = process.num_fds()
        connections = _established(port)
        files = process.num_fds()
        if abs(files - before) <= _FEW:
            break
    return files - connections, connections


def _established(port: int) -> int:
    """
    Count the connections that a server's side holds at a port and that stand.

    One left half open is not among them, nor one that was not accepted yet, which no file stands for (its inode is 0).
    """
    wanted = f":{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(
        fields[1].endswith(wanted) and fields[3] == _ESTABLISHED and fields[9] != "0"
        for fields in map(str.split, lines)
    )


def _milliseconds(seconds: list[float], share: float) -> float | None:
    return percentile(seconds, share) * 1e3 if seconds else None
