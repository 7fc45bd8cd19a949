"""
What comes over the wire, held against the schemas of a document as it is served.

Stricter than the document itself: its schemas let newer servers add fields, here a field that is not told is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

_REFERENCE = "#/components/schemas/{name}"


class Documented:
    """The schemas of one document, by OpenAPI 3.1 or AsyncAPI 3.0."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        schemas = document["components"]["schemas"]
        self._components = {"components": {"schemas": {name: _closed(one) for name, one in schemas.items()}}}
        # What each is made of: OpenAPI 3.1 of draft 2020-12, AsyncAPI 3.0 of draft 07.
        self._validator = (
            jsonschema_rs.Draft202012Validator if "openapi" in document else jsonschema_rs.Draft7Validator
        )

    def mismatches(self, value: Any, schema: str | dict[str, Any]) -> list[str]:
        """Say in what a value is not as a schema of the document's, or the component of this name, has it."""
        asked = {"$ref": _REFERENCE.format(name=schema)} if isinstance(schema, str) else _closed(schema)
        validator = self._validator({**self._components, **asked}, validate_formats=True)
        return [
            f"{'/'.join(map(str, error.instance_path))}: {error.message}"
            for error in validator.iter_errors(value)
        ]

    def message(self, name: str) -> dict[str, Any]:
        """Return the schema of a message's payload, of an AsyncAPI document."""
        payload: dict[str, Any] = self.document["components"]["messages"][name]["payload"]
        return payload


def _closed(schema: Any) -> Any:
    """Return a schema in which objects have no fields but those that are told."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(inner) for name, inner in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        closed["additionalProperties"] = False
    return closed


_OF_ANOTHER_TYPE: tuple[Any, ...] = (None, 0.5, True, "", [], {})


def spoilt(value: Any) -> Iterator[tuple[str, Any]]:
    """
    Yield what a value would be with one thing wrong, and what that is: a field less, more, misnamed, of another type.

    Lists are spoilt in their first item. What is free by its schema has to be left out by who asks.
    """
    match value:
        case dict():
            yield "more", {**value, "unheard_of": 1}
            for name, inner in value.items():
                others = {other: one for other, one in value.items() if other != name}
                yield f"{name} is missing", others
                yield f"{name} is misnamed", {**others, f"{name}_": inner}
                for wrong in _OF_ANOTHER_TYPE:
                    if not isinstance(wrong, type(inner)) and not (wrong is None or inner is None):
                        yield f"{name} is {wrong!r}", {**others, name: wrong}
                for told, worse in spoilt(inner):
                    yield f"{name}: {told}", {**others, name: worse}
        case [first, *rest]:
            for told, worse in spoilt(first):
                yield f"[0]: {told}", [worse, *rest]
