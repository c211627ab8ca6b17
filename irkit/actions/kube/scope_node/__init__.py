"""kube.scope_node: everything that runs on a node, whose credentials are there, and what could reach the node from it.

Who holds a node holds the tokens of every service account whose pods run on it, and its kubelet may ask for more.
"""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec
from irkit.actions.kube.inventory import READS as FLEET
from irkit.actions.kube.inventory import counted
from irkit.actions.kube.objects import absent, access
from irkit.actions.kube.scope_node.facts import Facts, Outputs, observe
from irkit.actions.kube.scoping import READ, Scoping
from irkit.model.base import Model
from irkit.model.effects import Mark
from irkit.model.kube import JOBS, NODES, PODS, REPLICA_SETS, SERVICE_ACCOUNTS
from irkit.model.plans import Plan, Receipts, Settled
from irkit.model.ports import Reader
from irkit.model.refs import NodeRef


class Params(Model):
    """The node to look at."""

    node: NodeRef = Field(description="the node to look at")


class ScopeNode(Scoping):
    """Lists what runs on a node, and what of it would come back or cannot be stopped from the API."""

    about = "node"
    spec = ActionSpec(
        id="kube.scope_node",
        version=1,
        title="See what a node runs",
        purpose="read",
        params=Params,
        outputs=Outputs,
        reads=(*access(NODES, "get"), *access(PODS, "list"), *FLEET),
        wide=tuple(one for each in (PODS, SERVICE_ACCOUNTS, REPLICA_SETS, JOBS) for one in access(each, "list")),
        risk="none",
        no_undo="it only reads",
        example="node: ${inputs.node}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """The node and all pods."""
        return observe(p.node, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Settled at once, with what was found."""
        found = facts.found
        if found is None:
            return absent(p.node, facts.presence)
        accounts = counted(len(found.service_accounts), "service account")
        cordoned = ", cordoned" if found.unschedulable else ""
        return Settled(f"{counted(len(found.pods), 'pod')} of {accounts}{cordoned}", READ, found)


ACTION = ScopeNode()
