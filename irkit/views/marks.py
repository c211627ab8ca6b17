"""Signs and styles of step states: one look for the plan, progress, status and the last screen."""

from __future__ import annotations

SIGNS: dict[str, tuple[str, str]] = {
    "proven": ("✓", "good"),
    "unproven": ("!", "warn"),
    "leaky": ("✗", "bad"),
    "failed": ("✗", "bad"),
    "refused": ("✗", "bad"),
    "skipped": ("-", "warn"),
    "unneeded": ("-", "dim"),
    "asked": ("?", "warn"),
    "parked": ("‖", "warn"),
    "waiting": ("…", "dim"),
    "acting": ("…", "dim"),
    "new": ("·", "dim"),
}
"""Verdict or phase: its sign and style. The word stands beside the sign wherever it matters: colour is never alone."""

WORDS = {
    "asked": "waits for an approval",
    "acting": "under way",
    "new": "not begun",
    "waiting": "waits",
    "parked": "parked",
    "unneeded": "not needed",
}


def word(status: str) -> str:
    """A status in words."""
    return WORDS.get(status, status)
