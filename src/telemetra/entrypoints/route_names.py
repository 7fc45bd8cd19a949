"""
Which route a request is of, by its template: what numbers and traces call it, since a path names one stream of many.

Never by what a client wrote: its words have no end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from telemetra.entrypoints.asgi import ReadScope
from telemetra.entrypoints.paths import canonical_path

NO_ROUTE: Final = "none"
_REMEMBERED: Final = 10_000
_LONGEST_REMEMBERED: Final = 256
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


class RouteNames:
    """The routes of these templates, such as `/api/v1/streams/{stream_id}`."""

    def __init__(self, templates: Iterable[str]) -> None:
        named = {_PARAMETER.sub(r"{\1}", template).rstrip("/") or "/" for template in templates}
        # What is spelled out goes before what is left open.
        self._patterns = [
            (_pattern(template), template) for template in sorted(named, key=lambda one: ("{" in one, one))
        ]
        self._known: dict[bytes, str] = {}

    def of(self, scope: ReadScope) -> str:
        """Return the template of a request's route; `none` where it is of none."""
        raw: bytes = scope.get("raw_path") or b""
        name = self._known.get(raw)
        if name is None or not raw:
            name = self.find(scope) or NO_ROUTE
            if raw and len(raw) <= _LONGEST_REMEMBERED:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[raw] = name
        return name

    def find(self, scope: ReadScope) -> str | None:
        """Return the template of a request's route, if it is of one."""
        path = canonical_path(scope).rstrip("/") or "/"
        return next((template for pattern, template in self._patterns if pattern.fullmatch(path)), None)


def _pattern(template: str) -> re.Pattern[str]:
    literals = _PARAMETER.split(template)[::2]
    return re.compile("[^/]+".join(map(re.escape, literals)))
