"""The command `telemetra token`: a new token, and what the operator's file of tokens keeps of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import get_args

import click

from telemetra.domain.access import LONGEST_NAME, AccessScope, digest_of, make_token


def check_name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    """
    Take a name that the file of tokens takes.

    Raises:
        click.BadParameter: it does not.

    """
    if not 0 < len(name) <= LONGEST_NAME or not _is_text(name):
        raise click.BadParameter(f"Expected 1 to {LONGEST_NAME} characters of UTF-8.")
    return name


def check_streams(
    _context: click.Context, _parameter: click.Parameter, streams: tuple[str, ...]
) -> tuple[str, ...]:
    """
    Take streams' ids that the file of tokens takes.

    Raises:
        click.BadParameter: one is no text.

    """
    if not all(map(_is_text, streams)):
        raise click.BadParameter("Expected UTF-8.")
    return streams


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


@click.command("token")
@click.argument("name", callback=check_name)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(get_args(AccessScope)),
    default=("read",),
    show_default=True,
    help="What its bearer may do; may be given twice. Reads and sockets take `read`; `write` is reserved.",
)
@click.option(
    "--stream",
    "streams",
    multiple=True,
    callback=check_streams,
    help="A stream that it is for; without any: all.",
)
@click.option("--days", type=click.IntRange(1, 36_500), help="How long it is good for; without: for ever.")
def token_command(*, name: str, scopes: tuple[str, ...], streams: tuple[str, ...], days: int | None) -> None:
    """
    Make a token for NAME.

    Its text goes to standard error, once: nothing keeps it. What stands in the file that API_TOKENS_FILE names goes to
    standard output: its digest, and what it allows. Services take up a change of that file within two seconds.

    To read, and to follow streams, takes the scope `read`. `write` is reserved: nothing is written over HTTP yet, and a token
    with that scope alone opens nothing.

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
