"""
The schemas of what stands on the wire, from msgspec, which also encodes it: every document tells the same ones.

Knows JSON Schema, and nothing of the documents that its schemas stand in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from telemetra.entrypoints.http.field_descriptions import describe_fields

REFERENCE: Final = "#/components/schemas/{name}"
"""Where a schema stands in every document, OpenAPI and AsyncAPI alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaUnion:
    """Types of which a value is one: a union has neither name nor docstring of its own."""

    name: str
    description: str
    kinds: Any


def schemas_of(kinds: Sequence[Any], unions: Sequence[SchemaUnion] = ()) -> dict[str, Any]:
    """Return the schemas by name, sorted: of these types, of the types in their fields, and of the unions."""
    asked = [*kinds, *(union.kinds for union in unions)]
    schemas, components = msgspec.json.schema_components(asked, ref_template=REFERENCE)
    for kind in asked:
        describe_fields(kind, components)
    for union, schema in zip(unions, schemas[len(kinds) :], strict=True):
        components[union.name] = {"title": union.name, "description": union.description, **schema}
    for schema in components.values():
        _complete(schema)
    return dict(sorted(components.items()))


def _complete(schema: Any) -> None:
    """
    Add the types that the schema library leaves to the reader: generators would take them for `unknown`, or empty.

    And leave out defaults: they are the encoder's, which always writes the field; a reader never needs one.
    """
    match schema:
        case {"enum": [str(), *_]}:
            schema["type"] = "string"
        case {"type": "object"} if not schema.keys() & {"properties", "additionalProperties"}:
            schema["additionalProperties"] = True
        case {"type": "object", "properties": properties}:
            for field in properties.values():
                field.pop("default", None)
                _complete(field)
        case dict():
            for inner in schema.values():
                _complete(inner)
        case list():
            for inner in schema:
                _complete(inner)
