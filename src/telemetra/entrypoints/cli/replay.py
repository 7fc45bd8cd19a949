"""The command `telemetra replay`: what it is told, what it says at the end, and its exit codes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import click
from rich.console import Console

from telemetra.domain.ports import StreamWriter
from telemetra.entrypoints.cli.chat_replay import DEFAULT_START, ReplayOptions, ReplaySummary, replay_file
from telemetra.entrypoints.cli.database import database_name, open_command_writer
from telemetra.entrypoints.cli.failures import one_line_failures

OpenWriter: TypeAlias = Callable[[], AbstractAsyncContextManager[StreamWriter]]
"""Opens the store to write to. Whoever calls the command with one as the context's object replaces the database."""

EXIT_INCOMPLETE: Final = 1
EXIT_INTERRUPTED: Final = 130

_YEARS: Final = (1970, 9000)
"""A start outside of these leaves no room for the log's own time, or was not meant."""
_MAX_NAME: Final = 255


def parse_speed(_ctx: click.Context, _param: click.Parameter, given: str) -> float | None:
    """Read a positive number, or `max`, which is None."""
    if given == "max":
        return None
    try:
        speed = float(given)
    except ValueError:
        speed = math.nan
    if not (math.isfinite(speed) and speed > 0):
        raise click.BadParameter(f"{given!r} is neither a number above 0, such as 1 or 60, nor max.")
    return speed


def parse_instant(_ctx: click.Context, _param: click.Parameter, given: str) -> datetime:
    """Read an RFC 3339 time, without an offset taken as UTC, or `now`."""
    if given == "now":
        return datetime.now(UTC).replace(microsecond=0)
    try:
        instant = datetime.fromisoformat(given)
        instant = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{given!r} is neither a time such as 2025-01-31T20:00:00Z nor now."
        ) from error
    if not _YEARS[0] <= instant.year <= _YEARS[1]:
        raise click.BadParameter(f"The year {instant.year} is outside {_YEARS[0]} to {_YEARS[1]}.")
    return instant


def check_name(_ctx: click.Context, _param: click.Parameter, given: str | None) -> str | None:
    """Let through what a database can hold."""
    if given is None:
        return None
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise click.BadParameter("This is not valid UTF-8.") from error
    if not given.strip() or len(given) > _MAX_NAME:
        raise click.BadParameter(f"Expected 1 to {_MAX_NAME} characters.")
    return given


@click.command("replay", short_help="Load a chat log into the database.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option(
    "--stream",
    "stream_id",
    required=True,
    callback=check_name,
    metavar="ID",
    help="Stream to write to; made if it is new.",
)
@click.option(
    "--title",
    callback=check_name,
    metavar="TITLE",
    help="The stream's title. Without it a stream keeps the title that it has.",
)
@click.option(
    "--speed",
    callback=parse_speed,
    default="max",
    show_default=True,
    metavar="N|max",
    help="1 is as it happened, 60 a minute of chat each second, max as fast as it goes.",
)
@click.option(
    "--start",
    callback=parse_instant,
    default=f"{DEFAULT_START:%Y-%m-%dT%H:%M:%SZ}",
    show_default=True,
    metavar="TIME",
    help="When the log begins (t = 0): an RFC 3339 time, or now.",
)
@click.pass_context
def replay_command(ctx: click.Context, /, file: Path, **options: Any) -> None:
    """
    Load a chat log into the database: one row for each minute of chat, and the moments found in it.

    FILE holds one JSON object a line, plain or gzipped; - reads standard input. A line is a chat message or a count of
    viewers; t is in seconds since the stream began, user names may be hashes, emotes are those in the text:

    \b
      {"t": 12.5, "user": "ann", "text": "what a play PogChamp", "emotes": ["PogChamp"]}
      {"t": 15, "viewers": 1200}

    Lines may be out of order by up to a minute. A line that is later, or can't be used, is reported as FILE:LINE: reason,
    and the rest goes in.

    With POSTGRES_HOST unset the rows go into the embedded database in TELEMETRA_DATA_DIR: set it as the running service has
    it (`make run` takes .telemetra).

    The same file gives the same rows at any speed, and because it begins at a fixed time unless --start says otherwise,
    replaying it again changes nothing. With --start now --speed 1 it plays as if it were happening.

    \b
    Example:
      telemetra replay monday.jsonl.gz --stream monday --title "Monday night"
      curl localhost:8000/api/v1/streams/monday/moments

    Exit code: 0 when all of it went in, 1 when some lines could not be used or the database failed, 2 for a
    wrong command line, 130 after Ctrl-C (what was finished is in).
    """
    try:
        with one_line_failures() as settings:
            open_writer: OpenWriter = ctx.obj or partial(open_command_writer, settings)
            summary = asyncio.run(_replay(open_writer, file, ReplayOptions(**options)))
    except KeyboardInterrupt:
        ctx.exit(EXIT_INTERRUPTED)
    click.echo(_told(summary, options["stream_id"], None if ctx.obj else database_name(settings)))
    if not summary.complete:
        ctx.exit(EXIT_INCOMPLETE)


async def _replay(open_writer: OpenWriter, file: Path, options: ReplayOptions) -> ReplaySummary:
    async with open_writer() as writer:
        return await replay_file(file, options, writer, console=Console(stderr=True))


def _told(summary: ReplaySummary, stream_id: str, target: str | None) -> str:
    until = f" up to {summary.stored_until:%Y-%m-%dT%H:%M:%SZ}" if summary.stored_until else ""
    read = f"{summary.messages:,} messages and {_counted(summary.viewer_samples)} read"
    pace = f"in {summary.seconds:.2f} s ({summary.messages_per_second:,.0f} messages/s)"
    into = f" into {target}" if target else ""
    lines = [
        f"{stream_id}: {read} {pace}",
        f"stored {summary.windows:,} windows{until} and {summary.moments:,} moments{into}",
    ]
    if summary.late:
        lines.append(f"left out, more than a minute late: {summary.late:,}")
    if summary.bad_lines:
        lines.append(f"left out, lines that could not be used: {summary.bad_lines:,}")
    return "\n".join(lines)


def _counted(viewer_samples: int) -> str:
    return "1 viewer count" if viewer_samples == 1 else f"{viewer_samples:,} viewer counts"
