"""What people write in a condition and mean otherwise, and what they could have meant: remedies, no judgement."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from irkit.playbook.conditions import code

LANGUAGE = "the language is CEL: ==, !=, &&, ||, !, in, size(x), x.startsWith(y)"
_SHOWN = 6
_TYPES = re.compile(r"applied to '\((\w+), (\w+)\)'")
_SLIPS = (
    (re.compile(r"\$\{?"), "`when` is an expression by itself: leave out the ${ and the }"),
    (re.compile(r"=!"), "not equal is !="),
    (re.compile(r"(?<![=!<>])=(?!=)"), "compare with =="),
    (re.compile(r"<>"), "not equal is !="),
    (re.compile(r"\b(?:and|AND)\b"), "and is &&"),
    (re.compile(r"\b(?:or|OR)\b"), "or is ||"),
    (re.compile(r"\b(?:not|NOT)\b"), "not is !"),
    (re.compile(r"\b(?:True|False|None|nil|TRUE|FALSE)\b"), "they are true, false and null"),
    (re.compile(r"\blen\s*\("), "the length is size(x)"),
    (re.compile(r"\?\."), "an empty value is null: compare with it first"),
)
_NAMES = {"string": "text", "int": "a number", "bool": "true or false", "wrapper(string)": "text"}


def slip(text: str) -> str:
    """The remedy for what looks like another language, or ""."""
    bare = code(text)
    return next((remedy for pattern, remedy in _SLIPS if pattern.search(bare)), "")


def remedy(message: str, text: str) -> str:
    """What to do about CEL's complaint."""
    types = _TYPES.search(message)
    if types is not None and types[1] != types[2]:
        one, other = (_NAMES.get(name, name) for name in types.groups())
        quotes = "; only text stands in quotes" if "string" in types.groups() else ""
        return f"one side is {one}, the other {other}{quotes}"
    return slip(text) or LANGUAGE


def names(word: str, known: Iterable[str]) -> str:
    """The nearest name, and what there is in its place: the inputs, the steps, or what one step gives."""
    every = list(known)
    near = difflib.get_close_matches(word, every, n=1)
    head, there = _siblings(word, every)
    others = [one for one in there if f"{head}.{one}" not in near]
    shown = ", ".join(others[:_SHOWN]) + (f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else "")
    listed = f"{head} has {shown}" if others else ""
    if near:
        return f"did you mean `{near[0]}`?" + (f" Else {listed}" if listed else "")
    return listed or "inputs.NAME, steps.ID.verdict, steps.ID.outputs.NAME"


def _siblings(word: str, every: list[str]) -> tuple[str, list[str]]:
    """The longest beginning that the word shares with known names, and what follows it in those."""
    parts = word.split(".")
    for count in range(len(parts) - 1, 0, -1):
        head = ".".join(parts[:count])
        found = [name.split(".")[count] for name in every if name.startswith(f"{head}.")]
        if found:
            return head, list(dict.fromkeys(found))
    return "", []
