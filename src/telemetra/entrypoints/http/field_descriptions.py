"""What the documentation says of each field: the docstring under it, and what the schema library leaves out."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import is_dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from types import GenericAlias
from typing import Any, get_args, get_type_hints

from msgspec import Struct


def describe_fields(kind: Any, components: dict[str, dict[str, Any]]) -> None:
    """
    Complete the component of a type, and those of all types in its fields.

    Every field stands on the wire whether or not it has a default, so every field is required.
    """
    for found in _structures(kind):
        component = components[found.__name__]
        properties = component.get("properties", {})
        component["required"] = sorted(properties)
        docstrings = _docstrings(found)
        if tag := _tag_field(found):
            properties[tag] = {**properties[tag], "description": "Which message it is."}
        for name, hint in get_type_hints(found).items():
            if name not in properties:
                continue
            properties[name] = {**properties[name]}
            if datetime in (hint, *get_args(hint)):
                properties[name]["format"] = "date-time"
            if name in docstrings:
                properties[name]["description"] = docstrings[name]


def _structures(kind: Any) -> list[type]:
    """Find the types with fields in a type: itself, those it is a union or a collection of, those of its fields."""
    found: dict[type, None] = {}
    waiting = [kind]
    while waiting:
        each = waiting.pop()
        if is_structure(each):
            if each in found:
                continue
            found[each] = None
            waiting.extend(get_type_hints(each).values())
        else:
            waiting.extend(get_args(each))
    return list(found)


def is_structure(kind: Any) -> bool:
    """Whether a type has fields that stand on the wire."""
    if not isinstance(kind, type) or isinstance(kind, GenericAlias):
        return False
    return is_dataclass(kind) or issubclass(kind, Struct)


def _tag_field(kind: type) -> str | None:
    """Return the name of the field that says which type of a union it is; no annotation stands for it."""
    return kind.__struct_config__.tag_field if issubclass(kind, Struct) else None


@cache
def _docstrings(kind: type) -> dict[str, str]:
    """Return the texts that stand under a class's fields, inherited ones included."""
    texts: dict[str, str] = {}
    for owner in reversed(kind.__mro__):
        if not is_structure(owner) or owner is Struct:
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for statement, following in pairwise(statements):
            text = _text_of(following)
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and text:
                texts[statement.target.id] = inspect.cleandoc(text)
    return texts


def _text_of(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        value = statement.value.value
        return value if isinstance(value, str) else None
    return None
