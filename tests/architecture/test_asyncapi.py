"""The AsyncAPI document: valid, the same types as OpenAPI's, and all that a client of the socket has to know."""

from __future__ import annotations

import json
import re
from functools import reduce
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import pytest

from telemetra.entrypoints.app import asyncapi_document, openapi_document
from telemetra.entrypoints.live.ending import ListenerEnded
from telemetra.entrypoints.live.protocol import CloseCode
from telemetra.live_messages import LiveMessage, PingMessage
from telemetra.settings import Settings
from tests.documented import Documented, spoilt

_ROOT = Path(__file__).parents[2]
_SNAPSHOT = Path(__file__).with_name("asyncapi.json")
_RULES = _ROOT / "clients/node_modules/@asyncapi/specs/schemas/3.0.0.json"
_DOCUMENT: dict[str, Any] = json.loads(asyncapi_document(Settings()))
_CHANNEL: dict[str, Any] = _DOCUMENT["channels"]["live"]
_MESSAGES: dict[str, Any] = _DOCUMENT["components"]["messages"]
_OPENAPI: dict[str, Any] = json.loads(openapi_document(Settings()))
_ROW = re.compile(r"^\| ([\d, ]+) \| (.+?) \| (yes|no)\b(.*) \|$", re.MULTILINE)


def test_the_document_is_the_one_that_was_agreed_on() -> None:
    """Renew it with `make openapi`, and look at the difference."""
    assert json.loads(_SNAPSHOT.read_text()) == _DOCUMENT


@pytest.mark.skipif(not _RULES.exists(), reason="no node_modules: run `npm ci` in clients/")
def test_the_document_keeps_the_rules_of_asyncapi() -> None:
    rules = jsonschema_rs.Draft7Validator(json.loads(_RULES.read_text()))
    assert [error.message for error in rules.iter_errors(_DOCUMENT)] == []
    # The rules are in force: they would see a field that there is not.
    assert not rules.is_valid(_DOCUMENT | {"channel": {}})


def _at(pointer: str) -> Any:
    return reduce(lambda inner, name: inner[name], pointer.split("/")[1:], _DOCUMENT)


def test_every_reference_leads_somewhere() -> None:
    pointers = re.findall(r'"\$ref": "#(/[^"]+)"', json.dumps(_DOCUMENT))
    assert len(pointers) > 30
    for pointer in pointers:
        assert _at(pointer)


def test_the_messages_are_those_that_are_encoded() -> None:
    told = {kind.__struct_config__.tag: kind.__name__ for kind in get_args(LiveMessage)}
    kinds = told | {"ping": PingMessage.__name__}
    assert {name: one["payload"]["$ref"].rpartition("/")[2] for name, one in _MESSAGES.items()} == kinds
    assert set(_CHANNEL["messages"]) == set(kinds)
    for name, message in _MESSAGES.items():
        assert message["name"] == name
        assert message["title"]
        assert message["summary"]


def test_every_message_is_sent_or_received_by_an_operation() -> None:
    by_action: dict[str, set[str]] = {"send": set(), "receive": set()}
    for operation in _DOCUMENT["operations"].values():
        assert _at(operation["channel"]["$ref"][1:]) == _CHANNEL
        by_action[operation["action"]] |= _names(operation["messages"])
        by_action["send"] |= _names(operation.get("reply", {}).get("messages", []))
    assert by_action["receive"] == {"ping"}
    assert by_action["send"] == set(_MESSAGES) - {"ping"}


def _names(references: list[dict[str, str]]) -> set[str]:
    return {reference["$ref"].rpartition("/")[2] for reference in references}


def test_the_schemas_are_those_of_the_openapi_document() -> None:
    schemas = _DOCUMENT["components"]["schemas"]
    assert schemas == {name: _in_draft_07(_OPENAPI["components"]["schemas"][name]) for name in schemas}


def _in_draft_07(schema: Any) -> Any:
    """Write what stands beside a reference as draft 07 wants it."""
    if isinstance(schema, list):
        return [_in_draft_07(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema and len(schema) > 1:
        others = {name: inner for name, inner in schema.items() if name != "$ref"}
        return {"allOf": [{"$ref": schema["$ref"]}], **others}
    return {name: _in_draft_07(inner) for name, inner in schema.items()}


@pytest.mark.parametrize("document", [_DOCUMENT, _OPENAPI], ids=["asyncapi", "openapi"])
@pytest.mark.parametrize("name", _MESSAGES)
def test_an_example_is_as_its_schema_says_and_nothing_spoilt_is(name: str, document: dict[str, Any]) -> None:
    documented = Documented(document)
    schema = _MESSAGES[name]["payload"]
    assert _MESSAGES[name]["examples"]
    for example in _MESSAGES[name]["examples"]:
        assert example["summary"]
        assert documented.mismatches(example["payload"], schema) == []
        for told, worse in spoilt(example["payload"]):
            # What a moment was compared with is its writer's own.
            if "metadata: " not in told:
                assert documented.mismatches(worse, schema), told


def test_the_address_is_told_with_what_goes_into_it() -> None:
    assert _CHANNEL["address"] == "/ws/live/{stream_id}"
    assert set(_CHANNEL["parameters"]) == {"stream_id"}
    binding = _CHANNEL["bindings"]["ws"]
    assert set(binding["query"]["properties"]) == {"since", "ticket"}
    for told in (*_CHANNEL["parameters"].values(), *binding["query"]["properties"].values()):
        assert told["description"]


def test_both_ways_of_showing_a_token_are_told() -> None:
    schemes = _DOCUMENT["components"]["securitySchemes"]
    assert (schemes["bearer"]["type"], schemes["bearer"]["scheme"]) == ("http", "bearer")
    ticket = schemes["ticket"]
    assert (ticket["type"], ticket["in"], ticket["name"]) == ("httpApiKey", "query", "ticket")
    for server in _DOCUMENT["servers"].values():
        assert _names(server["security"]) == {"bearer", "ticket"}


def test_every_code_that_the_server_closes_with_is_told_as_in_the_readme() -> None:
    never_sent = {CloseCode.NO_STATUS, CloseCode.ABNORMAL}
    told = {closing["code"]: closing for closing in _CHANNEL["x-close-codes"]}
    assert list(told) == sorted({int(code) for code in CloseCode} - never_sent)
    readme = {
        int(code): answer
        for codes, _, answer, _ in _ROW.findall((_ROOT / "README.md").read_text())
        for code in codes.split(", ")
    }
    assert readme == {code: "yes" if closing["reconnect"] else "no" for code, closing in told.items()}
    for code, closing in told.items():
        assert closing["meaning"]
        assert closing["advice"]
        reason = ListenerEnded(code, ("an_error", "")).reason
        assert closing["advises_pause"] is reason.startswith("reconnect_after_ms=")
