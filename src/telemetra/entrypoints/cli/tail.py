"""The command `telemetra tail`: what it is told, what it says of the connection, and its exit codes."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable
from contextlib import aclosing
from typing import Final
from urllib.parse import urlsplit

import click

from telemetra.client import ConnectionLost, TelemetraError, TokenRefused, UrlInvalid
from telemetra.client.access import Access
from telemetra.client.addresses import Address
from telemetra.client.live_async import follow
from telemetra.client.live_following import Following
from telemetra.client.live_reading import HeardMessage
from telemetra.entrypoints.cli.failures import one_line_failures
from telemetra.entrypoints.cli.listening import own_url
from telemetra.entrypoints.cli.tail_display import LinesConsole, TailDisplay, drop_output, printable

EXIT_INTERRUPTED: Final = 130

_TO_ONE_LINE: Final = str.maketrans("\r\n", "  ")


def check_text(_ctx: click.Context, _param: click.Parameter, given: str | None) -> str | None:
    """Let through what an address can hold."""
    if given is None:
        return None
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise click.BadParameter("This is not valid UTF-8.") from error
    if not given:
        raise click.BadParameter("It is empty.")
    return given


@click.command("tail", short_help="Follow a stream in the terminal.")
@click.argument("stream_id", metavar="STREAM", callback=check_text)
@click.option(
    "--url",
    callback=check_text,
    metavar="URL",
    help="The service's address, http(s):// or ws(s)://.  [default: by HOST and PORT, else http://127.0.0.1:8000]",
)
@click.option(
    "--since",
    callback=check_text,
    metavar="POSITION",
    help="Begin with what changed after this position: of a message, or a Telemetra-Position header's.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print each message as it came, one line of JSON, for programs."
)
@click.pass_context
def tail_command(
    ctx: click.Context, /, stream_id: str, url: str | None, since: str | None, *, as_json: bool
) -> None:
    """
    Follow a stream: its newest windows, then every window and moment as it is written.

    A lost connection is taken up again, for as long as it takes, exactly where it broke off; standard error tells of it.
    Times are in UTC. A stream is any that the service knows, such as the demo's. Where the service asks for a token, name it
    by TELEMETRA_TOKEN.

    \b
    Example:
      telemetra tail demo
      telemetra tail demo --url https://example.org/prefix
      telemetra tail demo --json | jq -c 'select(.type == "moment") | .data'

    Exit code: 1 when the service says that trying again is no use (an unknown stream, for one), 2 for a wrong command
    line, 130 after Ctrl-C, 0 when whoever reads the output has closed it.
    """
    show = _print_json if as_json else TailDisplay(_console()).show
    token: str | None = None
    try:
        with one_line_failures() as settings:
            address = url or own_url(settings.host, settings.port)
            token = settings.telemetra_token or None
            asyncio.run(_tail(address, stream_id, since, token, show))
    except UrlInvalid as error:
        raise click.BadParameter(str(error), ctx, param_hint="--url") from error
    except TokenRefused as refused:
        raise click.ClickException(printable(_of_the_token(refused, token))) from refused
    except TelemetraError as refused:
        raise click.ClickException(printable(str(refused))) from refused
    except BrokenPipeError:
        drop_output()
        ctx.exit(0)
    except KeyboardInterrupt:
        ctx.exit(EXIT_INTERRUPTED)


async def _tail(
    url: str, stream_id: str, since: str | None, token: str | None, show: Callable[[str], None]
) -> None:
    outages = _Outages(since, urlsplit(url).netloc.rpartition("@")[2])
    following = Following(Address.parse(url), stream_id, since=since)
    async with aclosing(follow(following, Access(token=token), on_lost=outages.lost)) as messages:
        async for message in messages:
            if message.head.type == "connected":
                outages.connected(message)
            show(message.text)


def _of_the_token(refused: TokenRefused, token: str | None) -> str:
    """Say how a token is given here: the service's own words are of a header."""
    if refused.code is None:
        # A proxy's, which wants something else.
        return str(refused)
    if token is None:
        return "The service asks for a token: set TELEMETRA_TOKEN."
    return f"The service refuses the token in TELEMETRA_TOKEN: {refused.detail}"


class _Outages:
    """Tells on standard error that the connection is gone, once until it is back, and what that means."""

    def __init__(self, since: str | None, server: str) -> None:
        self._asked = since
        self._server = server
        self._was_connected = False
        self._away = False

    def lost(self, lost: ConnectionLost) -> None:
        self._asked = lost.position
        if self._away:
            return
        self._away = True
        delay = f"{lost.delay_seconds:.2f} s"
        if self._was_connected:
            _tell(f"connection lost ({printable(lost.reason)}); reconnecting in {delay}")
        else:
            _tell(
                f"no connection to {printable(self._server)} ({printable(lost.reason)}); trying again in {delay}"
            )

    def connected(self, message: HeardMessage) -> None:
        back = "back" if self._was_connected else "connected"
        if self._asked is not None and not message.head.resumed:
            _tell(f"{back}; what was missed cannot be told, snapshot follows")
        elif self._away:
            _tell(f"{back}, resumed exactly" if message.head.resumed else back)
        self._away = False
        self._was_connected = True


def _tell(text: str) -> None:
    click.secho(text, err=True, fg="yellow")


def _print_json(text: str) -> None:
    """Print a message; JSON is UTF-8 whatever the terminal's encoding, and a line break can only be between its tokens."""
    click.echo(text.translate(_TO_ONE_LINE).encode())


def _console() -> LinesConsole:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A title in letters that the terminal has not is no reason to stop.
        sys.stdout.reconfigure(errors="backslashreplace")
    return LinesConsole()
