"""What actions about one pod have in common: their target, the scope of their mark, and their lock."""

from __future__ import annotations

from typing import Protocol

from irkit.model.refs import PodRef


class HasPod(Protocol):
    """Parameters that name a pod."""

    @property
    def pod(self) -> PodRef:
        """The pod."""
        ...


class AboutPod:
    """An action on one pod: two of them on the same pod never overlap."""

    def target(self, p: HasPod) -> PodRef:
        """The pod."""
        return p.pod

    def scope(self, p: HasPod) -> str:
        """The pod's uid."""
        return p.pod.uid or p.pod.path

    def locks(self, p: HasPod) -> tuple[str, ...]:
        """The pod."""
        return (p.pod.key,)
