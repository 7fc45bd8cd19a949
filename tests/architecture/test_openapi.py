"""The OpenAPI document: what was promised stays, nothing is left unsaid, and no type in it lies."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from telemetra.entrypoints.app import openapi_document
from telemetra.entrypoints.http import examples
from telemetra.entrypoints.http.metrics import METRICS_READ
from telemetra.entrypoints.http.moments import MOMENTS_READ
from telemetra.entrypoints.http.reads import Read
from telemetra.entrypoints.http.streams import LIST_READ, STREAM_READ
from telemetra.live_messages import PongMessage, SnapshotMessage
from telemetra.settings import Settings
from tests.documented import Documented

_SNAPSHOT = Path(__file__).with_name("openapi.json")
_DOCUMENT: dict[str, Any] = json.loads(openapi_document(Settings()))
_DOCUMENTED = Documented(_DOCUMENT)
_SCHEMAS: dict[str, Any] = _DOCUMENT["components"]["schemas"]
_OPERATIONS = {path: next(iter(item.values())) for path, item in _DOCUMENT["paths"].items()}


def test_the_document_is_the_one_that_was_agreed_on() -> None:
    """Renew it with `make openapi`, and look at the difference."""
    assert json.loads(_SNAPSHOT.read_text()) == _DOCUMENT


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(_DOCUMENT)
    assert set(re.findall(r"#/components/schemas/(\w+)", text)) <= set(_SCHEMAS)


@pytest.mark.parametrize("path", _OPERATIONS)
def test_an_operation_is_told_in_full(path: str) -> None:
    operation = _OPERATIONS[path]
    assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", operation["operationId"])
    assert len(operation["tags"]) == 1
    assert operation["tags"][0] in {tag["name"] for tag in _DOCUMENT["tags"]}
    assert operation["summary"]
    assert len(operation["description"]) > 20
    for parameter in operation.get("parameters", ()):
        assert parameter["description"]
        assert (
            "example" in parameter
            or "examples" in parameter["schema"]
            or "enum" in parameter["schema"]
            or (parameter["name"] == "If-None-Match")
        )
    for response in operation["responses"].values():
        assert "X-Request-ID" in response["headers"]
        for content in response.get("content", {}).values():
            assert content["schema"]
            assert content["examples"]


@pytest.mark.parametrize("path", [path for path in _OPERATIONS if path.startswith("/api/v1/streams")])
def test_a_read_declares_what_may_go_wrong(path: str) -> None:
    responses = _OPERATIONS[path]["responses"]
    expected = {"200", "304", "401", "403", "421", "422", "429", "500", "503"} | (
        {"404"} if "{" in path else set()
    )
    if {"text/csv", "application/x-ndjson"} <= set(responses["200"]["content"]):
        assert next(iter(responses["200"]["content"])) == "application/json"
        expected.add("406")
    assert set(responses) == expected
    for status in expected - {"200", "304"}:
        assert set(responses[status]["content"]) == {"application/problem+json"}
    for status in ("429", "503"):
        assert "Retry-After" in responses[status]["headers"]
    assert "WWW-Authenticate" in responses["401"]["headers"]
    assert {"ETag", "Telemetra-Position", "Cache-Control"} <= set(responses["200"]["headers"])


def test_every_example_is_what_its_schema_says() -> None:
    for operation in _OPERATIONS.values():
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                for example in content["examples"].values():
                    assert _DOCUMENTED.mismatches(example["value"], content["schema"]) == []


@pytest.mark.parametrize(
    "read", [LIST_READ, STREAM_READ, METRICS_READ, MOMENTS_READ], ids=lambda read: read.path
)
def test_every_example_of_a_parameter_is_taken_by_its_own_path(read: Read[Any]) -> None:
    for parameter in read.parameters:
        for example in parameter.schema.get("examples", parameter.schema.get("enum", [])):
            parameter.parse(str(example))


def test_every_link_leads_to_an_operation_and_its_parameters() -> None:
    parameters = {
        operation["operationId"]: {f"{one['in']}.{one['name']}" for one in operation.get("parameters", ())}
        for operation in _OPERATIONS.values()
    }
    links = [
        link
        for operation in _OPERATIONS.values()
        for link in operation["responses"].get("200", {}).get("links", {}).values()
    ]
    assert links
    for link in links:
        assert set(link["parameters"]) <= parameters[link["operationId"]]


def test_live_messages_are_among_the_components() -> None:
    union = _SCHEMAS["LiveMessage"]
    kinds = {"connected", "snapshot", "metrics", "moment", "stream", "removed", "heartbeat", "pong", "error"}
    assert set(union["discriminator"]["mapping"]) == kinds
    assert len(union["anyOf"]) == len(kinds)
    now = examples.STREAM.created_at
    messages = [
        SnapshotMessage(
            stream_id="demo",
            timestamp=now,
            stream=None,
            metrics=[examples.WINDOW],
            moments=[examples.MOMENT],
            position=examples.POSITION_TEXT,
        ),
        PongMessage(stream_id="demo", timestamp=now),
    ]
    for message in messages:
        for schema in (type(message).__name__, "LiveMessage"):
            assert _DOCUMENTED.mismatches(msgspec.to_builtins(message), schema) == []


def test_every_field_is_always_there_and_says_what_it_is() -> None:
    for name, schema in _SCHEMAS.items():
        fields = schema.get("properties", {})
        assert schema.get("required", []) == sorted(fields), name
        for field, told in fields.items():
            assert told.get("description"), f"{name}.{field}"
            # The encoder writes every field: a default would tell readers of one that may be missing.
            assert "default" not in told, f"{name}.{field}"


def test_the_example_of_a_moment_is_one_of_our_own_detector() -> None:
    assert examples.MOMENT.metadata
    told = _SCHEMAS["Moment"]["properties"]["metadata"]["description"]
    assert {f"`{name}`" for name in examples.MOMENT.metadata} <= set(re.findall(r"`\w+`", told))


def test_instants_say_so() -> None:
    for schema in _SCHEMAS.values():
        for name, field in schema.get("properties", {}).items():
            if name == "timestamp" or name.endswith(("_at", "_start", "_end")):
                assert field["format"] == "date-time"
