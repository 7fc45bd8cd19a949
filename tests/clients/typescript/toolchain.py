"""Node and what is installed for `clients/`: found, or the reason why a test can't run."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parents[3] / "clients"
PACKAGE = CLIENTS / "typescript"
DOCUMENT = Path(__file__).parents[2] / "architecture" / "openapi.json"
NODE = shutil.which("node")
_TOOL_SECONDS = 100
_INSTALLED = CLIENTS / "node_modules" / ".bin" / "esbuild"

needs_node = pytest.mark.skipif(
    NODE is None or not _INSTALLED.exists(),
    reason="Node, or what clients/ needs of it, is not installed: `make clients` installs it, where npm is",
)


async def run(*command: str, cwd: Path = PACKAGE) -> tuple[int, str]:
    """Run a program to its end; return its exit code, and what it said on either channel."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), _TOOL_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def tool(name: str, *arguments: str, cwd: Path = PACKAGE) -> tuple[int, str]:
    """Run one of the installed tools."""
    return await run(str(CLIENTS / "node_modules" / ".bin" / name), *arguments, cwd=cwd)


async def bundled(source: Path, target: Path, *options: str) -> Path:
    """Bundle a script with all that it imports into one file; return that."""
    code, said = await tool(
        "esbuild",
        str(source),
        "--bundle",
        "--log-level=warning",
        f"--outfile={target}",
        *options,
    )
    assert code == 0, said
    return target


async def bundled_for_node(source: Path, target: Path) -> Path:
    # The package ws is no ES module: it asks for Node's own by `require`.
    require = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);"
    return await bundled(source, target, "--platform=node", "--format=esm", f"--banner:js={require}")
