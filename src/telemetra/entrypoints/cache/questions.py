"""Which requests are questions whose answers may be kept: recognised in front of the routes, as the routes would."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from telemetra.domain.changes import LISTING, Tag, tag_of
from telemetra.domain.errors import ParameterInvalid
from telemetra.entrypoints.asgi import ReadScope
from telemetra.entrypoints.http.cached_reads import CachedRead
from telemetra.entrypoints.http.parameters import ParametersInvalid, read_parameters
from telemetra.entrypoints.paths import canonical_path, decode_stream_id
from telemetra.settings import Settings


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: equal for all requests that ask the same."""

    key: Hashable
    tag: Tag
    ttl_seconds: int


class Questions:
    """Recognises the reads that declared themselves."""

    def __init__(self, reads: Sequence[CachedRead], settings: Settings) -> None:
        self._reads = [
            (re.compile(re.escape(read.path).replace(r"\{stream_id\}", "([^/]+)")), read) for read in reads
        ]
        self._ttl_seconds = {read.path: int(getattr(settings, read.ttl_setting)) for read in reads}

    def recognise(self, scope: ReadScope) -> Question | None:
        """Return the question; None for what is none, or what the route will refuse."""
        path = canonical_path(scope)
        for pattern, read in self._reads:
            if found := pattern.fullmatch(path):
                try:
                    values = read_parameters(scope["query_string"], read.parameters).values
                    ids = [decode_stream_id(segment) for segment in found.groups()]
                    query = read.query(*ids, **values)
                except (ParameterInvalid, ParametersInvalid):
                    return None
                tag = tag_of(ids[0]) if ids else LISTING
                return Question((read.path, query), tag, self._ttl_seconds[read.path])
        return None
