"""The client's own tests, in Node's test runner: on a clock and a network that they play themselves."""

from __future__ import annotations

from pathlib import Path

from tests.clients.typescript.toolchain import PACKAGE, bundled_for_node, needs_node, run


@needs_node
async def test_the_clients_own_tests_pass_in_node(tmp_path: Path) -> None:
    sources = sorted((PACKAGE / "tests").glob("*.test.ts"))
    files = [await bundled_for_node(source, tmp_path / f"{source.stem}.mjs") for source in sources]
    code, said = await run("node", "--test", "--test-reporter=spec", *map(str, files))
    assert code == 0, said
    assert len(files) >= 6
    # Each file counts as one where nothing in it ran.
    assert sum(line.startswith("✔") for line in said.splitlines()) > 10 * len(files)
