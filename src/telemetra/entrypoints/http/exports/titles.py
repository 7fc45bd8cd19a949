"""What a moment is called in one line: for lists of chapters and for markers, which have room for little more."""

from __future__ import annotations

import unicodedata
from typing import Final

from telemetra.domain.moments import Moment, MomentType

MOST_CHARACTERS: Final = 100
"""Video sites take no longer title of a chapter."""
_KINDS: Final[dict[str, str]] = {
    MomentType.CHAT_SPIKE: "Chat spike",
    MomentType.VIEWER_SPIKE: "Viewer spike",
    MomentType.SENTIMENT_SHIFT: "Sentiment shift",
}
_SPACES: Final = frozenset({"Cc", "Zl", "Zp", "Zs"})
_NOWHERE: Final = frozenset({"Cf", "Cs"})
_JOINERS: Final = frozenset("\u200c\u200d")
_TAGS: Final = range(0xE0020, 0xE0080)
"""They spell flags of regions behind an emoji."""
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS: Final = range(0x1F1E6, 0x1F200)
_LONGEST_CLUSTER: Final = 40
_READ_CHARACTERS: Final = 1_000
"""So much of a text is looked at: no title has room for more."""


def title_of(moment: Moment) -> str:
    """Return the kind of a moment and its description, in one line of at most `MOST_CHARACTERS`."""
    kind = _KINDS.get(moment.moment_type) or one_line(moment.moment_type).replace("_", " ").capitalize()
    description = one_line(moment.description or "")
    return cut(f"{kind}: {description}" if description else kind)


def one_line(text: str) -> str:
    """Return a text without line breaks, control characters and marks that turn the direction of writing."""
    shown = []
    for character in text[:_READ_CHARACTERS]:
        category = unicodedata.category(character)
        if category in _SPACES:
            shown.append(" ")
        elif category not in _NOWHERE or character in _JOINERS or ord(character) in _TAGS:
            shown.append(character)
    return " ".join("".join(shown).split())


def cut(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return a text of at most `most` characters, ended by an ellipsis where it was longer, between what is seen as one."""
    if len(text) <= most:
        return text
    end = most - 1
    while end > most - _LONGEST_CLUSTER and _is_within(text, end):
        end -= 1
    return text[:end].rstrip() + "…"


def _is_within(text: str, place: int) -> bool:
    """Whether what stands before a place and what stands after it are seen as one."""
    before, after = text[place - 1], text[place]
    if before in _JOINERS or after in _JOINERS:
        return True
    if unicodedata.category(after).startswith("M") or ord(after) in _SKIN_TONES or ord(after) in _TAGS:
        return True
    if ord(before) in _FLAG_LETTERS and ord(after) in _FLAG_LETTERS:
        # Two letters are a flag: within one where an odd number of them stands before.
        first = place
        while first and ord(text[first - 1]) in _FLAG_LETTERS:
            first -= 1
        return (place - first) % 2 == 1
    return False
