"""The name under which a browser saves an export (RFC 6266), whatever a stream is called."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

_MOST_CHARACTERS: Final = 60
"""At most 240 bytes of UTF-8: file systems take 255, and the rest of the name wants some."""
_NOT_FOR_FILES: Final = re.compile(
    r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]'
)
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9._-]")
# attr-char of RFC 8187, beside letters and digits.
_UNQUOTED: Final = "!#$&+-.^_`|~"


def attachment(stream_id: str, ending: str) -> str:
    """
    Return `Content-Disposition` for a file called `STREAM-ENDING`.

    The name is in ASCII for who reads no more, and as it is beside it where that is another. What a file system takes for
    something else is an underscore, and no name begins with a dot.
    """
    shown = _NOT_FOR_FILES.sub("_", stream_id)[:_MOST_CHARACTERS].strip()
    shown = re.sub(r"^\.+", "_", shown).encode(errors="replace").decode()
    whole = f"{shown}-{ending}"
    plain = _NOT_PLAIN.sub("_", whole)
    told = f'attachment; filename="{plain}"'
    return told if plain == whole else f"{told}; filename*=UTF-8''{quote(whole, safe=_UNQUOTED)}"
