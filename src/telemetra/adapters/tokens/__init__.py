"""Tokens in a file: read, watched, and never held in the clear."""

from __future__ import annotations

from telemetra.adapters.tokens.examination import examine_tokens
from telemetra.adapters.tokens.file import TokenFile, TokensUnreadable

__all__ = ["TokenFile", "TokensUnreadable", "examine_tokens"]
