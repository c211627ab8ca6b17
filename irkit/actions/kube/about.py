"""What actions about one object have in common: their target, the scope of their mark, and their lock."""

from __future__ import annotations

from typing import Generic, TypeVar

from irkit.actions.api import TargetRef

P_contra = TypeVar("P_contra", contravariant=True)


class About(Generic[P_contra]):
    """An action on the object that the parameter `about` names: two of them on the same object never overlap."""

    about: str

    def target(self, p: P_contra) -> TargetRef:
        """The object."""
        found: TargetRef = getattr(p, self.about)
        return found

    def scope(self, p: P_contra) -> str:
        """The object's uid; of an image its digest. Its path where only that is known."""
        return self.target(p).uid or self.target(p).path

    def locks(self, p: P_contra) -> tuple[str, ...]:
        """The object."""
        return (self.target(p).key,)
