"""kube.scope_pod: what a pod is part of, so that later steps and people know what they act on. Reads only."""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec
from irkit.actions.kube.exposure import READS as EXPOSURE
from irkit.actions.kube.objects import absent, access
from irkit.actions.kube.scope_pod.facts import Facts, Outputs, observe
from irkit.actions.kube.scoping import READ, Scoping
from irkit.model.base import Model
from irkit.model.effects import Mark
from irkit.model.kube import CONTROLLERS, NODES, PODS, SERVICE_ACCOUNTS
from irkit.model.plans import Plan, Receipts, Settled
from irkit.model.ports import Reader
from irkit.model.refs import PodRef


class Params(Model):
    """The pod to look at."""

    pod: PodRef = Field(description="the pod to look at")


class ScopePod(Scoping):
    """Follows a pod to its node, identity, controllers, siblings, and whatever selects it."""

    about = "pod"
    spec = ActionSpec(
        id="kube.scope_pod",
        version=1,
        title="See what a pod is part of",
        purpose="read",
        params=Params,
        outputs=Outputs,
        reads=(
            *access(PODS, "get", "list"),
            *access(NODES, "get"),
            *access(SERVICE_ACCOUNTS, "get"),
            *(one for resource in CONTROLLERS.values() for one in access(resource, "get", "list")),
            *EXPOSURE,
        ),
        risk="none",
        no_undo="it only reads",
        example="pod: ${inputs.pod}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """The pod and everything it is part of."""
        return observe(p.pod, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Settled at once, with what was found."""
        if facts.found is None:
            return absent(p.pod, facts.presence)
        owner = f", of {facts.found.owners[-1]}" if facts.found.owners else ", of no controller"
        where = f" on {facts.found.node}" if facts.found.node else ", on no node yet"
        return Settled(f"{facts.found.phase}{where}{owner}", READ, facts.found)


ACTION = ScopePod()
