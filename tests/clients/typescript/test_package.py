"""What users get: the size of the client, what the package holds, and what its README shows."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.clients.typescript.toolchain import CLIENTS, PACKAGE, bundled, needs_node, run, tool

MOST_BYTES = 8_000


@needs_node
async def test_all_of_it_is_below_eight_kilobytes(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    minified = await bundled(
        PACKAGE / "src" / "index.ts", tmp_path / "client.js", "--minify", "--format=esm", "--target=es2022"
    )
    text = minified.read_bytes()
    figures = f"telemetra-client: {len(text)} bytes minified, {len(gzip.compress(text))} with gzip"
    record_property("figures", figures)
    assert len(text) < MOST_BYTES


@needs_node
async def test_what_is_not_used_is_left_out(tmp_path: Path) -> None:
    entry = tmp_path / "entry.ts"
    entry.write_text(
        f'import {{ TelemetraError }} from "{PACKAGE}/src/index.ts"; console.log(TelemetraError);'
    )
    minified = await bundled(entry, tmp_path / "part.js", "--minify", "--format=esm", "--target=es2022")
    assert len(minified.read_bytes()) < MOST_BYTES / 8


@needs_node
async def test_the_package_holds_what_is_built_and_the_readme_and_needs_nothing_else(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    for name in ("package.json", "README.md"):
        shutil.copy(PACKAGE / name, package)
    code, said = await tool("tsc", "-p", ".", "--outDir", str(package / "dist"))
    assert code == 0, said
    code, said = await run("npm", "pack", "--dry-run", "--ignore-scripts", "--json", cwd=package)
    assert code == 0, said
    files = {file["path"] for file in json.loads(said[said.index("[") :])[0]["files"]}
    assert {"package.json", "README.md", "dist/index.js", "dist/index.d.ts", "dist/schema.d.ts"} <= files
    assert {path.partition("/")[0] for path in files} == {"package.json", "README.md", "dist"}
    assert "dependencies" not in json.loads((package / "package.json").read_text())


@needs_node
async def test_a_node_program_imports_the_package_by_its_name(tmp_path: Path) -> None:
    package = tmp_path / "node_modules" / "telemetra-client"
    package.mkdir(parents=True)
    shutil.copy(PACKAGE / "package.json", package)
    code, said = await tool("tsc", "-p", ".", "--outDir", str(package / "dist"))
    assert code == 0, said
    program = "import * as client from 'telemetra-client'; console.log(Object.keys(client).sort().join(' '))"
    (tmp_path / "program.mjs").write_text(program)
    assert await run("node", "program.mjs", cwd=tmp_path) == (
        0,
        "LiveRefused LiveStream Telemetra TelemetraError items pages\n",
    )


def test_the_lock_file_names_no_host() -> None:
    text = (CLIENTS / "package-lock.json").read_text()
    resolved = re.findall(r'"resolved": "([^"]*)"', text)
    assert set(resolved) <= {"typescript", "dashboard"}
    # Where a package asks for money is no place that anything comes from.
    hosts = re.findall(r'^(?!\s*"url": ).*https?://.*$', text, re.MULTILINE)
    assert not hosts
