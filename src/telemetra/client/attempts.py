"""Attempts: whether a read that failed is tried again, and when."""

from __future__ import annotations

from random import Random
from typing import Final

from telemetra.client.backoff import Backoff
from telemetra.client.errors import (
    RequestRefused,
    ServiceUnavailable,
    ServiceUnreachable,
    TelemetraError,
    TooManyRequests,
)

_LONGEST_WAIT_SECONDS: Final = 10.0
"""Who is told to wait for longer wants to know that."""
_PASSING_STATUSES: Final = {429, 502, 503, 504}


class Attempts:
    """The tries of one read: reads change nothing, so a second one does no harm."""

    def __init__(self, retries: int, random: Random | None = None) -> None:
        self._left = retries
        self._backoff = Backoff(random)

    def delay_after(self, error: TelemetraError) -> float | None:
        """Return the seconds to wait before the next try; None where there is none."""
        if self._left == 0 or not _may_pass(error):
            return None
        self._left -= 1
        advised = error.retry_after_seconds if isinstance(error, RequestRefused) else None
        delay = self._backoff.next_delay(advised=advised)
        return delay if delay <= _LONGEST_WAIT_SECONDS else None


def _may_pass(error: TelemetraError) -> bool:
    if isinstance(error, ServiceUnreachable):
        return error.may_pass
    return isinstance(error, (ServiceUnavailable, TooManyRequests)) and error.status in _PASSING_STATUSES
