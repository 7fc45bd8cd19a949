"""What the process writes to standard error, seen from outside: in a process of its own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from datetime import datetime
from typing import Any

import msgspec
import pytest

_PREFACE = """
import logging, os, sys
import structlog
from telemetra.logging import configure_logging
log = structlog.get_logger("early")
"""


def _run(script: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _PREFACE + script],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        **options,
    )


def _lines(script: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in _run(script).stderr.splitlines()]


def test_a_line_is_one_json_object_on_standard_error() -> None:
    ended = _run("configure_logging()\nlog.info('started', port=8000)")
    assert ended.stdout == ""
    line = msgspec.json.decode(ended.stderr)
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() is not None
    assert line == {"level": "info", "event": "started", "port": 8000}


def test_a_library_s_line_looks_like_ours() -> None:
    (line,) = _lines(
        "configure_logging()\nlogging.getLogger('uvicorn.error').warning('port %s', 1, extra={'a': 2})"
    )
    assert line["timestamp"].endswith("Z")
    del line["timestamp"]
    assert line == {"level": "warning", "event": "port 1", "logger": "uvicorn.error", "a": 2}


def test_bound_values_are_on_every_line_of_ours_and_of_libraries() -> None:
    lines = _lines(
        "configure_logging()\n"
        "with structlog.contextvars.bound_contextvars(request_id='r1'):\n"
        "    log.info('ours')\n    logging.getLogger('theirs').error('theirs')\n"
        "log.info('after')"
    )
    assert [line.get("request_id") for line in lines] == ["r1", "r1", None]


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("DEBUG", ["a", "b", "c", "d", "e", "f"]),
        ("INFO", ["b", "c", "e", "f"]),
        ("WARNING", ["c", "f"]),
        ("CRITICAL", []),
    ],
)
def test_lines_below_the_level_are_not_told(level: str, told: list[str]) -> None:
    lines = _lines(
        f"configure_logging('{level}')\n"
        "log.debug('a'); log.info('b'); log.warning('c')\n"
        "std = logging.getLogger('std'); std.debug('d'); std.info('e'); std.error('f')"
    )
    assert [line["event"] for line in lines] == told


def test_an_exception_is_text_in_the_line() -> None:
    lines = _lines(
        "configure_logging()\n"
        "try:\n    1 / 0\n"
        "except ZeroDivisionError:\n"
        "    log.exception('ours')\n    logging.getLogger('std').exception('theirs')"
    )
    for line in lines:
        assert line["level"] == "error"
        assert line["exception"].startswith("Traceback")
        assert line["exception"].endswith("ZeroDivisionError: division by zero")


def test_no_line_is_lost_when_the_process_ends_without_cleaning_up() -> None:
    lines = _lines("configure_logging()\nfor n in range(500): log.info('n', n=n)\nos._exit(0)")
    assert [line["n"] for line in lines] == list(range(500))


def test_a_closed_standard_error_fails_nothing() -> None:
    ended = _run("configure_logging()\nsys.stderr.close()\nlog.info('lost')\nprint('alive')")
    assert ended.stdout == "alive\n"


def test_values_that_json_can_t_hold_cost_no_line() -> None:
    lines = _lines("configure_logging()\nlog.info('a', x=object, y='\\ud800', z={(1, 2): 3})")
    assert lines[0]["event"] in {"a", "'a'"}
    assert "ud800" in lines[0]["y"]


def test_configuring_twice_doubles_nothing() -> None:
    script = "configure_logging()\nconfigure_logging('INFO', 'json')\nlogging.getLogger('x').error('once'); log.info('once')"
    assert len(_lines(script)) == 2


def test_the_server_s_own_lines_about_sockets_are_left_out_but_its_warnings_are_not() -> None:
    lines = _lines(
        "configure_logging()\n"
        "server = logging.getLogger('uvicorn.error')\n"
        "for level in (logging.INFO, logging.ERROR):\n"
        "    path = '/uvicorn/protocols/websockets/websockets_impl.py'\n"
        "    server.handle(server.makeRecord('uvicorn.error', level, path, 1, '?token=%s', ('x',), None))\n"
    )
    assert [line["level"] for line in lines] == ["error"]


def _shown_on_a_terminal(script: str, **environ: str) -> str:
    controller, terminal = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-c", _PREFACE + script],
            stderr=terminal,
            check=True,
            timeout=30,
            env={**os.environ, "NO_COLOR": "", **environ},
        )
        return os.read(controller, 65536).decode()
    finally:
        os.close(terminal)
        os.close(controller)


def test_text_is_coloured_on_a_terminal() -> None:
    shown = _shown_on_a_terminal("configure_logging()\nlog.info('started', name='a\x1b[2Jb')")
    assert "\x1b[" in shown
    assert "started" in shown
    assert "\x1b[2J" not in shown
    assert not shown.lstrip().startswith("{")


def test_text_has_no_colours_where_none_are_wanted() -> None:
    shown = _shown_on_a_terminal("configure_logging()\nlog.info('started')", NO_COLOR="1")
    assert "started" in shown
    assert "\x1b[" not in shown


def test_text_can_be_asked_for_without_a_terminal() -> None:
    shown = _run("configure_logging('INFO', 'console')\nlog.info('started', port=1)").stderr
    assert "\x1b[" not in shown
    assert "started" in shown
    assert "port=1" in shown


def test_json_can_be_asked_for() -> None:
    assert _run("configure_logging('INFO', 'json')\nlog.info('started')").stderr.startswith("{")


_REQUESTS = """
import asyncio
from telemetra.logging import log_request
async def main():
    log_request("GET", "/a\\u00e9\\"b", 200, 1.234567, "one", "192.0.2.7")
    log_request("BREW", "/c", 404, 0.0, "two", 'from "a" proxy', token="a \\"name\\"")
    log.info("between")
    log_request("GET", "/d", 200, 0.5, "three", "", trace_id="t")
    log_request("GET", "/probe", 200, 0.5, "probe", "", level="debug")
    log_request("GET", "/e", 200, 0.5, "four", "192.0.2.7")
asyncio.run(main())
log_request("GET", "/f", 200, 0.5, "five", "192.0.2.7")
"""


def test_requests_lines_are_like_all_others_and_in_order() -> None:
    lines = _lines("configure_logging()" + _REQUESTS)
    for line in lines:
        assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() is not None
        assert line.pop("level") == "info"
    assert [line.get("request_id", line["event"]) for line in lines] == [
        *("one", "two", "between", "three", "four", "five")
    ]
    assert lines[0] == {
        "event": "http_request",
        "method": "GET",
        "path": '/aé"b',
        "status": 200,
        "duration_ms": 1.23,
        "request_id": "one",
        "client": "192.0.2.7",
    }
    assert (lines[1]["client"], lines[1]["token"]) == ('from "a" proxy', 'a "name"')
    assert (lines[1]["method"], lines[1]["duration_ms"], lines[3]["trace_id"]) == ("BREW", 0.0, "t")


def test_requests_lines_go_by_the_level_and_the_form() -> None:
    assert _lines("configure_logging('WARNING')" + _REQUESTS) == []
    text = _run("configure_logging(log_format='console')" + _REQUESTS).stderr
    assert text.count("http_request") == 5
    told = [line for line in _lines("configure_logging('DEBUG')" + _REQUESTS) if line["level"] == "debug"]
    assert [line.get("path") for line in told if line["event"] == "http_request"] == ["/probe"]
