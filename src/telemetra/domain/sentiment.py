"""
Sentiment: how glad or angry a chat message is, by a lexicon made for chat.

Words and emotes have a colour; negation turns it, boosters, capitals and drawn-out letters strengthen it, and repeating
adds little. Work is linear in the message and bounded: no patterns that could backtrack. Knows nothing of streams.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from telemetra.domain.sentiment_lexicon import (
    BOOSTERS,
    EMOTE_STEMS,
    EMOTES,
    NEGATIONS,
    PHRASES,
    SHOUTS,
    WORDS,
)

_MAX_CHARACTERS: Final = 1000
"""What follows is not read: chat platforms end messages at half of that."""
_MAX_EMOTES: Final = 100
_MAX_TOKEN_CHARACTERS: Final = 40
_NEGATION_REACH: Final = 3
"""So many words after a negation are turned."""
_NEGATED: Final = -0.7
"""'Not good' is less bad than 'good' is good."""
_BOOSTED: Final = 1.3
_CAPITALS: Final = 1.2
_DRAWN_OUT: Final = 1.2
_REPEATED: Final = 0.25
"""What the second and every further occurrence of the same token adds: LUL LUL LUL is one laugh, only louder."""
_MIN_CAPITALS: Final = 3
_APOSTROPHE: Final = "\N{RIGHT SINGLE QUOTATION MARK}"
_EDGES: Final = ".,!?;:\"'()[]{}*~-_`…“”<>" + _APOSTROPHE


class _Token(NamedTuple):
    """What a single token says by itself."""

    word: str
    """The plain form, by which phrases, negations and boosters know it; empty for an emote."""
    valence: float


class LexiconScorer:
    """The built-in `SentimentScorer`: a few microseconds a message, and no state but a bounded memory of tokens."""

    def score(self, text: str, emotes: Sequence[str]) -> float:
        """Return a number in [-1, 1], 0 for neutral; the same for the same message."""
        emotes = emotes[:_MAX_EMOTES]
        raw = text[:_MAX_CHARACTERS].split()
        total = _sum_tokens(raw, frozenset(emotes))
        if emotes and not all(emote in raw for emote in emotes):
            # Some sources take the emotes out of the text.
            total += _sum_tokens([emote for emote in emotes if emote not in raw], frozenset(emotes))
        return math.tanh(total) if total else 0.0


def _sum_tokens(raw: Sequence[str], emotes: frozenset[str]) -> float:
    total = 0.0
    previous, previous_share = "", 0.0
    negated, boost = 0, 1.0
    seen: set[str] = set()
    for text in raw:
        token = _read_emote(text) if text in emotes else _read(text)
        word, share = token
        if word in NEGATIONS:
            negated, boost = _NEGATION_REACH + 1, 1.0
        elif word in BOOSTERS and not share:
            boost = _BOOSTED
        elif share:
            share *= boost * (_NEGATED if negated else 1.0)
            boost = 1.0
        if text in seen:
            share *= _REPEATED
        elif share:
            seen.add(text)
        phrase = PHRASES.get((previous, word)) if previous and word else None
        if phrase is not None:
            total -= previous_share
            share, word, negated = phrase, "", 0
        total += share
        previous, previous_share = word, share
        negated = max(0, negated - 1)
    return total


@lru_cache(maxsize=16_384)
def _read_emote(text: str) -> _Token:
    """Look up what is known to be an emote; a channel's own by what follows its prefix of small letters."""
    valence = EMOTES.get(text)
    if valence is None and len(text) <= _MAX_TOKEN_CHARACTERS:
        stem = text.lstrip("abcdefghijklmnopqrstuvwxyz0123456789")
        valence = EMOTES.get(stem, EMOTE_STEMS.get(stem))
    return _Token("", valence or 0.0)


@lru_cache(maxsize=16_384)
def _read(text: str) -> _Token:
    """Look up anything else: an emote that the source does not know, an emoji, a word, a word drawn out."""
    if len(text) > _MAX_TOKEN_CHARACTERS:
        text = text[:_MAX_TOKEN_CHARACTERS]
    if text in EMOTES:
        return _Token("", EMOTES[text])
    if text[0] == text[-1] and (valence := EMOTES.get(text[0])) is not None:
        return _Token("", valence)  # A row of the same emoji.
    bare = text.strip(_EDGES)
    strength = _CAPITALS if len(bare) >= _MIN_CAPITALS and bare.isupper() else 1.0
    word = bare.lower().replace("'", "").replace(_APOSTROPHE, "")
    if word in WORDS:
        return _Token(word, WORDS[word] * strength)
    for shorter in (_shorten(word, 2), _shorten(word, 1)):
        if shorter != word and (valence := SHOUTS.get(shorter, WORDS.get(shorter))) is not None:
            return _Token("" if shorter in NEGATIONS else shorter, valence * strength * _DRAWN_OUT)
    if word.startswith(("haha", "ahah")):
        return _Token(word, WORDS["haha"] * strength)
    return _Token(word, EMOTES.get(bare, 0.0))


def _shorten(word: str, most: int) -> str:
    """Cut every run of three or more equal letters to `most`."""
    out: list[str] = []
    start = 0
    for end in range(1, len(word) + 1):
        if end == len(word) or word[end] != word[start]:
            run = end - start
            out.append(word[start] * (most if run > 2 else run))  # noqa: PLR2004 - two equal letters are spelling
            start = end
    return "".join(out)
