"""What a read declares so that its answers can be kept: what it was read from, what tells it apart, how long it may live."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from telemetra.entrypoints.http.parameters import QueryParameter


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedRead:
    """
    One read that may be answered from the cache.

    Two requests whose `query(...)` is equal are the same question, however they are written.
    """

    path: str
    """The route, with `{stream_id}` where it is a stream's own: then the answer was read from that stream alone."""
    parameters: Sequence[QueryParameter]
    query: Callable[..., Hashable]
    """Make the question of the stream's id (where there is one) and the values that were given."""
    ttl_setting: str
    """Which setting says how many seconds an answer may live."""
