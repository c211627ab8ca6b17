"""Text from a sender, made fit for people: bounded, one line, nothing invisible."""

from __future__ import annotations

import unicodedata
from typing import Final

LIMIT: Final = 1024
"""The model's `Text` holds so many characters."""
_REPLACED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that move a cursor, reorder, hide or break a line: each character becomes U+FFFD."""


def clean(text: str, limit: int = LIMIT) -> str:
    """The text for people: at most `limit` characters, the last an ellipsis where more was cut.

    Views escape once more on output; this keeps what cannot be seen out of the journal as well.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if unicodedata.category(character) in _REPLACED else character for character in text)
