"""What a lab starts from: objects, identities, and the cluster that it claims to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from irkit.lab.auth import DEFAULT, Identity
from irkit.lab.behaviour import Behaviour


@dataclass(frozen=True, slots=True)
class Seed:
    """A world before it runs. The same seed and objects make the same uids.

    `cluster` is the ARN under which irkit knows it. `tokens` are its identities by name; the default ones are
    always among them unless replaced.
    """

    cluster: str
    objects: tuple[dict[str, Any], ...]
    seed: int = 1
    tokens: Mapping[str, Identity] = field(default_factory=lambda: DEFAULT)
    behaviour: Behaviour = field(default_factory=Behaviour)

    def to_json(self) -> dict[str, Any]:
        """For a lab in another process."""
        return {
            "cluster": self.cluster,
            "seed": self.seed,
            "tokens": {name: identity.dump() for name, identity in self.tokens.items()},
            "behaviour": self.behaviour.dump(),
            "objects": list(self.objects),
        }

    @classmethod
    def from_json(cls, doc: Mapping[str, Any]) -> Seed:
        """What `to_json` wrote."""
        return cls(
            cluster=doc["cluster"],
            objects=tuple(doc["objects"]),
            seed=doc["seed"],
            tokens={name: Identity.parse(identity) for name, identity in doc["tokens"].items()},
            behaviour=Behaviour.parse(doc["behaviour"]),
        )
