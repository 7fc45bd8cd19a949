"""Imports go one way, the domain stands on the standard library alone, and the client apart from the server."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_CLIENT = _ROOT / "src" / "telemetra" / "client"
_DOMAIN = _ROOT / "src" / "telemetra" / "domain"


def test_imports_go_one_way() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    ended = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_domain_imports_nothing_but_the_standard_library_and_itself() -> None:
    foreign = {
        f"{path.name}: {name}"
        for path in _DOMAIN.rglob("*.py")
        for name in _imported(ast.parse(path.read_text()))
        if name.partition(".")[0] not in sys.stdlib_module_names and not name.startswith("telemetra.domain")
    }
    assert foreign == set()


def test_the_client_imports_three_libraries_the_domain_and_the_messages() -> None:
    allowed = (
        "telemetra.client",
        "telemetra.domain.",
        "telemetra.live_messages",
        "httpx",
        "msgspec",
        "websockets",
    )
    foreign = {
        f"{path.name}: {name}"
        for path in _CLIENT.rglob("*.py")
        for name in _imported(ast.parse(path.read_text()))
        if name.partition(".")[0] not in sys.stdlib_module_names and not name.startswith(allowed)
    }
    assert foreign == set()


def test_importing_the_client_brings_nothing_of_the_server_along() -> None:
    program = "import sys, telemetra.client; print(*sorted(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    # httpx has a command line of its own, which brings click.
    loaded = {name.partition(".")[0] for name in ended.stdout.split()}
    assert not loaded & {
        "advanced_alchemy",
        "alembic",
        "asyncpg",
        "litestar",
        "redis",
        "sqlalchemy",
        "uvicorn",
    }
    ours = {name for name in ended.stdout.split() if name.startswith("telemetra.")}
    assert {name.split(".")[1] for name in ours} == {"client", "domain", "live_messages"}


def _imported(module: ast.Module) -> list[str]:
    names = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append("." * node.level + (node.module or ""))
    return names
