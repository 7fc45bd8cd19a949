"""
Vitals: the states that are looked up when numbers are told, as gauges: who listens, what is kept, who leads, what is open.

With several processes behind one port each looks once a second, since any of them may be asked.
"""

from __future__ import annotations

import asyncio
import platform
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from telemetra.domain.ports import Ports
from telemetra.entrypoints.cache.layer import ResponseCache
from telemetra.entrypoints.http.index import VERSION
from telemetra.entrypoints.lifespan import REFUSED_REASONS, HttpConnections
from telemetra.entrypoints.live.socket import LiveEntrance
from telemetra.entrypoints.meters import Meters

_LOOK_SECONDS: Final = 1.0


class VitalSigns:
    """Looks at the parts of a running application."""

    def __init__(
        self, meters: Meters, cache: ResponseCache, entrance: LiveEntrance, connections: HttpConnections
    ) -> None:
        self._meters = meters
        self._cache = cache
        self._entrance = entrance
        self._ports: Ports | None = None
        self._refused_stores = 0
        self._connections = connections
        self._refused_told: Counter[str] = Counter()
        for reason in REFUSED_REASONS:
            meters.http_refused.labels(reason)

    @asynccontextmanager
    async def open(self, ports: Ports) -> AsyncIterator[None]:
        """Look, from now on, at these ports too."""
        self._ports = ports
        if not self._meters.are_shared:
            yield
            return
        looking = asyncio.create_task(self._look_again_and_again(), name="vital-signs")
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait({looking})

    def told(self) -> bytes:
        """Look, and return all numbers in Prometheus's text format."""
        self._look()
        return self._meters.told()

    async def _look_again_and_again(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(_LOOK_SECONDS)

    def _look(self) -> None:
        self._meters.hand_over()
        told = self._meters.set
        told(
            "telemetra_build_info",
            "What runs; with several processes their number.",
            1,
            version=VERSION,
            python=platform.python_version(),
        )
        store = self._cache.store
        told("telemetra_cache_entries", "Answers that are kept in the process.", len(store))
        told("telemetra_cache_bytes", "What the answers take that are kept in the process.", store.size_bytes)
        self._look_at_connections()
        self._look_at_live()
        if self._ports:
            self._look_at_ports(self._ports)

    def _look_at_connections(self) -> None:
        told, connections = self._meters.set, self._connections
        told(
            "telemetra_http_connections",
            "HTTP connections that are open, idle ones too; listeners are none of them.",
            connections.open,
        )
        told(
            "telemetra_http_max_connections",
            "HTTP connections that may be open at a time; 0: another server bounds them.",
            connections.most or 0,
        )
        for reason, number in connections.refused.items():
            self._meters.http_refused.labels(reason).inc(number - self._refused_told[reason])
            self._refused_told[reason] = number

    def _look_at_live(self) -> None:
        told, relay, hub = self._meters.set, self._entrance.relay, self._entrance.hub
        told("telemetra_live_listeners", "Listeners now.", hub.listeners)
        told(
            "telemetra_live_max_listeners",
            "Listeners that may be at a time, as far as open files allow them.",
            self._entrance.admission.max_listeners,
        )
        told("telemetra_live_streams", "Streams that have listeners now.", hub.channels)
        told(
            "telemetra_live_laggards",
            "Listeners that do not keep up now, or are catching up.",
            len(hub.apart),
        )
        if relay:
            told("telemetra_relay_leads", "Whether it looks for changes for all processes.", relay.leads)
            told(
                "telemetra_relay_stands_in",
                "Whether it looks for changes for itself, for want of a leader that it hears.",
                relay.stands_in,
            )
            told(
                "telemetra_relay_silent_seconds",
                "For how long nobody has told of changes; a quarter of a second is usual.",
                relay.silent_seconds,
                of_several="max",
            )
            told(
                "telemetra_bus_up",
                "Whether the bus took the last step that was published; 1 where nothing is.",
                relay.hears_bus,
                of_several="min",
            )

    def _look_at_ports(self, ports: Ports) -> None:
        told, vitals = self._meters.set, ports.vitals()
        for pool, use in vitals.pools.items():
            for state, number in (("used", use.used), ("idle", use.idle)):
                told(
                    "telemetra_postgres_connections",
                    "Connections to PostgreSQL that are open.",
                    number,
                    pool=pool,
                    state=state,
                )
            told("telemetra_postgres_pool_size", "Connections that may be open.", use.size, pool=pool)
            told("telemetra_postgres_waiting", "Who waits for a connection.", use.waiting, pool=pool)
        told(
            "telemetra_shared_cache_breaker_open",
            "Whether answers are not shared for a while, since Redis did not answer.",
            vitals.rests_from_redis,
        )
        told(
            "telemetra_tokens_unreadable",
            "Whether the file of tokens can't be used as it is now, so that the tokens from before count.",
            vitals.tokens_unreadable,
            of_several="max",
        )
        self._meters.refused_stores.inc(vitals.refused_stores - self._refused_stores)
        self._refused_stores = vitals.refused_stores
