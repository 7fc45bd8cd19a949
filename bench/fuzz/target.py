"""What a target is: something that reads bytes, where it begins, and what has to hold of whatever it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    One reader of bytes.

    `check` takes any bytes at all. Whatever it raises is a finding: `Broken` where something does not hold, any other error
    where the reader let through what it should have told as its own.
    """

    name: str
    check: Callable[[bytes], None]
    seeds: Sequence[bytes]
    """Valid forms, and near misses: from these it goes on."""
    words: Sequence[bytes] = ()
    """What its language is made of."""


class Broken(Exception):
    """Something does not hold."""


def hold(is_so: object, what: str, *facts: object) -> None:
    """
    Say what has to hold.

    Raises:
        Broken: it does not.

    """
    if not is_so:
        raise Broken(f"{what}: {', '.join(map(ascii, facts))}")


def any_text(data: bytes) -> str:
    """Return a text for any bytes: lone surrogates, NUL and all."""
    try:
        return data.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")
