"""What a stream is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A channel's broadcast, as its writers describe it: one row of `streams`."""

    stream_id: str
    """The writer's own identifier; compared byte by byte."""
    title: str | None
    """What its writer calls it; null where it has no title."""
    created_at: datetime
    """When the stream began, UTC."""
    updated_at: datetime
    """When its writer last touched it, UTC."""
