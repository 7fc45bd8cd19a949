"""The values of settings: from text to what the program takes, and in people's words what was expected instead."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec.inspect import FloatType, IntType, StrType, type_info

_TRUE: Final = {"1", "true", "yes", "on"}
_FALSE: Final = {"0", "false", "no", "off", ""}
_HOST_NAME: Final = re.compile(r"[\w.-]+")
_REDIS_PATH: Final = re.compile(r"(/[0-9]{0,5})?")


class ValueUnusable(ValueError):
    """A text is no value of the type; the message says what was expected, and nothing of the text."""


def convert(text: str, wanted: Any) -> Any:
    """
    Return the value of the type `wanted` that a text spells.

    Raises:
        ValueUnusable: it spells none.

    """
    if wanted is bool:
        if text.lower() not in _TRUE | _FALSE:
            raise ValueUnusable("expected true or false")
        return text.lower() in _TRUE
    if wanted in (Path, Path | None):
        try:
            return Path(text).expanduser()
        except RuntimeError:
            raise ValueUnusable("expected a path, ~ of a user that there is") from None
    if wanted == tuple[str, ...]:
        return tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    try:
        return msgspec.convert(_as_declared(text, wanted), wanted, strict=False)
    except msgspec.ValidationError:
        raise ValueUnusable(f"expected {_words(wanted)}") from None


def _as_declared(text: str, wanted: Any) -> str:
    """Return the one of the allowed words that differs in nothing but capitals."""
    allowed = get_args(wanted) if get_origin(wanted) is Literal else ()
    return next((word for word in allowed if word.lower() == text.lower()), text)


def _words(wanted: Any) -> str:
    if get_origin(wanted) is Literal:
        *most, last = get_args(wanted)
        return f"{', '.join(most)} or {last}"
    match type_info(wanted):
        case IntType(ge=low, le=high):
            return f"a whole number from {low} to {high}"
        case FloatType(gt=None, ge=low, le=high):
            return f"a number from {low} to {high}"
        case FloatType(gt=low, le=high):
            return f"a number above {low}, {high} at most"
        case StrType(min_length=low, max_length=int(high)):
            return f"{low} to {high} characters"
    return "something else"


def is_host(text: str) -> bool:
    """Whether a text is a host's name or address, and nothing more."""
    try:
        ip_address(text)
    except ValueError:
        return bool(_HOST_NAME.fullmatch(text))
    return True


def is_network(text: str) -> bool:
    """Whether a text is an address, or a network of addresses."""
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def is_redis_url(text: str) -> bool:
    """Whether a text is an address of Redis that its client reads as it was meant: it takes what it can and says nothing."""
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in {"redis", "rediss"}
            and is_host(parts.hostname or "")
            and parts.port != 0
            and bool(_REDIS_PATH.fullmatch(parts.path))
            # A password with one of these ends the host early.
            and not parts.fragment
            and "@" not in parts.query
        )
    except ValueError:
        return False


def is_origin(text: str) -> bool:
    """Whether a text is the origin of a page, as browsers send it."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and not parts.path


def is_web_url(text: str) -> bool:
    """Whether a text is the address of something on a web server."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        return False
