"""
Reads PromQL as far as dashboards and alerts here speak it: what is not well-formed, or of the wrong type, is refused.

What stays of an expression is what can be held against the numbers that are told: which series it selects, by which
labels, and through which functions. It knows the functions that are used, and no more: a new one is added to the table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NoReturn

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+) | (?P<duration>(?:\d+(?:ms|[smhdwy]))+\b) | (?P<number>\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+)
      | (?P<string>"(?:[^"\\\n]|\\.)*") | (?P<name>[A-Za-z_:][\w:]*) | (?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){}\[\],])""",
    re.VERBOSE,
)


class Kind(StrEnum):
    """What an expression comes to."""

    SCALAR = "scalar"
    VECTOR = "vector"
    RANGE = "range"


_S, _V, _R = Kind.SCALAR, Kind.VECTOR, Kind.RANGE
_FUNCTIONS: Final[dict[str, tuple[tuple[Kind, ...], Kind]]] = {
    "absent": ((_V,), _V),
    "avg_over_time": ((_R,), _V),
    "histogram_quantile": ((_S, _V), _V),
    "increase": ((_R,), _V),
    "rate": ((_R,), _V),
    "time": ((), _S),
    "vector": ((_S,), _V),
}
_AGGREGATIONS: Final = frozenset({"avg", "count", "max", "min", "sum"})
_COMPARISONS: Final = frozenset({"==", "!=", ">", "<", ">=", "<="})
_PRECEDENCE: Final[tuple[frozenset[str], ...]] = (
    frozenset({"or"}),
    frozenset({"and", "unless"}),
    _COMPARISONS,
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
_SETS: Final = _PRECEDENCE[0] | _PRECEDENCE[1]
_MATCHERS: Final = frozenset({"=", "!=", "=~", "!~"})


class NotPromQL(Exception):
    """It can't be read; the message says where, and why."""


@dataclass(frozen=True, kw_only=True)
class Selector:
    """Some series of one name."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator, value."""
    function: str
    """The nearest function around it; empty where there is none."""


@dataclass
class Reading:
    """What an expression says."""

    selectors: list[Selector] = field(default_factory=list)
    grouped_by: set[str] = field(default_factory=set)
    """Labels that are kept, dropped or matched by."""
    quantiles_by: list[set[str]] = field(default_factory=list)
    """For each histogram_quantile, the labels that the vector was brought down to."""


def read(expression: str) -> Reading:
    """
    Read an expression to its end.

    Raises:
        NotPromQL: it is none.

    """
    reader = _Reader(expression)
    kind = reader.binary(0)
    if reader.peek():
        reader.refuse("more than one expression")
    if kind is _R:
        reader.refuse("a range that no function takes")
    return reader.reading


class _Reader:
    """A recursive descent; each method takes what it is named after, and returns what that comes to."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = self._split(expression)
        self._at = 0
        self._functions: list[str] = []
        self.reading = Reading()

    def _split(self, expression: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(expression):
            found = _TOKEN.match(expression, at)
            if not found:
                raise NotPromQL(f"{expression}: what is {expression[at:]!r}?")
            assert found.lastgroup
            if found.lastgroup != "space":
                tokens.append((found.lastgroup, found[0]))
            at = found.end()
        return tokens

    def refuse(self, reason: str) -> NoReturn:
        rest = " ".join(text for _, text in self._tokens[self._at :])
        raise NotPromQL(f"{self._expression}: {reason}, before {rest!r}")

    def peek(self, ahead: int = 0) -> str:
        place = self._at + ahead
        return self._tokens[place][1] if place < len(self._tokens) else ""

    def _take(self, *wanted: str, kind: str = "") -> str:
        found_kind, text = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if (wanted and text not in wanted) or (kind and found_kind != kind) or not text:
            self.refuse(f"expected {kind or wanted}")
        self._at += 1
        return text

    def binary(self, level: int) -> Kind:
        if level == len(_PRECEDENCE):
            return self._unary()
        left = self.binary(level + 1)
        while (operator := self.peek()) in _PRECEDENCE[level]:
            self._take()
            self._matching()
            left = self._combined(operator, left, self.binary(level + 1))
        return left

    def _combined(self, operator: str, left: Kind, right: Kind) -> Kind:
        if _R in {left, right} or (operator in _SETS and _S in {left, right}):
            self.refuse(f"{left} {operator} {right}")
        if operator in _COMPARISONS and left is right is _S:
            self.refuse("two numbers are compared with `bool` only")
        return _V if _V in {left, right} else _S

    def _matching(self) -> None:
        if self.peek() in {"on", "ignoring"}:
            self._take()
            self._labels()
            if self.peek() in {"group_left", "group_right"}:
                self._take()
                self._labels()

    def _unary(self) -> Kind:
        if self.peek() == "-":
            self._take()
            return self._unary()
        if self.peek() == "(":
            self._take()
            kind = self.binary(0)
            self._take(")")
            return kind
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "number":
            self._take()
            return _S
        name = self._take(kind="name")
        if name in _AGGREGATIONS:
            return self._aggregation()
        return self._call(name) if self.peek() == "(" else self._selector(name)

    def _aggregation(self) -> Kind:
        kept: set[str] = set()
        if self.peek() == "by":
            self._take()
            kept = self._labels()
        if self._functions[-1:] == ["histogram_quantile"]:
            self.reading.quantiles_by.append(kept)
        self._functions.append("")
        self._arguments((_V,))
        self._functions.pop()
        return _V

    def _call(self, name: str) -> Kind:
        if name not in _FUNCTIONS:
            self.refuse(f"{name} is no function that is known here")
        wanted, kind = _FUNCTIONS[name]
        self._functions.append(name)
        self._arguments(wanted)
        self._functions.pop()
        return kind

    def _arguments(self, wanted: tuple[Kind, ...]) -> None:
        self._take("(")
        for number, kind in enumerate(wanted):
            if number:
                self._take(",")
            if (found := self.binary(0)) is not kind:
                self.refuse(f"a {kind} is wanted, and there is a {found}")
        self._take(")")

    def _selector(self, name: str) -> Kind:
        matchers = []
        if self.peek() == "{":
            self._take()
            while self.peek() != "}":
                label, operator = self._take(kind="name"), self._take(*_MATCHERS)
                matchers.append((label, operator, self._take(kind="string")[1:-1]))
                if self.peek() != "}":
                    self._take(",")
            self._take("}")
        function = self._functions[-1] if self._functions else ""
        self.reading.selectors.append(Selector(name=name, matchers=tuple(matchers), function=function))
        if self.peek() != "[":
            return _V
        self._take("[")
        self._take(kind="duration")
        self._take("]")
        return _R

    def _labels(self) -> set[str]:
        labels = set()
        self._take("(")
        while self.peek() != ")":
            labels.add(self._take(kind="name"))
            if self.peek() != ")":
                self._take(",")
        self._take(")")
        self.reading.grouped_by |= labels
        return labels
