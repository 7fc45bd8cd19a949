"""The exporter, whose collector may be away: that is told once, and that it is back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_EXPORTER: Final = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
"""Tells each attempt."""
_QUEUE: Final = "opentelemetry.sdk._shared_internal"
"""Tells of each span that finds it full: a line that is made and dropped costs as much as the span."""
_LONGEST_REASON: Final = 300

_log = structlog.get_logger(__name__)


class _Hearing(logging.Filter):
    """Lets nothing through, and remembers the last that it heard."""

    def __init__(self) -> None:
        super().__init__()
        self.last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        self.last = " ".join(record.getMessage().split())[:_LONGEST_REASON]
        return False


class ToldOnce(SpanExporter):
    """Hands spans to an exporter; it runs in a thread of the SDK's. `collector` is what the log calls the other end."""

    def __init__(self, exporter: SpanExporter, *, collector: str) -> None:
        self._exporter = exporter
        self._collector = collector
        self._hearing = _Hearing()
        logging.getLogger(_EXPORTER).addFilter(self._hearing)
        logging.getLogger(_QUEUE).setLevel(logging.ERROR)
        self.is_away = False
        """Whether the last attempt came to nothing."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        was_away, self.is_away = self.is_away, result is not SpanExportResult.SUCCESS
        if self.is_away and not was_away:
            _log.warning("traces_not_exported", collector=self._collector, reason=self._hearing.last)
        elif was_away and not self.is_away:
            _log.info("traces_exported_again", collector=self._collector)
        return result

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self) -> None:
        self._exporter.shutdown()
