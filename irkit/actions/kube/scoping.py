"""What all actions that only look have in common."""

from __future__ import annotations

from irkit.actions.api import NoUndo
from irkit.actions.kube.about import About
from irkit.actions.kube.inventory import Fleet, counted
from irkit.model.base import Model
from irkit.model.plans import Verdict

READ = Verdict.proven("read from the Kubernetes API")


class Scoping(About[Model], NoUndo):
    """Reads, and settles at once with what was found."""

    def locks(self, p: Model) -> tuple[str, ...]:  # noqa: ARG002 -- the port's
        """None: nothing is written."""
        return ()


def summary(fleet: Fleet) -> str:
    """`3 pods on 2 nodes, 1 of them beyond the reach of NetworkPolicies`."""
    beyond = len(fleet.pods) - len(fleet.isolable)
    text = f"{counted(len(fleet.pods), 'pod')} on {counted(len(fleet.nodes), 'node')}"
    return f"{text}, {beyond} of them beyond the reach of NetworkPolicies" if beyond else text
