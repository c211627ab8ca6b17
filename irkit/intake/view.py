"""What every form of a finding is turned into before it is read: GuardDuty's event form, and the way back to words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from irkit.errors import FindingError
from irkit.intake.documents import about, camel

_TOKEN: Final = re.compile(r"[^.\[\]]+|\[\d+\]")


@dataclass(frozen=True, slots=True)
class View:
    """One finding in GuardDuty's event form, nulls and empty texts left out.

    `words` translates a path in it ("resource.eksClusterDetails.arn") to the sender's own path.
    """

    name: str
    source: Literal["guardduty", "securityhub"]
    native: dict[str, Any]
    words: Callable[[str], str]
    requested: str = ""


def complaint(view: View, path: str, problem: str, *, hint: str = "") -> FindingError:
    """What is wrong with the field at this path of the event form, in the sender's words."""
    return about(view.name, view.words(path), problem, hint=hint)


def spelled(original: Any, where: str, path: str) -> str:  # noqa: ANN401 -- JSON of any shape
    """The path in the spelling of the document that it was read from, where the document has it.

    Members that are missing are spelled as their siblings are.
    """
    out = where
    node = original
    pascal = type(original) is dict and any(key[:1].isupper() for key in original)
    for token in _TOKEN.findall(path):
        if token.startswith("["):
            out += token
            index = int(token[1:-1])
            node = node[index] if type(node) is list and index < len(node) else None
            continue
        found = next((key for key in node if camel(key) == token), None) if type(node) is dict else None
        node = node[found] if found is not None and type(node) is dict else None
        word = found or (token[0].upper() + token[1:] if pascal else token)
        out = f"{out}.{word}" if out else word
    return out
