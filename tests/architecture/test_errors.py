"""Every error that the domain knows can be told, over HTTP and on the socket."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import telemetra.domain
from telemetra.domain.errors import TelemetraError
from telemetra.entrypoints.http.problems import PROBLEM_KINDS
from telemetra.entrypoints.live.protocol import CLOSE_CODES


def _every_error() -> list[type[TelemetraError]]:
    for module in pkgutil.iter_modules(telemetra.domain.__path__, "telemetra.domain."):
        importlib.import_module(module.name)
    found: list[type[TelemetraError]] = [TelemetraError]
    for error in found:
        found.extend(error.__subclasses__())
    return [error for error in found if error.__module__.startswith("telemetra.domain.")]


@pytest.mark.parametrize("error", _every_error())
def test_an_error_has_a_problem_with_its_code(error: type[TelemetraError]) -> None:
    kind = PROBLEM_KINDS[error]
    assert kind.code == error.code
    assert 400 <= kind.status < 600


@pytest.mark.parametrize("error", _every_error())
def test_an_error_has_a_close_code(error: type[TelemetraError]) -> None:
    assert error in CLOSE_CODES


def test_codes_are_distinct() -> None:
    codes = [error.code for error in _every_error()]
    assert sorted(codes) == sorted(set(codes))
