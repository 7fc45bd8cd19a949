"""The command line: `telemetra serve`, `migrate`, `replay`, `tail`, `doctor`, `token`, and the rest."""

from __future__ import annotations

from importlib.metadata import version

import click

from telemetra.entrypoints.cli.asyncapi import asyncapi_command
from telemetra.entrypoints.cli.database import database_url_command, epoch_group, migrate_command
from telemetra.entrypoints.cli.doctor import doctor_command
from telemetra.entrypoints.cli.openapi import openapi_command
from telemetra.entrypoints.cli.replay import replay_command
from telemetra.entrypoints.cli.serve import serve_command
from telemetra.entrypoints.cli.tail import tail_command
from telemetra.entrypoints.cli.token import token_command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("telemetra"), prog_name="telemetra")
def main() -> None:
    """
    Live-stream analytics over PostgreSQL: REST, live updates, OpenAPI.

    Settings come from the environment and from a file .env in the current directory; see the README or
    .env.example. Without any, `telemetra serve --demo` runs everything on this machine.
    """


main.add_command(serve_command)
main.add_command(migrate_command)
main.add_command(database_url_command)
main.add_command(epoch_group)
main.add_command(replay_command)
main.add_command(tail_command)
main.add_command(doctor_command)
main.add_command(openapi_command)
main.add_command(asyncapi_command)
main.add_command(token_command)
