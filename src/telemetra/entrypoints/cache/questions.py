"""Which requests are questions whose answers may be kept: recognised in front of the routes, as the routes would."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from telemetra.domain.changes import LISTING, Tag, tag_of
from telemetra.domain.errors import ParameterInvalid
from telemetra.entrypoints.asgi import ReadScope
from telemetra.entrypoints.http.index import VERSION
from telemetra.entrypoints.http.parameters import ParametersInvalid
from telemetra.entrypoints.http.reads import Asked, Read
from telemetra.entrypoints.paths import canonical_path
from telemetra.settings import Settings

_REMEMBERED: Final = 1_000
"""Some two kilobytes each, beside what is counted."""
_LONGEST_REMEMBERED: Final = 512
_LONGEST_QUERY: Final = 2048
"""A longer one is asked of the routes alone: keys are not counted among what is kept."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: equal for all requests that ask the same."""

    key: Hashable
    tag: Tag
    ttl_seconds: int
    asked: Asked[Any] = field(compare=False)
    """What to ask the ports, in the words of whoever asked."""


class Questions:
    """Recognises the reads that declared themselves."""

    def __init__(self, reads: Sequence[Read[Any]], settings: Settings) -> None:
        self._reads = [
            (re.compile(re.escape(read.path).replace(r"\{stream_id\}", "([^/]+)")), read) for read in reads
        ]
        self._recognised: dict[bytes, Question] = {}
        self._ttl_seconds = {read.path: int(getattr(settings, read.ttl_setting)) for read in reads}

    def recognise(self, scope: ReadScope, spelling: bytes) -> Question | None:
        """
        Return the question; None for what is none, or what the route will refuse.

        `spelling` is the request's path and query as they were sent: what was recognised once need not be read again.
        """
        question = self._recognised.get(spelling)
        if question is None:
            question = self._read(scope)
            if question is not None and len(spelling) <= _LONGEST_REMEMBERED:
                if len(self._recognised) >= _REMEMBERED:
                    self._recognised.clear()
                self._recognised[spelling] = question
        return question

    def _read(self, scope: ReadScope) -> Question | None:
        if len(scope["query_string"]) > _LONGEST_QUERY:
            return None
        path = canonical_path(scope)
        for pattern, read in self._reads:
            if found := pattern.fullmatch(path):
                try:
                    asked = read.asked(scope["query_string"], *found.groups())
                except (ParameterInvalid, ParametersInvalid):
                    return None
                return Question(
                    (read.path, asked.query),
                    LISTING if asked.stream_id is None else tag_of(asked.stream_id),
                    self._ttl_seconds[read.path],
                    asked,
                )
        return None


def shared_key(key: Hashable) -> bytes:
    """
    Return where all processes of this version look for the answer to a question of this key.

    A digest: another version of this program may mean another thing by the same words.
    """
    return blake2b(f"{VERSION} {key!r}".encode(errors="surrogatepass"), digest_size=16).hexdigest().encode()
