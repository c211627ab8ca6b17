"""The actions that this irkit has: a value, made by walking the packages. There is no global registry.

A playbook uses some of them: one is imported when it is asked for, and all of them by whoever looks at all.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from irkit.actions import evidence, kube
from irkit.actions.api import Action
from irkit.errors import UsageError

AnyAction = Action[Any, Any]


class _Folders(Mapping[str, AnyAction]):
    """The built-in actions by id, in that order: `kube.isolate_pod` is `ACTION` of the folder `kube/isolate_pod`."""

    def __init__(self) -> None:
        found = (
            module.name
            for package in (evidence, kube)
            for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
            if module.ispkg
        )
        self._packages = {name.removeprefix("irkit.actions."): name for name in sorted(found)}

    def __getitem__(self, action_id: str) -> AnyAction:
        action: AnyAction | None = getattr(importlib.import_module(self._packages[action_id]), "ACTION", None)
        if action is None:  # shared code
            raise KeyError(action_id)
        return action

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._packages if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class Catalog:
    """Actions by id, in the order of their ids."""

    actions: Mapping[str, AnyAction]

    @classmethod
    def builtin(cls) -> Catalog:
        """Every action folder below `kube` and `evidence`: a package with `ACTION`. Others are shared code."""
        return cls(_Folders())

    @classmethod
    def of(cls, *actions: AnyAction) -> Catalog:
        """A catalog of these. Raises ValueError where two share an id."""
        by_id = {action.spec.id: action for action in sorted(actions, key=lambda action: action.spec.id)}
        if len(by_id) != len(actions):
            msg = "two actions share an id"
            raise ValueError(msg)
        return cls(MappingProxyType(by_id))

    def get(self, action_id: str) -> AnyAction | None:
        """The action, or None."""
        return self.actions.get(action_id)

    def need(self, action_id: str) -> AnyAction:
        """The action. Raises UsageError, which names those with a similar id."""
        action = self.get(action_id)
        if action is None:
            near = self.near(action_id)
            msg = f"there is no action {action_id[:80]!r}"
            hint = f"did you mean {' or '.join(near)}?" if near else "irkit actions list"
            raise UsageError(msg, did="nothing was run", hint=hint)
        return action

    def near(self, action_id: str) -> tuple[str, ...]:
        """Ids that look like this one, best first: `isolate_pod` means `kube.isolate_pod`."""
        short = {name.rpartition(".")[2]: name for name in self.actions}
        wanted = action_id[:80].lower().replace("-", "_")
        names = difflib.get_close_matches(wanted, [*self.actions, *short], n=3, cutoff=0.6)
        return tuple(dict.fromkeys(short.get(name, name) for name in names))

    def __iter__(self) -> Iterator[AnyAction]:
        return iter(self.actions.values())

    def __len__(self) -> int:
        return len(self.actions)
