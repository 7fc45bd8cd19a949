"""Which media type a client accepts best (RFC 9110, section 12.5.1). Knows nothing of what is made in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from telemetra.entrypoints.http.preferences import weight_among

_OWN_WEIGHT: Final = (b"q=",)
_MOST_RANGES: Final = 100
"""Browsers send ten. A head full of them would hold the loop for a twentieth of a second."""


@dataclass(frozen=True, slots=True)
class MediaType:
    """What is offered: `type/subtype; name=value`, in small letters."""

    text: str

    @property
    def name(self) -> str:
        """The type and subtype alone."""
        return self.text.partition(";")[0]

    @property
    def parameters(self) -> dict[str, str]:
        """What it says beside its name."""
        return dict(part.strip().split("=", 1) for part in self.text.split(";")[1:])


@dataclass(frozen=True, slots=True)
class _Range:
    type: str
    subtype: str
    parameters: dict[str, str]
    weight: float

    @property
    def is_exact(self) -> bool:
        return self.subtype != "*"

    @property
    def precision(self) -> tuple[bool, bool, int]:
        return self.type != "*", self.is_exact, len(self.parameters)

    def covers(self, offer: MediaType) -> bool:
        """Whether the offer is one of these; a parameter that the offer does not have excludes nothing."""
        type_, _, subtype = offer.name.partition("/")
        if self.type not in {"*", type_} or self.subtype not in {"*", subtype}:
            return False
        offered = offer.parameters
        return all(offered.get(name, value) == value for name, value in self.parameters.items())


def preferred(accept: Iterable[bytes], offers: Sequence[MediaType]) -> MediaType | None:
    """
    Return the offer that the values of `Accept` weigh most; None where they exclude all.

    Of equal weight, what is named goes before what a wildcard covers, and then the first that is offered. What names no
    media type is as if it were not there, and where nothing else is, the first offer is taken. Only the first hundred
    ranges are looked at.
    """
    ranges = list(_ranges(accept))
    if not ranges:
        return offers[0]
    best, best_worth = None, (0.0, True)
    for offer in offers:
        covering = [one for one in ranges if one.covers(offer)]
        if not covering:
            continue
        nearest = max(covering, key=lambda one: one.precision)
        worth = nearest.weight, nearest.is_exact
        if nearest.weight > 0 and (best is None or worth > best_worth):
            best, best_worth = offer, worth
    return best


def _ranges(accept: Iterable[bytes]) -> Iterable[_Range]:
    for part in b",".join(accept).lower().split(b",", _MOST_RANGES)[:_MOST_RANGES]:
        name, *rest = (piece.strip() for piece in part.split(b";"))
        type_, slash, subtype = name.decode("latin-1").partition("/")
        if not (slash and type_ and subtype) or (type_ == "*" and subtype != "*"):
            continue
        parameters = {}
        for parameter in rest:
            named, equals, value = parameter.decode("latin-1").partition("=")
            if equals and not parameter.startswith(_OWN_WEIGHT):
                parameters[named] = value.strip('"')
        yield _Range(type_, subtype, parameters, weight_among(rest))
