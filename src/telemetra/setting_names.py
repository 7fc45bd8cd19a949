"""Names that are nearly settings: in a file of ours, and, with more care, in the environment that all programs share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

_OUR_PREFIXES: Final = (
    *("POSTGRES_", "REDIS_", "LIVE_", "CACHE_", "TELEMETRA_"),
    *("ALLOWED_", "CORS_", "DRAIN_", "RATE_LIMIT", "TRUSTED_"),
)
"""What begins so in a file of ours is meant for us; API_, HTTP_ and LOG_ are what others begin with, too."""
_LIBRARYS_PREFIX: Final = "OTEL_"
_NEARLY: Final = 0.8
_NEARLY_IN_THE_ENVIRONMENT: Final = 0.85
"""Of what two names have in common. Containers are given names such as POSTGRES_SERVICE_HOST, which are below it."""
_SHORTEST_IN_THE_ENVIRONMENT: Final = 8
"""Characters; what is shorter is nearly HOST, PORT or DEBUG by chance."""
_ALSO_MEANT: Final = {"REDIS_HOST": "REDIS_URL", "REDIS_PORT": "REDIS_URL", "REDIS_PASSWORD": "REDIS_URL"}


def find_in_file(written: Iterable[str], names: Sequence[str]) -> list[str]:
    """Return what is to be said of names in a file of ours that no setting has; those of other programs are left alone."""
    oversights = []
    for name in written:
        if name in names:
            continue
        meant = _nearest(name, names, _NEARLY)
        if name.startswith(_LIBRARYS_PREFIX):
            oversights.append(f"{name} has no effect here: OpenTelemetry reads the environment alone")
        elif meant or name.upper().startswith(_OUR_PREFIXES):
            meant = meant or _ALSO_MEANT.get(name.upper()) or _nearest(name, names, 0.6)
            oversights.append(f"{name} is not a setting{_question(meant)}")
    return oversights


def find_in_environment(environ: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """Return what is to be said of names in the environment that are nearly those of settings, and have a value."""
    return [
        f"{name} is not a setting{_question(meant)}"
        for name, value in environ.items()
        if name not in names
        and len(name) >= _SHORTEST_IN_THE_ENVIRONMENT
        and value.strip()
        and not name.startswith(_LIBRARYS_PREFIX)
        and (meant := _nearest(name, names, _NEARLY_IN_THE_ENVIRONMENT))
    ]


def _nearest(name: str, names: Sequence[str], least: float) -> str | None:
    return next(iter(difflib.get_close_matches(name.upper(), names, n=1, cutoff=least)), None)


def _question(meant: str | None) -> str:
    return f"; did you mean {meant}?" if meant else ""
