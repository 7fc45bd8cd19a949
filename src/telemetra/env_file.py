"""The file `.env`: its values, and what of it can't be read."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

_LINE_END: Final = re.compile(r"\r\n|\n|\r")


def read_env_file(path: Path | None) -> tuple[Mapping[str, str | None], list[str]]:
    """
    Return what a file sets, nothing when there is none, and what is wrong with it.

    Problems name the line and never show it: it may hold a password.
    """
    if path is None or not path.is_file():
        return {}, []
    try:
        content = path.read_bytes()
    except OSError as error:
        return {}, [f"{path}: can't be read: {error.strerror}"]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return {}, [f"{path}, line {line}: not UTF-8: save the file in that encoding"]
    statements = list(parse_stream(io.StringIO(text)))
    problems = [
        f"{path}, line {_line(statement)}: expected NAME=value" for statement in statements if statement.error
    ]
    # The library logs each line that it can't read, so those are left out.
    readable = "".join(statement.original.string for statement in statements if not statement.error)
    return dotenv_values(stream=io.StringIO(readable)), problems


def _line(statement: Binding) -> int:
    """Return where a statement begins; the parser counts the blank lines above it in."""
    text = statement.original.string
    blank = text[: len(text) - len(text.lstrip())]
    return statement.original.line + len(_LINE_END.findall(blank))
