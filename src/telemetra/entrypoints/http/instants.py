"""Instants in parameters: RFC 3339 and its ISO 8601 relatives, always to an aware UTC `datetime`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from telemetra.entrypoints.http.parameters import QueryParameter

_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_SPACE_FOR_PLUS: Final = re.compile(r".*[0-9] [0-9]{2}:?[0-9]{2}")
_OFFSET_NEEDS_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:?[0-9]{2}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+([.][0-9]*)?([eE][+-]?[0-9]+)?")
_OTHER_YEAR: Final = re.compile(r"([+-][0-9]+|[0-9]{5,}|0000)-[0-9]{2}-[0-9]{2}.*")

EXPECTED: Final = "Expected a time such as 2026-05-01T18:30:00Z (RFC 3339)"
_OUT_OF_RANGE: Final = "Only the years 1 to 9999, in UTC, can be asked for."


def parse_instant(text: str) -> datetime:
    """
    Return the instant that a text names; one without an offset is UTC.

    Raises:
        ValueError: it names none; the message says what to write instead.

    """
    if _NUMBER.fullmatch(text):
        raise ValueError(f"{EXPECTED}; numbers, such as seconds since 1970, are not understood.")
    if _OTHER_YEAR.fullmatch(text):
        raise ValueError(_OUT_OF_RANGE)
    if not _INSTANT.fullmatch(text):
        if _SPACE_FOR_PLUS.fullmatch(text) and not _OFFSET_NEEDS_TIME.fullmatch(text):
            raise ValueError(f"{EXPECTED}. A + in a query means a space: write it as %2B.")
        raise ValueError(f"{EXPECTED}.")
    try:
        instant = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise ValueError(f"{EXPECTED}; there is no such date or time of day.") from error
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(_OUT_OF_RANGE) from error


def time_parameter(name: str, description: str, example: str) -> QueryParameter:
    """Return a parameter that is an instant."""
    return QueryParameter(
        name=name,
        parse=parse_instant,
        description=f"{description} RFC 3339; without an offset it is UTC, and a `+` must be written as `%2B`.",
        schema={"type": OpenAPIType.STRING, "format": OpenAPIFormat.DATE_TIME, "examples": [example]},
    )
