"""kube.scope_pod_ip: which pod has an address, for findings that know no more than that.

An address is used again within seconds. The pod that has it now is the one that had it at the time of the finding
only where it was there already, so say that time (`at`): a pod that started later is refused.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from irkit.actions.api import ActionSpec, NoUndo
from irkit.actions.kube.objects import access
from irkit.actions.kube.scope_pod_ip.facts import Facts, Outputs, observe
from irkit.model.base import Model
from irkit.model.effects import Mark
from irkit.model.kube import NODES, PODS, SERVICE_ACCOUNTS
from irkit.model.plans import Plan, Receipts, Refuse, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import ClusterRef, PodAddressRef, PodRef

_SHOWN = 5
_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$"


class Params(Model):
    """The address, and when it was seen (UTC, as the finding says it); "" where that is not known."""

    address: PodAddressRef = Field(description="the address that somebody saw")
    at: Annotated[str, StringConstraints(pattern=_TIME)] | Annotated[str, StringConstraints(max_length=0)] = Field(
        default="", description="when it was seen, in UTC as the finding says it; empty where that is not known"
    )


class ScopePodIP(NoUndo):
    """From an address to the pod that has it, or to the reason why nobody can say."""

    spec = ActionSpec(
        id="kube.scope_pod_ip",
        version=1,
        title="Find the pod that has an address",
        purpose="read",
        params=Params,
        outputs=Outputs,
        reads=(*access(PODS, "list"), *access(NODES, "list"), *access(SERVICE_ACCOUNTS, "get")),
        wide=access(PODS, "list"),
        risk="none",
        no_undo="it only reads",
        example="address: ${inputs.address}",
    )

    def target(self, p: Params) -> ClusterRef:
        """The cluster: which pod it is about is what the action finds out."""
        return p.address.cluster

    def scope(self, p: Params) -> str:
        """The address."""
        return p.address.key

    def locks(self, p: Params) -> tuple[str, ...]:  # noqa: ARG002 -- the port's
        """None: nothing is written."""
        return ()

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """All pods, and all nodes."""
        return observe(p.address, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Settled where exactly one pod can be meant."""
        ip = p.address.ip
        if facts.node is not None:
            shared = f"shared by {_named(facts.shared)}" if facts.shared else "and of no pod"
            return Refuse(
                f"{ip} is the address of {facts.node}, {shared}",
                hint="scope the node, or name the pod if the finding says more",
            )
        if facts.found is None:
            if facts.holders:
                return Refuse(f"{ip} is the address of {_named(facts.holders)}", hint="name the pod that is meant")
            had = f"; {_named(facts.former)} had it and ended" if facts.former else ""
            return Refuse(
                f"no living pod has the address {ip}{had}",
                hint="the flow logs and the audit log say which pod had it at the time of the finding",
            )
        found = facts.found
        since = found.since or "a time that nobody knows"
        if not p.at:
            return Settled(
                f"{found.pod} has {ip} since {since}; before, another may have had it",
                Verdict.unproven("no time was said at which the address was seen"),
                found,
            )
        if not found.since or found.since[:19] > p.at[:19]:
            return Refuse(
                f"{found.pod} has {ip} only since {since}, and it was seen at {p.at}",
                hint="another pod had it then: the flow logs and the audit log say which one",
            )
        return Settled(
            f"{found.pod} has {ip} since {found.since}", Verdict.proven(f"it was there already at {p.at}"), found
        )


def _named(pods: tuple[PodRef, ...]) -> str:
    names = ", ".join(str(one) for one in pods[:_SHOWN])
    return f"{names} and {len(pods) - _SHOWN} more" if len(pods) > _SHOWN else names


ACTION = ScopePodIP()
