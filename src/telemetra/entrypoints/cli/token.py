"""The command `telemetra token`: a new token, and what the operator's file of tokens keeps of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import get_args

import click

from telemetra.domain.access import AccessScope, digest_of, make_token


@click.command("token")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(get_args(AccessScope)),
    default=("read",),
    show_default=True,
    help="What its bearer may do; may be given twice.",
)
@click.option("--stream", "streams", multiple=True, help="A stream that it is for; without any: all.")
@click.option("--days", type=click.IntRange(1, 36_500), help="How long it is good for; without: for ever.")
def token_command(*, name: str, scopes: tuple[str, ...], streams: tuple[str, ...], days: int | None) -> None:
    """
    Make a token for NAME.

    Its text goes to standard error, once: nothing keeps it. What stands in the file that API_TOKENS_FILE names goes to
    standard output: its digest, and what it allows. Services take up a change of that file within a second.

    \b
    Example:  telemetra token dashboard --stream demo >> tokens.toml
    """
    token = make_token()
    lines = [
        "[[tokens]]",
        f"name = {_quoted(name)}",
        f'sha256 = "{digest_of(token).hex()}"',
        f"scopes = {_quoted(scopes)}",
    ]
    if streams:
        lines.append(f"streams = {_quoted(streams)}")
    if days is not None:
        over = datetime.now(UTC) + timedelta(days=days)
        lines.append(f"expires_at = {over.isoformat(timespec='seconds')}")
    click.echo("\n".join(lines) + "\n")
    click.echo(f"The token of {name}, which is not shown again: {token}", err=True)


def _quoted(value: str | tuple[str, ...]) -> str:
    """Return a string, or several, as TOML has them: as JSON does, but for letters, which stay as they are."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
