"""kube.cut_connections: end the connections that a pod had before it was isolated.

Most engines let established connections live when a policy forbids new ones (measured: kube-router and iptables agents
that look at connection tracking first). A helper on the pod's node ends the pod's sockets and forgets the node's
connection tracking entries of its addresses. What is claimed is only what was seen: the table afterwards.
"""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec, Defaults
from irkit.actions.kube.about import About
from irkit.actions.kube.cut_connections.facts import CUT, Facts, clean, observe
from irkit.actions.kube.engines import AGENT_READS, STANDING_READS
from irkit.actions.kube.inventory import counted
from irkit.actions.kube.objects import absent, access
from irkit.actions.kube.proofs import Report
from irkit.actions.kube.tools import (
    TOOL_ACCESS,
    TOOL_WRITES,
    Image,
    NamespaceName,
    Place,
    clear_away,
    end_tools,
    keep_report,
    run_tool,
    tidy,
)
from irkit.model.base import Model
from irkit.model.effects import Mark
from irkit.model.kube import NETWORK_POLICIES, PODS
from irkit.model.plans import Change, Impact, Originals, Plan, Receipts, Refuse, Settled, Verdict, Wait
from irkit.model.ports import Reader
from irkit.model.refs import PodRef

_COMMAND = "/irkit/cut"


class Params(Model):
    """`image` holds irkit's tools; `namespace` is where the helper runs ("": the pod's own)."""

    pod: PodRef = Field(description="the pod whose connections are ended")
    image: Image = Field(default="", description="the image of irkit's tools; without one nothing can be cut")
    namespace: NamespaceName = Field(default="", description="where the tool pod runs; empty is the pod's own")


class Outputs(Model):
    """Connections before and after, as the pod's own table showed them; -1 where it was not seen."""

    artefact: str
    before: int
    left: int


class CutConnections(About[Params], Defaults):
    """Runs the helper once under the policies as they are, keeps its report, removes it."""

    about = "pod"
    spec = ActionSpec(
        id="kube.cut_connections",
        version=1,
        title="End a pod's established connections",
        purpose="contain",
        params=Params,
        outputs=Outputs,
        reads=(*access(PODS, "get", "list"), *access(NETWORK_POLICIES, "list"), *STANDING_READS),
        writes=TOOL_WRITES,
        optional=STANDING_READS,
        there=TOOL_ACCESS,
        system=AGENT_READS,
        risk="disruptive",
        example="pod: ${inputs.pod}\nimage: registry.example/irkit-tools:1",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """The pod, the helper, the report."""
        return observe(p.pod, p.namespace or p.pod.namespace, p.image, mark, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:
        """Run the helper, wait for it, keep its report, remove it."""
        pod = p.pod
        namespace = p.namespace or pod.namespace
        leftovers = end_tools(mark, namespace, facts.runs)
        first = tidy(mark, namespace, mine, facts.runs, kept=facts.report is not None, now=facts.now)
        if first is not None:
            return first
        if facts.report is not None and not facts.again:
            return _settled(facts.key, facts.report)
        if facts.presence != "here":
            return absent(pod, facts.presence)
        if not p.image:
            why = "established connections may live: no image of irkit's tools is configured (inputs: tools_image)"
            return Settled("nothing was cut", Verdict.unproven(why))
        if facts.held:
            return Refuse(f"{pod} is held by case {facts.held}", hint=f"join that case: irkit status {facts.held}")
        if facts.host_network or not facts.node:
            where = "in its node's network: its connections are the node's" if facts.node else "on no node yet"
            return Refuse(f"{pod} is {where}", hint="contain the node" if facts.node else "wait until it is scheduled")
        if CUT not in facts.runs:
            place = Place(namespace, facts.node, pod.uid, host_network=True)
            impact = (
                Impact(who=f"node {facts.node}", what="a helper in the node's network runs for seconds", warn=True),
                Impact(who=f"peers of {pod}", what="their connections with it end"),
            )
            effect = run_tool(mark, CUT, p.image, place, (_COMMAND, *facts.ips), facts.now)
            return Change((effect,), f"connections that {pod} had before it was isolated may live", impact)
        if facts.spooled is None:
            return Wait(1, "the helper is ending connections")
        return Change((keep_report(facts.key, facts.spooled), *leftovers), "the helper has ended")

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Connections do not come back by themselves; a helper that a crash left behind is removed."""
        return clear_away(mark, p.namespace or p.pod.namespace, facts.runs)


def _settled(key: str, report: Report) -> Settled:
    before, left = report.counts.get(f"{CUT}.before", -1), report.counts.get(f"{CUT}.left", -1)
    outputs = Outputs(artefact=key, before=before, left=left)
    if left > 0:
        return Settled(
            "connections survive", Verdict.leaky(f"{left} of {before} TCP connections are still open"), outputs
        )
    if not clean(report):
        silent = "the helper said nothing of what is left" if left < 0 else "the node still tracks its connections: UDP"
        return Settled("nobody knows what is left", Verdict.unproven(report.errors.get(CUT, silent)), outputs)
    held = counted(before, "TCP connection")
    seen = f"the pod's table held {held} before, none after; the node forgot what it tracked"
    return Settled("no connection is left", Verdict.proven(seen), outputs)


ACTION = CutConnections()
