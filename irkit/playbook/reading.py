"""Typed access to a YAML tree: each method gives a usable value, and reports where there was none."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import durationpy

from irkit.playbook.diagnostics import Place, Problems, suggest
from irkit.playbook.yamltree import Node

DURATION = r"([0-9]{1,6}[hms])+"
"""What a duration looks like: whole hours, minutes and seconds, each with its unit."""
MANY = 20
"""So many unknown keys of one mapping are named: what is near to each costs time."""
LONGEST = 86400
"""Seconds of the longest timeout."""


class Reading:
    """Reads one file's nodes. Nothing raises; everything wrong is in `problems`."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def mapping(self, node: Node | None, what: str, known: Collection[str] | None) -> Mapping[str, Node]:
        """The node's keys; unknown ones are reported with the nearest known (None: any may stand here)."""
        if node is None:
            return {}
        if not isinstance(node.value, dict):
            self.problems.add(node.at, f"{what} must be a mapping", "write `key: value` pairs")
            return {}
        unknown = [] if known is None else [key for key in node.keys if key not in known]
        for key in unknown[:MANY]:
            remedy = suggest(key, known or (), f"known here: {', '.join(known or ())}")
            self.problems.add(node.keys[key], f"unknown key `{key[:40]}` in {what}", remedy)
        if len(unknown) > MANY:
            self.problems.add(
                node.at, f"{len(unknown) - MANY} more unknown keys in {what}", "see `irkit playbook schema`"
            )
        return node.value

    def items(self, node: Node | None, what: str, example: str) -> list[Node]:
        """The node's items."""
        if node is None:
            return []
        if not isinstance(node.value, list):
            self.problems.add(node.at, f"{what} must be a list", example)
            return []
        return node.value

    def text(self, node: Node | None, what: str) -> str:
        """A string, or "" where it is missing."""
        if node is None:
            return ""
        if not isinstance(node.value, str):
            self.problems.add(node.at, f"{what} must be text", f'quote it: "{node.text}"' if node.text else "say it")
            return ""
        return node.value

    def flag(self, node: Node, what: str, *, otherwise: bool) -> bool:
        """True or false."""
        if isinstance(node.value, bool):
            return node.value
        self.problems.add(node.at, f"{what} must be true or false", "YAML 1.2 knows no yes, no, on or off")
        return otherwise

    def word(self, node: Node | None, parent: Place, what: str, form: re.Pattern[str]) -> str:
        """A name of the given form, or "" where there is none."""
        if node is None:
            self.problems.add(parent, f"{what} is missing", f"say {what}")
            return ""
        if not isinstance(node.value, str) or form.fullmatch(node.value) is None:
            remedy = "lower-case letters, digits and dashes, a letter first, at most 41"
            self.problems.add(node.at, f"{what} is no name", remedy)
            return ""
        return node.value

    def choice(self, node: Node | None, what: str, known: tuple[str, ...]) -> str | None:
        """One of a few words, or None."""
        if node is None:
            return None
        if node.value in known:
            return str(node.value)
        listed = ", ".join(known)
        remedy = suggest(node.value, known, f"one of {listed}") if isinstance(node.value, str) else f"one of {listed}"
        self.problems.add(node.at, f"{what} must be one of {listed}", remedy)
        return None

    def fixed(self, node: Node | None, parent: Place, key: str, value: str) -> None:
        """A key that can have one value only."""
        if node is None or node.value != value:
            what = f"`{key}` is missing" if node is None else f"`{key}` is none that this irkit reads"
            self.problems.add(node.at if node else parent, what, f"{key}: {value}")

    def duration(self, node: Node | None, what: str, default: int) -> int:
        """Seconds of a duration such as 90s, 10m or 1h30m."""
        if node is None:
            return default
        if not isinstance(node.value, str) or re.fullmatch(DURATION, node.value) is None:
            self.problems.add(node.at, f"{what} must be a duration with its unit", "write 90s, 10m or 1h30m")
            return default
        seconds = int(durationpy.from_str(node.value).total_seconds())
        if not 1 <= seconds <= LONGEST:
            self.problems.add(node.at, f"{what} must be from 1s to 24h", "write 90s, 10m or 1h30m")
            return default
        return seconds
