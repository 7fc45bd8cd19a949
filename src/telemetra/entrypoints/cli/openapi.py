"""The command `telemetra openapi`."""

from __future__ import annotations

import click

from telemetra.entrypoints.app import openapi_document
from telemetra.entrypoints.cli.failures import one_line_failures


@click.command("openapi")
def openapi_command() -> None:
    """
    Print the OpenAPI document (JSON); no database is needed.

    \b
    Example:  telemetra openapi > openapi.json && npx openapi-typescript openapi.json -o telemetra.d.ts
    """
    with one_line_failures() as settings:
        click.echo(openapi_document(settings))
