"""kube.probe_pod: try whether a pod is really cut off, from where the truth is, and keep what was seen as evidence.

Two short-lived pods of irkit's tools: one without any privilege, like any other pod of the cluster, tries new
connections into the pod (a node is no place for that: policies let the kubelet pass); one on the pod's node enters its
network namespace and tries new connections out. Both are deleted again.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from irkit.actions.api import ActionSpec, Defaults
from irkit.actions.kube.about import About
from irkit.actions.kube.objects import absent, access
from irkit.actions.kube.probe_pod.controls import OPTIONAL, READS, SYSTEM
from irkit.actions.kube.probe_pod.facts import Facts, destinations, observe, place
from irkit.actions.kube.proofs import EGRESS, INGRESS, Direction, judge
from irkit.actions.kube.tools import (
    TOOL_ACCESS,
    TOOL_WRITES,
    Image,
    NamespaceName,
    clear_away,
    end_tools,
    keep_report,
    run_tool,
    tidy,
)
from irkit.model.base import Model
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import SERVICES
from irkit.model.plans import Change, Impact, Originals, Plan, Receipts, Refuse, Settled, Verdict, Wait
from irkit.model.ports import Reader
from irkit.model.refs import PodRef

_COMMAND = "/irkit/connect"


class Params(Model):
    """What is tried, and from where. The best `controls` are siblings: silence of a port counts where they answer."""

    pod: PodRef = Field(description="the pod that should be cut off")
    image: Image = Field(default="", description="the image of irkit's tools; without one nothing can be tried")
    controls: tuple[PodRef, ...] = Field(
        default=(),
        description="pods that should answer where it does not: without one that answers, its silence proves less",
    )
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field(
        default=(), description="ports that are tried beside those that it declares"
    )
    namespace: NamespaceName = Field(default="", description="where tool pods run; empty is the pod's own")
    helper: bool = Field(
        default=True,
        description="whether a privileged helper may run on its node; without it nothing is known of egress",
    )


class Outputs(Model):
    """Where the report is; each direction by itself; established connections that the pod still has, or -1."""

    artefact: str
    ingress: Direction
    egress: Direction
    established: int


class ProbePod(About[Params], Defaults):
    """Runs the tools, keeps their report under the circumstances that it was made in, removes them."""

    about = "pod"
    spec = ActionSpec(
        id="kube.probe_pod",
        version=1,
        title="Try whether a pod is cut off",
        purpose="probe",
        params=Params,
        outputs=Outputs,
        reads=READS,
        writes=TOOL_WRITES,
        wide=access(SERVICES, "get"),
        optional=OPTIONAL,
        there=TOOL_ACCESS,
        system=SYSTEM,
        risk="reversible",
        example="pod: ${inputs.pod}\nimage: registry.example/irkit-tools:1",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """The pod's addresses, what controls it has, the tool pods, and the report if it was kept."""
        return observe(p, mark, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:
        """Run the tools, wait for them, keep their report, remove them, judge."""
        pod = p.pod
        namespace = p.namespace or pod.namespace
        leftovers = end_tools(mark, namespace, facts.runs)
        first = tidy(mark, namespace, mine, facts.runs, kept=facts.report is not None, now=facts.now)
        if first is not None:
            return first
        if facts.report is not None and not facts.again:
            seen = judge(facts.report)
            found = Outputs(
                artefact=facts.key, ingress=seen.into.direction, egress=seen.out.direction, established=seen.established
            )
            return Settled(f"kept as {facts.key}", seen.verdict, found)
        if facts.presence != "here":
            return absent(pod, facts.presence)
        if not p.image:
            why = "no image of irkit's tools is configured (inputs: tools_image in irkit.yaml), so nobody could try"
            return Settled(f"{pod} was not probed", Verdict.unproven(why))
        if facts.held:
            return Refuse(f"{pod} is held by case {facts.held}", hint=f"join that case: irkit status {facts.held}")
        if facts.host_network:
            why = f"{pod} is in its node's network: its connections are the node's"
            return Settled(f"{pod} was not probed", Verdict.unproven(why))
        wanted = (INGRESS, EGRESS) if p.helper else (INGRESS,)
        missing = [purpose for purpose in wanted if purpose not in facts.runs]
        if missing:
            effects = tuple(_run(p, mark, facts, purpose) for purpose in missing)
            return Change(effects, f"nobody has tried whether {pod} is cut off as it is now", _impact(p, facts))
        if not all(run.over for run in facts.runs.values()) or facts.spooled is None:
            return Wait(1, "the tool pods are trying connections")
        return Change((keep_report(facts.key, facts.spooled), *leftovers), "the tool pods have ended")

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Remove tool pods that a crash or an abort left behind; the report is evidence and stays."""
        return clear_away(mark, p.namespace or p.pod.namespace, facts.runs)


def _run(p: Params, mark: Mark, facts: Facts, purpose: str) -> KubeCall:
    command = (_COMMAND, *destinations(facts, purpose))
    return run_tool(mark, purpose, p.image, place(p, facts, purpose), command, facts.now)


def _impact(p: Params, facts: Facts) -> tuple[Impact, ...]:
    tried = len(destinations(facts, INGRESS))
    plain = Impact(
        who=f"pods of {place(p, facts, INGRESS).namespace}", what=f"one more for seconds: {tried} connections"
    )
    if not p.helper:
        return (plain,)
    helper = Impact(
        who=f"node {facts.node}", what="a helper with the node's processes in sight runs for seconds", warn=True
    )
    return (plain, helper)


ACTION = ProbePod()
