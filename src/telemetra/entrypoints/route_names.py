"""What a request's route is called, for numbers that are told by route: never by what a client wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from telemetra.entrypoints.asgi import ReadScope
from telemetra.entrypoints.paths import canonical_path

NO_ROUTE: Final = "none"
_REMEMBERED: Final = 10_000
_LONGEST_REMEMBERED: Final = 256
_OPEN_SEGMENT: Final = re.compile(r"\\\{[^/]*?\\\}")


class RouteNames:
    """Names routes by their templates, such as `/api/v1/streams/{stream_id}`."""

    def __init__(self, templates: Iterable[str]) -> None:
        fixed_first = sorted(set(templates), key=lambda template: ("{" in template, template))
        self._patterns = [
            (re.compile(_OPEN_SEGMENT.sub("[^/]+", re.escape(template))), template)
            for template in fixed_first
        ]
        self._known: dict[bytes, str] = {}

    def of(self, scope: ReadScope) -> str:
        """Return the template of a request's route; `none` where there is none."""
        raw: bytes = scope.get("raw_path") or b""
        name = self._known.get(raw)
        if name is None or not raw:
            name = self._find(canonical_path(scope))
            if raw and len(raw) <= _LONGEST_REMEMBERED:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[raw] = name
        return name

    def _find(self, path: str) -> str:
        path = path.rstrip("/") or "/"
        return next((name for pattern, name in self._patterns if pattern.fullmatch(path)), NO_ROUTE)
