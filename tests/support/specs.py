"""Specs of actions that do nothing, for tests of what surrounds actions."""

from __future__ import annotations

from typing import Any

from irkit.actions.api import ActionSpec, NoOutputs
from irkit.model.base import Model


class NoParams(Model):
    """Takes nothing."""


def spec(action: str, **more: Any) -> ActionSpec:
    given: dict[str, Any] = {
        "id": action, "version": 1, "title": "T", "purpose": "contain", "params": NoParams, "outputs": NoOutputs,
        "reads": (), "risk": "reversible", "example": "{}",
    }  # fmt: skip
    return ActionSpec(**(given | more))
