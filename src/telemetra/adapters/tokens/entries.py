"""What stands in a file of tokens: what each allows, or in words and with its line what is wrong. Knows no file, and shows no digest."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, get_args

import msgspec

from telemetra.domain.access import LONGEST_NAME, TOKEN_PREFIX, AccessScope, Grant

_KEYS: Final = ("name", "sha256", "scopes", "streams", "expires_at")
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{64}")
_HEADER: Final = re.compile(r"""\s*\[\[\s*["']?tokens["']?\s*\]\]""")
_SYNTAX: Final = re.compile(
    r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)
_MOST_TOLD: Final = 5


class EntriesInvalid(Exception):
    """What is written there can't be used; the message says in one line why, without a full stop and without a secret."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = len(problems) - _MOST_TOLD
        told = [*problems[:_MOST_TOLD], *([f"and {more} more"] if more > 0 else [])]
        super().__init__("; ".join(told))


class _Fault(NamedTuple):
    key: str | None
    """At which it is told; None: at the token's first line."""
    told: str


def read_entries(text: str) -> list[Grant]:
    """
    Return what the tokens that are written in TOML allow, in their order.

    Raises:
        EntriesInvalid: not all of it can be used, so none of it may be.

    """
    written = _parsed(text)
    tokens = written.get("tokens", [])
    is_array = isinstance(tokens, list) and all(isinstance(token, dict) for token in tokens)
    lines = _Lines(text, len(tokens) if is_array else 0)
    problems = [
        f"{lines.of_key(key)}{key!r} is none of its keys: expected [[tokens]]"
        for key in written
        if key != "tokens"
    ]
    if not is_array:
        raise EntriesInvalid([*problems, f"{lines.of_key('tokens')}expected [[tokens]] before each token"])
    for number, token in enumerate(tokens):
        problems += [
            f"{lines.of_token(number, fault.key)}{_called(token, number)} {fault.told}"
            for fault in _faults(token)
        ]
    if problems:
        raise EntriesInvalid(problems)
    grants = [_grant(token) for token in tokens]
    if doubled := _find_doubled(grants, lines):
        raise EntriesInvalid(doubled)
    return grants


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EntriesInvalid([_explain_syntax(str(error), text)]) from None
    except RecursionError:
        raise EntriesInvalid(["it is nested too deeply"]) from None
    except ValueError:
        raise EntriesInvalid(["a number or a date in it can't be"]) from None


def _explain_syntax(said: str, text: str) -> str:
    """Return what TOML's parser says, with the line in front, and that of the end by its number."""
    match = _SYNTAX.fullmatch(said)
    what = match["what"] if match else said
    what = " ".join(f"{what[:1].lower()}{what[1:]}".split())
    if match is None:
        return f"it is no TOML: {what}"
    if match["line"] is None:
        return f"line {max(1, len(text.rstrip().splitlines()))}: it is no TOML, and ends too soon: {what}"
    return f"line {match['line']}, column {match['column']}: it is no TOML: {what}"


class _Lines:
    """Finds where something is written, as far as it can be told: the parser does not say."""

    def __init__(self, text: str, tokens: int) -> None:
        self._lines = text.splitlines()
        starts = [place for place, line in enumerate(self._lines) if _HEADER.match(line)]
        # Tokens may be written as inline tables, too, and a text of several lines may look like a header.
        self._starts = [*starts, len(self._lines)] if len(starts) == tokens else []

    def of_token(self, number: int, key: str | None = None) -> str:
        """Return `line N: ` of a key of a token, or where that is not found of its header; empty where neither is."""
        if not self._starts:
            return ""
        first, end = self._starts[number], self._starts[number + 1]
        place = self._find(key, first + 1, end) if key else None
        return f"line {(first if place is None else place) + 1}: "

    def of_key(self, key: str) -> str:
        """Return `line N: ` of a key of the file itself."""
        place = self._find(key, 0, len(self._lines))
        return "" if place is None else f"line {place + 1}: "

    def _find(self, key: str, first: int, end: int) -> int | None:
        written = re.compile(rf"""\s*\[{{0,2}}\s*["']?{re.escape(key)}["']?\s*[\]=.]""")
        return next((place for place in range(first, end) if written.match(self._lines[place])), None)


def _called(token: Mapping[str, Any], number: int) -> str:
    name = token.get("name")
    is_name = isinstance(name, str) and 0 < len(name) <= LONGEST_NAME
    return f"the token {name!r}" if is_name else f"token {number + 1}"


def _faults(token: Mapping[str, Any]) -> Iterator[_Fault]:
    for key in token:
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            meant = f"did you mean {near[0]}?" if near else f"expected {', '.join(_KEYS)}"
            yield _Fault(key, f"has {key!r}, which says nothing: {meant}")
    for key in ("name", "sha256", "scopes"):
        if key not in token:
            yield _Fault(None, f"has no {key}: `telemetra token` writes all that it takes")
    if "name" in token and not (isinstance(token["name"], str) and 0 < len(token["name"]) <= LONGEST_NAME):
        yield _Fault(
            "name", f"has a name that can't be one: expected a text of 1 to {LONGEST_NAME} characters"
        )
    if "sha256" in token:
        yield from _faults_of_digest(token["sha256"])
    if "scopes" in token:
        yield from _faults_of_scopes(token["scopes"])
    if "streams" in token and not _are_texts(token["streams"]):
        yield _Fault("streams", 'has streams that are none: expected a list of their ids, such as ["demo"]')
    if "expires_at" in token and _instant(token["expires_at"]) is None:
        yield _Fault(
            "expires_at", "has an end that is none: expected a day with a time, such as 2027-01-01T00:00:00Z"
        )


def _faults_of_digest(digest: object) -> Iterator[_Fault]:
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        is_token = isinstance(digest, str) and digest.startswith(TOKEN_PREFIX)
        what = (
            "its very text as sha256, which belongs in no file" if is_token else "a sha256 that is no digest"
        )
        yield _Fault(
            "sha256", f"has {what}: expected 64 hexadecimal digits, as `telemetra token` writes them"
        )


def _faults_of_scopes(scopes: Any) -> Iterator[_Fault]:
    known = get_args(AccessScope)
    expected = f"expected a list of {' and '.join(known)}"
    if not _are_texts(scopes):
        yield _Fault("scopes", f"has scopes that are none: {expected}")
    elif not scopes:
        yield _Fault("scopes", f"has no scope: {expected}")
    else:
        for scope in scopes:
            if scope not in known:
                yield _Fault("scopes", f"has the scope {scope[:LONGEST_NAME]!r}, which is none: {expected}")


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _instant(value: object) -> datetime | None:
    try:
        instant: datetime = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _grant(token: Mapping[str, Any]) -> Grant:
    streams = token.get("streams")
    return Grant(
        id=bytes.fromhex(token["sha256"]),
        name=token["name"],
        scopes=frozenset(token["scopes"]),
        streams=None if streams is None else frozenset(streams),
        expires_at=_instant(token.get("expires_at")),
    )


def _find_doubled(grants: Sequence[Grant], lines: _Lines) -> list[str]:
    first: dict[bytes, int] = {}
    problems = []
    for number, grant in enumerate(grants):
        before = first.setdefault(grant.id, number)
        if before != number:
            where = lines.of_token(before, "sha256").removesuffix(": ")
            that = f"{grants[before].name!r}{f' ({where})' if where else ''}"
            problems.append(
                f"{lines.of_token(number, 'sha256')}the token {grant.name!r} is there twice, it has the sha256 of {that}: "
                "take one of them out"
            )
    return problems
