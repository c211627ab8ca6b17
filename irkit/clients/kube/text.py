"""Text from outside, made safe to show."""

from __future__ import annotations


def clean(text: str, limit: int) -> str:
    """Text from outside, for people: control, format and bidirectional characters escaped, cut at `limit`."""
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[: limit + 1]
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
