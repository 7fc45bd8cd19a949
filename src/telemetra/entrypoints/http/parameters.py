"""
Query parameters: read strictly, and all that is wrong is told at once.

What a client meant but did not get is worse than a refusal, so nothing is guessed: no second value for a name, no
number that needs interpreting, no name that isn't known. Knows nothing of the framework: the same reading serves
whatever stands in front of the routes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlencode

from telemetra.domain.errors import ParameterInvalid

_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}")
_LONGEST_SHOWN: Final = 40


class ParametersInvalid(Exception):
    """Query parameters that can't be used, each with the reason."""

    def __init__(self, errors: Sequence[ParameterInvalid]) -> None:
        super().__init__(" ".join(str(error) for error in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryParameter:
    """One parameter: how it is called, read and documented."""

    name: str
    parse: Callable[[str], Any]
    """Return the value; raise ValueError with a sentence that says what was expected."""
    description: str
    schema: Mapping[str, Any]
    """JSON Schema, for the documentation."""
    argument: str | None = None
    """What the query calls it, where that isn't `name`."""
    is_asked: bool = True
    """Whether it is a part of the question, and not of how the answer is told."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a request asked for: the texts as they were sent, in order, and the values that they spell."""

    given: Mapping[str, str]
    values: Mapping[str, Any]
    """By the query's names; only those that were given."""

    def link(self, **changed: str | int) -> str:
        """Return a reference to the same resource with some parameters changed, relative to the request's own URL."""
        return "?" + urlencode({**self.given, **changed})

    def without(self, name: str) -> str:
        """Return a reference to the same resource without one parameter."""
        return "?" + urlencode({kept: text for kept, text in self.given.items() if kept != name})


def read_parameters(query_string: bytes, known: Sequence[QueryParameter]) -> Parameters:
    """
    Read a query.

    Raises:
        ParametersInvalid: some parameters are unknown, given twice, not well encoded or not what they must be.

    """
    by_name = {parameter.name: parameter for parameter in known}
    given: dict[str, str] = {}
    values: dict[str, Any] = {}
    errors: list[ParameterInvalid] = []
    for name, text in _pairs(query_string):
        try:
            if name in given:
                raise ValueError("It is given more than once.")  # noqa: TRY301  (one place tells the name)
            given[name] = text
            parameter = by_name.get(name) or _refuse_unknown(by_name)
            value = parameter.parse(_decode(text))
            if parameter.is_asked:
                values[parameter.argument or name] = value
        except ValueError as error:
            errors.append(ParameterInvalid(_shown(name), str(error)))
    if errors:
        raise ParametersInvalid(errors)
    return Parameters({name: _decode(text) for name, text in given.items()}, values)


def texts_given(query_string: bytes, name: str) -> list[str]:
    """Return every text that a query gives to a name, in order; one that is not well encoded as it stands."""
    if name.encode() not in query_string and b"%" not in query_string:
        return []
    return [_decode_leniently(text) for given, text in _pairs(query_string) if given == name]


def integer_between(low: int, high: int) -> Callable[[str], int]:
    """Return how a whole number is read: digits, and nothing around them."""

    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
            raise ValueError(f"Expected a whole number from {low} to {high}.")
        return int(text)

    return parse


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    """Split a query; names are decoded, texts not yet, so that what is wrong with them can be told by name."""
    pairs = []
    for part in query_string.decode("latin-1").split("&"):
        if part:
            name, _, text = part.partition("=")
            pairs.append((_decode_leniently(name), text))
    return pairs


def _decode(text: str) -> str:
    """Decode what a form would have sent: `+` is a space."""
    if _BROKEN_ESCAPE.search(text):
        raise ValueError("A % must be followed by two hexadecimal digits; write % as %25.")
    try:
        decoded = unquote_to_bytes(text.replace("+", " ").encode("latin-1")).decode()
    except UnicodeDecodeError as error:
        raise ValueError("It is not valid UTF-8.") from error
    if "\0" in decoded:
        raise ValueError("It holds a NUL character.")
    return decoded


def _decode_leniently(name: str) -> str:
    return unquote_to_bytes(name.replace("+", " ").encode("latin-1")).decode(errors="backslashreplace")


def _refuse_unknown(known: Mapping[str, QueryParameter]) -> QueryParameter:
    raise ValueError(
        f"There is no such parameter here. Known are {', '.join(known)}."
        if known
        else "No query parameters are taken here."
    )


def _shown(name: str) -> str:
    shown = ascii(name)[1:-1]
    return shown if len(shown) <= _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + "..."
