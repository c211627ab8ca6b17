"""kube.scope_workload: the pods that a controller made, where they run, as whom, and what leads to them."""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec
from irkit.actions.kube.exposure import READS as EXPOSURE
from irkit.actions.kube.inventory import READS as FLEET
from irkit.actions.kube.objects import absent, access
from irkit.actions.kube.scope_workload.facts import Facts, Outputs, observe
from irkit.actions.kube.scoping import READ, Scoping, summary
from irkit.model.base import Model
from irkit.model.effects import Mark
from irkit.model.kube import CONTROLLERS, PODS
from irkit.model.plans import Plan, Receipts, Refuse, Settled
from irkit.model.ports import Reader
from irkit.model.refs import WorkloadRef

_LISTED = tuple(one for resource in CONTROLLERS.values() for one in access(resource, "get", "list"))


class Params(Model):
    """The controller to look at."""

    workload: WorkloadRef = Field(description="the controller to look at")


class ScopeWorkload(Scoping):
    """Follows a controller down to its pods: those of all ReplicaSets of a Deployment, of all Jobs of a CronJob."""

    about = "workload"
    spec = ActionSpec(
        id="kube.scope_workload",
        version=1,
        title="See what a workload runs",
        purpose="read",
        params=Params,
        outputs=Outputs,
        reads=tuple(dict.fromkeys((*_LISTED, *access(PODS, "list"), *FLEET, *EXPOSURE))),
        risk="none",
        no_undo="it only reads",
        example="workload: ${inputs.workload}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """The controller, and all pods of its namespace."""
        return observe(p.workload, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Settled at once, with what was found."""
        if p.workload.type not in CONTROLLERS:
            return Refuse(
                f"irkit does not know how a {p.workload.type} makes its pods",
                hint=f"scope one of its pods, or one of: {', '.join(CONTROLLERS)}",
            )
        if facts.found is None:
            return absent(p.workload, facts.presence)
        return Settled(summary(facts.found), READ, facts.found)


ACTION = ScopeWorkload()
