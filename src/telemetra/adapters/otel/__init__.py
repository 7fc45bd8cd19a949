"""OpenTelemetry: traces of requests, and of what they ask of PostgreSQL and Redis. Loaded only where traces are wanted."""

from __future__ import annotations

from telemetra.adapters.otel.tracing import Tracing

__all__ = ["Tracing"]
