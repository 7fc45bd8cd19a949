"""What a doctor finds on this machine: the versions that are installed, and who has the address to serve at."""

from __future__ import annotations

import importlib
import platform
import sys
from importlib.metadata import version
from typing import Any, Final

import httpx

from telemetra.domain.findings import Finding, note, ok, problem, warning
from telemetra.entrypoints.cli.listening import CannotListen, bind, own_url
from telemetra.settings import Settings

_OLDEST_PYTHON: Final = (3, 11)
_FASTER: Final = {
    "uvloop": "the event loop is the slower one of Python",
    "httptools": "requests are parsed by a slower parser",
}
_ASK_SECONDS: Final = 1.5


async def check_versions() -> list[Finding]:
    """Return what runs here, and whether what makes it fast is there."""
    python = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    findings = [ok("versions.telemetra", version("telemetra"))]
    if sys.version_info < _OLDEST_PYTHON:
        findings.append(problem("versions.python", python, "Install Telemetra with Python 3.11 or newer."))
    else:
        findings.append(ok("versions.python", python))
    return findings + [_check_import(name, loss) for name, loss in _FASTER.items()]


def _check_import(name: str, loss: str) -> Finding:
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001  (a broken build fails in ways of its own)
        found = f"can't be loaded ({type(error).__name__}): {loss}"
        return warning(f"versions.{name}", found, f"{sys.executable} -m pip install {name}")
    return ok(f"versions.{name}", version(name))


async def check_port(settings: Settings) -> list[Finding]:
    """Return whether HOST and PORT can be had, and else who has them."""
    where = f"{settings.host}, port {settings.port}"
    if not settings.port:
        return [ok("port.listen", f"{settings.host}, any free port")]
    try:
        bind(settings.host, settings.port).close()
    except CannotListen as error:
        if not error.is_taken:
            return [problem("port.listen", str(error).rstrip("."), error.advice)]
        return await _check_who_answers(settings, where)
    return [ok("port.listen", f"{where} is free")]


async def _check_who_answers(settings: Settings, where: str) -> list[Finding]:
    async with httpx.AsyncClient(
        base_url=own_url(settings.host, settings.port), trust_env=False, timeout=_ASK_SECONDS
    ) as client:
        theirs = await _version_of_a_telemetra(client)
        if theirs is None:
            advice = f"Choose another by PORT, or end who has it: ss -ltnp 'sport = :{settings.port}'"
            return [problem("port.listen", f"{where} is another program's", advice)]
        return [_judge_version(theirs, where), await _check_health(client)]


def _judge_version(theirs: str, where: str) -> Finding:
    ours = version("telemetra")
    if theirs == ours:
        return ok("port.listen", f"{where}: Telemetra {theirs} answers there already")
    found = f"{where}: Telemetra {theirs} answers there, this one is {ours}"
    return note("port.listen", found, "Restart the service to have it run what is installed here.")


async def _version_of_a_telemetra(client: httpx.AsyncClient) -> str | None:
    """Return the version of the service that answers, None when it is none of ours."""
    try:
        index: Any = (await client.get("/")).json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    is_ours = isinstance(index, dict) and "/ws/live/" in str(index.get("links"))
    return str(index.get("version")) if is_ours else None


async def _check_health(client: httpx.AsyncClient) -> Finding:
    try:
        health: Any = (await client.get("/api/v1/health")).json()
        told = ", ".join(f"{name} {state}" for name, state in health.items() if name != "status")
        status = health["status"]
    except (httpx.HTTPError, ValueError, AttributeError, KeyError):
        advice = "Look at its log, and at what the process is doing; if nothing helps, restart it."
        return problem("port.health", "the service that runs does not tell its health in time", advice)
    if status == "ok":
        return ok("port.health", f"it says: {told}")
    finding = problem if status == "unavailable" else warning
    return finding(
        "port.health", f"it says: {told}", "See below what is wrong there; its log tells since when."
    )
