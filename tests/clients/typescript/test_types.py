"""The types: made from the service's own document, and a change of that breaks who relies on what was there."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.typescript.toolchain import CLIENTS, DOCUMENT, PACKAGE, needs_node, tool

pytestmark = needs_node


async def generate(document: Path, target: Path) -> None:
    code, said = await tool("openapi-typescript", str(document), "--output", str(target))
    assert code == 0, said


async def test_the_committed_types_are_those_of_the_document(tmp_path: Path) -> None:
    await generate(DOCUMENT, tmp_path / "schema.ts")
    renewed = (tmp_path / "schema.ts").read_text()
    assert renewed == (PACKAGE / "src" / "schema.ts").read_text(), "`make types` renews them"


async def test_the_client_and_its_own_tests_compile_under_strict() -> None:
    options = json.loads((PACKAGE / "tsconfig.json").read_text())["compilerOptions"]
    assert options["strict"]
    assert options["exactOptionalPropertyTypes"]
    assert options["noUncheckedIndexedAccess"]
    assert await tool("tsc", "-p", ".", "--noEmit") == (0, "")
    assert await tool("tsc", "-p", "tests") == (0, "")


def rename(name: str, old: str, new: str) -> Callable[[dict[str, Any]], None]:
    """Return the change of a document that gives one field of a schema another name."""

    def change(document: dict[str, Any]) -> None:
        schema = document["components"]["schemas"][name]
        schema["properties"][new] = schema["properties"].pop(old)
        schema["required"] = [new if field == old else field for field in schema["required"]]

    return change


def drop(name: str) -> Callable[[dict[str, Any]], None]:
    """Return the change of a document that ends a type of message."""

    def change(document: dict[str, Any]) -> None:
        schemas = document["components"]["schemas"]
        reference = f"#/components/schemas/{name}"
        del schemas[name]
        for schema in schemas.values():
            for way in ("anyOf", "oneOf"):
                if way in schema:
                    schema[way] = [part for part in schema[way] if part.get("$ref") != reference]
        mapping = schemas["LiveMessage"].get("discriminator", {}).get("mapping", {})
        for tag in [tag for tag, target in mapping.items() if target == reference]:
            del mapping[tag]

    return change


def add_type(document: dict[str, Any]) -> None:
    """Have the server send a type of message that the client does not know."""
    schemas = document["components"]["schemas"]
    novel = json.loads(json.dumps(schemas["HeartbeatMessage"]))
    novel["properties"]["type"] = {"type": "string", "enum": ["novelty"]}
    schemas["NoveltyMessage"] = novel
    union = schemas["LiveMessage"]
    reference = "#/components/schemas/NoveltyMessage"
    union[next(way for way in ("oneOf", "anyOf") if way in union)].append({"$ref": reference})
    union.get("discriminator", {}).get("mapping", {})["novelty"] = reference


def no_longer_null(document: dict[str, Any]) -> None:
    """Have a field be null that never was."""
    field = document["components"]["schemas"]["MetricWindow"]["properties"]
    field["chat_count"] = {"anyOf": [{"type": "integer"}, {"type": "null"}]}


async def compiled(folder: Path, change: Callable[[dict[str, Any]], None] | None) -> tuple[int, str]:
    """Compile the READMEs' examples against the client, with its types made anew from a document that was changed."""
    shutil.copytree(PACKAGE / "src", folder / "src")
    document = json.loads(DOCUMENT.read_text())
    if change:
        change(document)
    (folder / "openapi.json").write_text(json.dumps(document))
    await generate(folder / "openapi.json", folder / "src" / "schema.ts")
    for number, example in enumerate(examples()):
        (folder / f"example{number}.ts").write_text(example)
    modules = CLIENTS / "node_modules"
    options = json.loads((PACKAGE / "tsconfig.json").read_text())["compilerOptions"]
    options |= {"module": "ESNext", "moduleResolution": "bundler", "noEmit": True, "rootDir": "."}
    options["paths"] = {"telemetra-client": ["./src/index.ts"], "*": [f"{modules}/@types/*", f"{modules}/*"]}
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["."]}))
    return await tool("tsc", "-p", ".", cwd=folder)


def examples() -> list[str]:
    """Return the programs of the client's README and of the service's, as they stand there."""
    texts = [(folder / "README.md").read_text() for folder in (PACKAGE, CLIENTS.parent)]
    return re.findall(r"^```tsx?\n(.*?)^```$", "\n".join(texts), re.DOTALL | re.MULTILINE)


async def test_the_examples_of_the_readmes_compile(tmp_path: Path) -> None:
    assert len(examples()) >= 5
    assert all(len(example.splitlines()) <= 20 for example in examples())
    assert await compiled(tmp_path, None) == (0, "")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param(rename("MetricWindow", "chat_count", "messages"), "chat_count", id="a field of a row"),
        pytest.param(rename("MetricsMessage", "data", "window"), "'data'", id="a field of a message"),
        pytest.param(
            rename("ConnectedMessage", "resumed", "exact"), "resumed", id="a field of the machinery's"
        ),
        pytest.param(drop("RemovedMessage"), "RemovedMessage", id="a type of message"),
        pytest.param(add_type, "novelty", id="a type that the client must hand over"),
        pytest.param(no_longer_null, "null", id="a field that may be null now"),
    ],
)
async def test_a_change_of_the_contract_breaks_compilation(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], named: str
) -> None:
    code, said = await compiled(tmp_path, change)
    assert code != 0
    assert named in said
