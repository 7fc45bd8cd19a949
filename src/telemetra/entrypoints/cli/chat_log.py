"""
Chat logs: JSON lines, plain or gzipped, read as a stream of events; what can't be read comes as a `BadLine`.

A line is a message, `{"t":12.5,"user":"ann","text":"hi <3","emotes":["<3"],"badges":[]}`, or a viewer count,
`{"t":15,"viewers":1200}`; `t` is in seconds since the stream began. Knows nothing of windows or of pace, and never
holds more than a line.
"""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from telemetra.domain.aggregation import ChatMessage, ViewerSample

STDIN: Final = Path("-")
MAX_LINE_BYTES: Final = 64 * 1024
MAX_SECONDS: Final = 366 * 86400
"""`t` counts from the stream's beginning; a greater one is a date or counts something else than seconds."""
MAX_JUMP_SECONDS: Final = 86400
"""One wild `t` would close every window up to it and make all that follows late, so it is refused instead."""

_EXAMPLE: Final = '{"t": 12.5, "user": "ann", "text": "hi"}'
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that says nothing that can be used, and why."""

    number: int
    """Counted from 1."""
    reason: str


Entry: TypeAlias = ChatMessage | ViewerSample | BadLine


class _Record(msgspec.Struct, gc=False):
    """One line: a viewer count where it has `viewers`, else a message. Other fields are let through unread."""

    t: Annotated[float, Meta(ge=0, le=MAX_SECONDS)]
    user: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    emotes: list[Annotated[str, Meta(min_length=1, max_length=200)]] = []
    badges: list[str] = []
    viewers: Annotated[int, Meta(ge=0, le=2**31 - 1)] | UnsetType = UNSET


class ChatLog:
    """A log being read, once, from its beginning to its end."""

    def __init__(self, file: BufferedReader, *, start: datetime) -> None:
        self._file = file
        self._lines = gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == _GZIP_MAGIC else file
        self._start = start
        self._decoder = msgspec.json.Decoder(_Record)
        self._newest_seconds: float | None = None
        self.line_number = 0
        """Of the line that was read last."""

    @property
    def size_bytes(self) -> int | None:
        """Length of the file on the disk; None where it has none, as a pipe."""
        status = os.fstat(self._file.fileno())
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    @property
    def bytes_read(self) -> int:
        """How far in the file the reader is, compressed bytes where it is compressed. Only where it has a size."""
        return self._file.tell()

    def __iter__(self) -> Iterator[Entry]:
        """Yield what each line says, in the file's order; blank lines say nothing."""
        for line in self._raw_lines():
            if isinstance(line, BadLine):
                yield line
            elif not line.isspace():
                try:
                    yield self._entry(line)
                except (ValueError, RecursionError) as error:
                    yield BadLine(self.line_number, _reason(error, line))

    def _raw_lines(self) -> Iterator[bytes | BadLine]:
        """Yield lines of bounded length. Where the file is damaged, what came before it is all there is."""
        try:
            while line := self._lines.readline(MAX_LINE_BYTES + 1):
                self.line_number += 1
                if self.line_number == 1:
                    line = line.removeprefix(_BYTE_ORDER_MARK) or b"\n"
                if len(line) <= MAX_LINE_BYTES or line.endswith(b"\n"):
                    yield line
                    continue
                yield BadLine(self.line_number, f"longer than {MAX_LINE_BYTES} bytes")
                while line and not line.endswith(b"\n"):
                    line = self._lines.readline(MAX_LINE_BYTES)
        except EOFError:
            yield BadLine(
                self.line_number + 1, "the gzip data is cut off here; the rest of the file is missing"
            )
        except (OSError, zlib.error) as error:
            yield BadLine(self.line_number + 1, f"the file can't be read on: {error}")

    def _entry(self, line: bytes) -> ChatMessage | ViewerSample:
        """
        Decode one line.

        Raises:
            ValueError, RecursionError: with the reason.

        """
        line.decode()  # the JSON decoder looks only at the text of fields that it knows
        record = self._decoder.decode(line)
        if record.viewers is not UNSET:
            return ViewerSample(at=self._instant(record.t), viewers=record.viewers)
        if record.user is UNSET or record.text is UNSET:
            missing = "user" if record.user is UNSET else "text"
            raise ValueError(
                f"missing field `{missing}` (a message has `user` and `text`, a count `viewers`)"
            )
        if b"\\u0000" in line and any("\0" in emote for emote in record.emotes):
            raise ValueError("a NUL character in an emote, which no database can hold")
        return ChatMessage(
            at=self._instant(record.t), user=record.user, text=record.text, emotes=record.emotes
        )

    def _instant(self, seconds: float) -> datetime:
        newest = self._newest_seconds
        if newest is not None and seconds - newest > MAX_JUMP_SECONDS:
            raise ValueError(f"`t` is {seconds - newest:.0f} seconds ahead of all before it, more than a day")
        if newest is None or seconds > newest:
            self._newest_seconds = seconds
        return self._start + timedelta(seconds=seconds)


@contextmanager
def open_chat_log(path: Path, *, start: datetime) -> Iterator[ChatLog]:
    """
    Open a log, `-` being standard input; whether it is gzipped is told by its first bytes.

    Args:
        path: The file.
        start: The instant at which `t` is 0, aware.

    Raises:
        OSError: it can't be opened.

    """
    # The file descriptor and not `sys.stdin`, which decodes, and which has no `peek` when somebody put another there.
    with open(0, "rb", closefd=False) if path == STDIN else path.open("rb") as file:
        yield ChatLog(file, start=start)


def _reason(error: Exception, line: bytes) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: byte {error.start + 1} of the line"
    if not line.lstrip().startswith(b"{"):
        # Most likely another kind of file: of one field or character of it the decoder's words would say nothing.
        return f"not a JSON object, as each line has to be, such as {_EXAMPLE}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, msgspec.ValidationError):
        return str(error).replace("Object missing required field", "missing field")
    if isinstance(error, msgspec.DecodeError):
        return f"not JSON: {error}"
    return str(error)
