"""Which hosts this service answers for: a page of a name that was rebound to its address must not read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_LONGEST: Final = 300


class AllowedHosts:
    """Hosts by their names, `*.example.org` for all below one; none at all: every host is answered for."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._names = {pattern.lower() for pattern in patterns if not pattern.startswith("*")}
        self._endings = tuple(pattern[1:].lower() for pattern in patterns if pattern.startswith("*."))
        self.is_any = not patterns or "*" in patterns

    def has(self, given: str) -> bool:
        """Whether this `Host` is one of them; its port makes no difference."""
        if self.is_any:
            return True
        if len(given) > _LONGEST:
            return False
        name = _name_of(given.strip().lower())
        return name in self._names or (bool(self._endings) and name.endswith(self._endings))


def _name_of(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[")
    return host.partition(":")[0].removesuffix(".")
