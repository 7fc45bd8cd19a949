"""The command `telemetra doctor`: looks at everything that the service stands on, and says what to do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

import click

from telemetra.bootstrap import examine_engines_of, examine_postgres_of, examine_redis_of, examine_tokens_of
from telemetra.domain.findings import Finding, Status, look, note
from telemetra.entrypoints.cli.doctor_checks import check_port, check_versions
from telemetra.entrypoints.cli.doctor_display import DoctorDisplay, findings_json
from telemetra.entrypoints.cli.doctor_settings import check_settings, settings_refused
from telemetra.entrypoints.cli.tail_display import drop_output
from telemetra.logging import configure_logging
from telemetra.settings import Settings, SettingsInvalid, load_settings

_GROUP_SECONDS: Final = 14.0
"""A group bounds its own checks; this is for what none of them foresaw."""

Groups: TypeAlias = dict[str, Coroutine[Any, Any, list[Finding]]]


@click.command("doctor", short_help="Find out what is wrong, and what to do.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of findings as JSON, for programs.")
@click.pass_context
def doctor_command(ctx: click.Context, /, *, as_json: bool) -> None:
    """
    Look at all that the service stands on, and say what to do about what is wrong.

    Settings, the port, the embedded engines, PostgreSQL (rights, schema, triggers, indexes, what holds it up) and Redis.
    Nothing is started and nothing changed; a service may run meanwhile. It takes the settings that the service takes:
    run it as the same user, in the same directory and environment.

    \b
    Example:  telemetra doctor
              telemetra doctor --json | jq '.[] | select(.status == "problem")'

    Exit code: 1 with at least one problem, else 0 (a warning is none), also when whoever reads the output has closed it.
    """
    # What a library has to say must not mix with the report.
    configure_logging("ERROR")
    try:
        settings = load_settings()
        groups = _groups(settings)
    except SettingsInvalid as error:
        groups = _groups_without(error)
    try:
        findings = _report(groups, as_json=as_json)
    except BrokenPipeError:
        drop_output()
        ctx.exit(0)
    ctx.exit(int(any(finding.status is Status.PROBLEM for finding in findings)))


def _report(groups: Groups, *, as_json: bool) -> list[Finding]:
    if as_json:
        findings = asyncio.run(_examine(groups, lambda _: None))
        click.echo(findings_json(findings))
    else:
        display = DoctorDisplay()
        findings = asyncio.run(_examine(groups, display.show))
        display.sum_up(findings)
    sys.stdout.flush()
    return findings


def _groups(settings: Settings) -> Groups:
    return {
        "versions": check_versions(),
        "settings": check_settings(settings),
        "tokens": examine_tokens_of(settings),
        "port": check_port(settings),
        "embedded": examine_engines_of(settings),
        "postgres": examine_postgres_of(settings),
        "redis": examine_redis_of(settings),
    }


def _groups_without(error: SettingsInvalid) -> Groups:
    async def rest() -> list[Finding]:
        return [note("settings.rest", "the rest was not looked at: it depends on the settings")]

    return {"versions": check_versions(), "settings": settings_refused(error), "rest": rest()}


async def _examine(groups: Groups, show: Callable[[list[Finding]], None]) -> list[Finding]:
    """Look at all groups at once, and show each as soon as those before it are there."""
    examinations = [
        asyncio.create_task(look(name, group, seconds=_GROUP_SECONDS)) for name, group in groups.items()
    ]
    findings: list[Finding] = []
    for examination in examinations:
        found = await examination
        findings += found
        show(found)
    return findings
