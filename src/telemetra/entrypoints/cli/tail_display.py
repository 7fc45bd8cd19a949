"""
How a stream's live messages look in a terminal: a line for each window, moment and other change, time flowing downwards.

Text from outside never moves the cursor: what is not printable is shown by its escape.
"""

from __future__ import annotations

import os
import sys
from datetime import date, datetime
from typing import Final

import msgspec
from rich.console import Console
from rich.text import Text

from telemetra.domain.changes import Removal
from telemetra.domain.moments import Moment
from telemetra.domain.windows import MetricWindow
from telemetra.live_messages import (
    LiveMessage,
    MetricsMessage,
    MomentMessage,
    RemovedMessage,
    SnapshotMessage,
    StreamMessage,
)

SNAPSHOT_WINDOWS_SHOWN: Final = 10

_EMOTES_SHOWN: Final = 3
_MAX_SHOWN: Final = 300
"""Characters of one value; a line that fills the screen hides those around it."""
_HARMLESS: Final = "\u200d\u00a0"
"""Not printable by Python's word, but harmless: what joins emoji, and a space that doesn't break."""
_BRIGHT, _DARK = 0.2, -0.2
_UNKNOWN: Final = "?"

_decoder: Final[msgspec.json.Decoder[LiveMessage]] = msgspec.json.Decoder(LiveMessage)


class LinesConsole(Console):
    """A console that leaves a closed pipe to the command, where rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Tell it like any other write does."""
        raise BrokenPipeError


def drop_output() -> None:
    """Let the interpreter's last flush go nowhere, where it would tell of the closed pipe once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class TailDisplay:
    """Shows the messages of one stream on `console`, in the order in which they come."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._title: str | None = _UNKNOWN
        self._day: date | None = None

    def show(self, text: str) -> None:
        """Show a message's JSON text; heartbeats and what concerns the connection alone stay unseen."""
        try:
            message = _decoder.decode(text)
        except msgspec.DecodeError:
            # A newer server's. Better seen raw than not at all.
            self._say(Text(printable(text), style="dim"))
            return
        match message:
            case SnapshotMessage():
                self._show_snapshot(message)
            case MetricsMessage(data=window):
                self._show_window(window)
            case MomentMessage(data=moment):
                self._show_moment(moment)
            case StreamMessage(data=stream):
                self._show_title(stream.title)
            case RemovedMessage(data=removal):
                self._say(Text(f"removed: {_removed(removal)}", style="red"))
            case _:
                pass

    def _show_snapshot(self, snapshot: SnapshotMessage) -> None:
        self._title = _UNKNOWN
        self._show_title(snapshot.stream.title if snapshot.stream else None)
        windows = snapshot.metrics[:SNAPSHOT_WINDOWS_SHOWN]
        since = min((window.window_start for window in windows), default=None)
        moments = [moment for moment in snapshot.moments if since is None or moment.timestamp >= since]
        # A moment bears the start of its window: sorted is stable, so it comes right after it.
        rows: list[MetricWindow | Moment] = [*windows, *moments]
        for row in sorted(rows, key=_instant):
            if isinstance(row, Moment):
                self._show_moment(row)
            else:
                self._show_window(row)

    def _show_title(self, title: str | None) -> None:
        if title != self._title:
            self._title = title
            self._say(Text("title: ", style="dim").append(_or_dash(title), style="not dim bold"))

    def _show_window(self, window: MetricWindow) -> None:
        self._show_day(window.window_start)
        line = Text(f"{window.window_start:%H:%M:%S}-{window.window_end:%H:%M:%S}  ")
        line.append(f"{window.chat_count:>5,} chat ", style="bold")
        line.append(f"{_number(window.chat_rate, ',.1f'):>5}/s ")
        line.append(f"{window.unique_chatters:>5,} chatters ")
        line.append(f"{_number(window.avg_viewers, ',.0f'):>6} viewers  mood ")
        line.append(f"{_number(window.avg_sentiment, '+.2f'):>5}", style=_mood_style(window.avg_sentiment))
        if window.is_anomaly:
            line.append(f"  ! z {_number(window.z_score, '+.1f')}", style="bold yellow")
        if window.top_emotes:
            emotes = " ".join(map(printable, window.top_emotes[:_EMOTES_SHOWN]))
            line.append(f"  {emotes}", style="cyan")
        self._say(line)

    def _show_moment(self, moment: Moment) -> None:
        self._show_day(moment.timestamp)
        kind = moment.moment_type.replace("_", " ")
        line = Text(f"{moment.timestamp:%H:%M:%S}  *** {kind}: ", style="bold magenta")
        line.append(printable(moment.description) if moment.description else _measured(moment))
        if moment.z_score is not None:
            line.append(f" (z {moment.z_score:+.1f})", style="not bold")
        self._say(line)

    def _show_day(self, instant: datetime) -> None:
        """Say once which day the times are of: a stream that was loaded from a file is of another one."""
        if instant.date() != self._day:
            self._day = instant.date()
            self._say(Text(f"{self._day}, times in UTC", style="dim"))

    def _say(self, line: Text) -> None:
        # Unwrapped and without markup: a line stays one in a pipe, and brackets in a title stay brackets.
        self._console.print(line, soft_wrap=True, highlight=False)


def printable(text: str, *, most: int = _MAX_SHOWN) -> str:
    """Return the text without anything that a terminal would obey, and not longer than so many characters."""
    shown = text if len(text) <= most else text[: most - 3] + "..."
    if shown.isprintable():
        return shown
    return "".join(
        character if character.isprintable() or character in _HARMLESS else repr(character)[1:-1]
        for character in shown
    )


def _instant(row: MetricWindow | Moment) -> datetime:
    return row.timestamp if isinstance(row, Moment) else row.window_start


def _measured(moment: Moment) -> str:
    metric = printable(moment.metric_name or "a metric")
    return f"{metric} {_number(moment.metric_value, ',.6g')}, threshold {_number(moment.threshold, ',.6g')}"


def _removed(removal: Removal) -> str:
    if removal.all:
        return "a whole table was emptied; some of the above is gone"
    if removal.window:
        return (
            f"the window {removal.window.window_start:%Y-%m-%d %H:%M:%S}-{removal.window.window_end:%H:%M:%S}"
        )
    if removal.moment_id is not None:
        return f"the moment {printable(removal.moment_id)}"
    return "the stream's own row"


def _mood_style(sentiment: float | None) -> str:
    if sentiment is None or _DARK < sentiment < _BRIGHT:
        return ""
    return "green" if sentiment > 0 else "red"


def _number(value: float | None, form: str) -> str:
    return _or_dash(None) if value is None else format(value, form)


def _or_dash(text: str | None) -> str:
    return "-" if text is None else printable(text)
