"""Imports go one way, and the domain stands on the standard library alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
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


def _imported(module: ast.Module) -> list[str]:
    names = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append("." * node.level + (node.module or ""))
    return names
