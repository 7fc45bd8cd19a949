"""Every fault that users may meet has a test that provokes it, or a reason why none does."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]
_FAULTS: list[dict[str, Any]] = tomllib.loads((_ROOT / "tests" / "faults.toml").read_text())["fault"]
_ROWS = [*map(str, range(1, 49)), "1b", "38b", "38c"]


def test_no_fault_is_left_out_or_listed_twice() -> None:
    assert sorted(fault["row"] for fault in _FAULTS) == sorted(_ROWS)


@pytest.mark.parametrize("fault", _FAULTS, ids=[fault["row"] for fault in _FAULTS])
def test_a_fault_has_tests_that_are_there_or_a_reason(fault: dict[str, Any]) -> None:
    assert fault["name"]
    assert fault["tests"] or fault["not_here"]
    assert [name for name in fault["tests"] if not _is_there(name)] == []


def test_every_module_of_faults_is_listed() -> None:
    listed = {name.partition("::")[0] for fault in _FAULTS for name in fault["tests"]}
    modules = (_ROOT / "tests" / "integration" / "faults").glob("test_*.py")
    assert {str(path.relative_to(_ROOT)) for path in modules} <= listed


def _is_there(test: str) -> bool:
    path, _, name = test.partition("::")
    return (_ROOT / path).is_file() and name in _tests_in(path)


@cache
def _tests_in(path: str) -> frozenset[str]:
    module = ast.parse((_ROOT / path).read_text())
    functions = (node for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions if function.name.startswith("test_"))
