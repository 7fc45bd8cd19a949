"""The command `telemetra asyncapi`."""

from __future__ import annotations

import click

from telemetra.entrypoints.app import asyncapi_document
from telemetra.entrypoints.cli.failures import one_line_failures


@click.command("asyncapi")
def asyncapi_command() -> None:
    """
    Print the AsyncAPI document of the live socket (JSON); no database is needed.

    \b
    Example:  telemetra asyncapi > asyncapi.json
    """
    with one_line_failures() as settings:
        click.echo(asyncapi_document(settings))
