"""
Meters: everything that is counted and measured for Prometheus, by the names under which it is told.

Whoever has something to count is given these and counts in place; what is a state and no event is looked up when it is
asked for (`vitals.py`). With several processes behind one port each keeps its numbers in files that all read
(`PROMETHEUS_MULTIPROC_DIR`, which `telemetra serve --workers` sets), so that it makes no difference who is asked.
"""

from __future__ import annotations

import os
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MEDIA_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4.removesuffix("; charset=utf-8")
"""Without what the framework adds to a text's type."""

MULTIPROCESS_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The library reads it when it is imported, and nothing else says that it shall share."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Any client may make up others."""
_DURATIONS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LAGS: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_SHARED: Final[dict[str, Literal["livesum", "livemax", "livemin"]]] = {
    "sum": "livesum",
    "max": "livemax",
    "min": "livemin",
}
"""How the library names what several processes' gauges come to, of those that live."""


class Meters:
    """The numbers of one application."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._durations = Histogram(
            "telemetra_http_request_duration_seconds",
            "From a request's arrival to the end of its answer; _count counts requests.",
            ("method", "route", "status"),
            buckets=_DURATIONS,
            registry=registry,
        )
        self._children: dict[tuple[str, str, int], Histogram] = {}

        hits = Counter(
            "telemetra_cache_hits",
            "Reads answered from what is kept: in the process, in Redis, or by another's question under way.",
            ("level",),
            registry=registry,
        )
        self.hits_here = 0
        """Counted as often as nothing else, and so by a plain number, which `told` hands over."""
        self._hits_here = hits.labels("process")
        self._hits_told = 0
        self.hits_in_redis = hits.labels("redis")
        self.joined = hits.labels("joined")
        self.misses = Counter(
            "telemetra_cache_misses",
            "Reads that asked the database: nothing was kept (absent), it was too old (expired), nobody has told of "
            "changes for a second (silent), the client requires a newer one (position), or none that is kept (no-cache).",
            ("reason",),
            registry=registry,
        )
        for reason in ("absent", "expired", "silent", "position", "no-cache"):
            self.misses.labels(reason)
        self.refused_stores = Counter(
            "telemetra_shared_cache_refused_stores",
            "Answers that Redis did not take, as when it is full.",
            registry=registry,
        )

        self.deliveries = Counter(
            "telemetra_live_deliveries", "Messages written to listeners.", registry=registry
        )
        self.delivery_lag = Histogram(
            "telemetra_live_delivery_lag_seconds",
            "From a commit to the write to the last listener that keeps up, at most: measured for each stream and step from "
            "the last look that did not see it.",
            buckets=_LAGS,
            registry=registry,
        )
        self.conflated = Counter(
            "telemetra_live_conflated",
            "How often a listener did not keep up, and gets what it lacks in its newest form when it reads again.",
            registry=registry,
        )
        self.closed = Counter(
            "telemetra_live_closed",
            "Listeners that ended, by the close code: 4408 read nothing for too long, 1013 found no room; other is a client's "
            "own. And by the reason: the error that they were told, or gone, where it was not this server that closed.",
            ("code", "reason"),
            registry=registry,
        )
        self.opened = Counter(
            "telemetra_live_opened",
            "Listeners that were told where they begin: from their own position (resumed), without one (new), or with one that "
            "can't be used (snapshot).",
            ("start",),
            registry=registry,
        )
        for start in ("new", "resumed", "snapshot"):
            self.opened.labels(start)
        self.live_refused = Counter(
            "telemetra_live_refused",
            "Sockets that were not opened, by the reason: no token or one that is not known or not for this, too many "
            "requests, a host or a page's origin that is not allowed.",
            ("reason",),
            registry=registry,
        )
        self.http_refused = Counter(
            "telemetra_http_refused",
            "Connections that were answered before there was a request: too_many_connections, or what can't be read "
            "(bad_request), comes too slowly (request_timeout) or is too large (too_large).",
            ("reason",),
            registry=registry,
        )
        self.steps = Counter(
            "telemetra_relay_steps",
            "Looks at the changes that were taken, by where they came from: this process's own lead, the bus, or for want "
            "of both.",
            ("source",),
            registry=registry,
        )
        self._gauges: dict[str, Gauge] = {}
        if not self.are_shared:
            # What a process takes; of several it can't be told by one.
            ProcessCollector(registry=registry)

    def note_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        key = method, route, status
        child = self._children.get(key)
        if child is None:
            shown = method if method in _METHODS else "other"
            child = self._durations.labels(shown, route, str(status))
            if shown == method:
                self._children[key] = child
        child.observe(seconds)

    def set(
        self,
        name: str,
        documentation: str,
        value: float,
        *,
        of_several: Literal["sum", "max", "min"] = "sum",
        **labels: str,
    ) -> None:
        """Set a gauge. Several processes' are added up, or the worst is told; those that are gone are left out."""
        found = self._gauges.get(name)
        if found is None:
            found = self._gauges[name] = Gauge(
                name,
                documentation,
                tuple(labels),
                registry=self._registry,
                multiprocess_mode=_SHARED[of_several],
            )
        (found.labels(**labels) if labels else found).set(value)

    @property
    def are_shared(self) -> bool:
        """Whether several processes tell their numbers as one."""
        return MULTIPROCESS_VARIABLE in os.environ

    def hand_over(self) -> None:
        """Let the library have what was counted without it."""
        self._hits_here.inc(self.hits_here - self._hits_told)
        self._hits_told = self.hits_here

    def told(self) -> bytes:
        """Return all numbers in Prometheus's text format."""
        registry = self._registry
        if self.are_shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
