"""The hardest tests of a containment, by their numbers: those that need the Amazon VPC CNI.

No cluster on this machine can run it. They play against the lab's *model* of its node agents (`irkit.lab.vpc_cni`),
which is written from the agents' source and shares no code with irkit's own judgement. The others are in
tests/cluster/test_hardest.py, on a real cluster.
"""

from __future__ import annotations

import pytest

from irkit.app.check import check
from irkit.app.preview import preview
from irkit.engine.perform import Closed
from irkit.journal.state import RunState
from irkit.model.kube import CASE_LABEL
from irkit.model.refs import PodRef
from irkit.views.casefile import CaseFile
from irkit.views.outcome import lead
from tests.e2e.plays import Play, address, passes, why
from tests.e2e.stage import ISOLATE, LABEL, Stage, book, verdicts
from tests.e2e.test_probe import CUT, PROBE, SCOPE

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]


@pytest.fixture
def vpc_cni(stage: Stage) -> Stage:
    """The shop under the model of VPC CNI's agents: one of its web pods is alone on its node, two share the other."""
    stage.control.behave(stage.control.behaviour().model_copy(update={"enforcement": "vpc-cni"}))
    stage.control.listen("shop/xtra", 8080)
    return stage


def node_of(stage: Stage, pod: PodRef) -> str:
    found = stage.control.get("pods", pod.name, pod.namespace)
    assert found is not None
    return str(found["spec"]["nodeName"])


def web(stage: Stage) -> list[PodRef]:
    return [one for one in stage.pods if one.name.startswith("web-")]


def pick(stage: Stage, *, beside: bool) -> PodRef:
    """A web pod with a sibling on its node, or one whose siblings are all elsewhere."""
    nodes = {one: node_of(stage, one) for one in web(stage)}
    return next(one for one, node in nodes.items() if (list(nodes.values()).count(node) > 1) is beside)


def contain(stage: Stage, target: PodRef) -> tuple[str, RunState, str]:
    """`irkit contain pod`: the case, its run, and the first words of the last screen."""
    ticket, end = Play(stage, "compromised-pod", "pod", target).run()
    assert isinstance(end, Closed), end
    case = CaseFile.read(stage.state / "cases" / ticket.case, stage.app().parts.catalog)
    return ticket.case, end.run, lead(case.view(case.state.runs[end.run.id])).words


def outsider(stage: Stage) -> PodRef:
    return next(one for one in stage.pods if one.name == "xtra")


def test_hardest_01_allow_app_selects_a_sibling_on_the_node(vpc_cni: Stage) -> None:
    """Stripped and denied, and yet its sibling's allow rules are its own: not contained, and what to do is said."""
    target = pick(vpc_cni, beside=True)

    _, run, words = contain(vpc_cni, target)

    assert passes(vpc_cni, outsider(vpc_cni), target)
    assert "NOT CONTAINED" == words
    assert {"release": "proven", "isolate": "leaky"}.items() <= verdicts(run).items()
    assert "connections came through" in why(run, "isolate")
    assert "allow-web (by pod" in why(run, "isolate")
    assert "replace the workload from a new ReplicaSet, or contain the node" in why(run, "isolate")


def test_hardest_01_siblings_elsewhere_open_it_again_and_a_restarted_agent_ends_the_proof(vpc_cni: Stage) -> None:
    target = pick(vpc_cni, beside=False)
    node = node_of(vpc_cni, target)
    case, run, words = contain(vpc_cni, target)
    assert words.startswith("Contained")
    assert "may open again when the agent processes policies anew: allow-web (by pod" in why(run, "isolate")
    assert not passes(vpc_cni, outsider(vpc_cni), target)

    vpc_cni.control.restart_agent(node)

    assert passes(vpc_cni, outsider(vpc_cni), target)
    (seen,) = [one for one in check(vpc_cni.app(), case).steps if one.step == "isolate"]
    assert "unproven" == seen.status
    assert "nobody tried a connection" in seen.why
    again, run, words = contain(vpc_cni, target)
    assert (case, "NOT CONTAINED") == (again, words)
    assert "connections came through" in why(run, "isolate")
    assert "or contain the node" in why(run, "isolate")


def test_hardest_01_another_pod_under_the_cases_policy_opens_it_again_and_ends_the_proof(vpc_cni: Stage) -> None:
    """The agents process a policy anew where it selects other pods than before, on every node."""
    target = pick(vpc_cni, beside=False)
    case, _, words = contain(vpc_cni, target)
    assert words.startswith("Contained")
    assert not passes(vpc_cni, outsider(vpc_cni), target)

    second = vpc_cni.control.get("pods", next(one for one in web(vpc_cni) if one != target).name, "shop")
    assert second is not None
    second["metadata"]["labels"][CASE_LABEL] = case
    vpc_cni.control.put(second)

    assert passes(vpc_cni, outsider(vpc_cni), target)
    (seen,) = [one for one in check(vpc_cni.app(), case).steps if one.step == "isolate"]
    assert "unproven" == seen.status
    assert "nobody tried a connection" in seen.why
    again, _, words = contain(vpc_cni, target)
    assert (case, "NOT CONTAINED") == (again, words)


@pytest.mark.parametrize("policed", [True, False])
def test_hardest_02_a_shell_that_a_policy_had_let_through_is_seen_until_it_is_cut(
    vpc_cni: Stage, *, policed: bool
) -> None:
    """The agents keep a connection whose pod was under a policy before; one that was not loses it at once."""
    target = pick(vpc_cni, beside=False)
    vpc_cni.control.delete("networkpolicies", "allow-web", "shop")
    if policed:  # by one that lets the pod call whom it likes
        head = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
        spec = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]}
        vpc_cni.control.put({**head, "metadata": {"name": "deny-in", "namespace": "shop"}, "spec": spec})
    shell = vpc_cni.control.hold(target.path, address(vpc_cni, outsider(vpc_cni)), 8080)
    steps = SCOPE + LABEL + ISOLATE + PROBE.replace("NEEDS", "isolate")
    index = vpc_cni.pods.index(target)

    _, end = vpc_cni.run(book(steps), pod=index)

    assert ("alive" if policed else "reset") == vpc_cni.control.alive(shell)
    assert ("established connections are in its table" in why(end.run, "probe")) is policed

    _, end = vpc_cni.run(book(steps + CUT), pod=index)

    assert "alive" != vpc_cni.control.alive(shell)


def test_hardest_03_who_shares_the_state_is_listed_and_agreed_to_before_they_feel_it(vpc_cni: Stage) -> None:
    target = pick(vpc_cni, beside=True)
    near = next(one for one in web(vpc_cni) if one != target and node_of(vpc_cni, one) == node_of(vpc_cni, target))
    far = next(one for one in web(vpc_cni) if node_of(vpc_cni, one) != node_of(vpc_cni, target))
    play = Play(vpc_cni, "compromised-pod", "pod", target)

    planned = preview(vpc_cni.app(), play.ask())

    (step,) = [one for one in planned.steps if one.uses == "kube.isolate_pod"]
    told = {one.who: one.what for one in step.impact if one.warn}
    assert "shares VPC CNI's state on the node" in told[f"pod {near.name}"]
    assert "share VPC CNI's state on other nodes" in told[f"pods {far.name}"]
    assert "new ReplicaSet" in told[f"new pods {near.name.rpartition('-')[0]}-*"]
    assert passes(vpc_cni, near, far)
    known = set(web(vpc_cni))
    contain(vpc_cni, target)
    (replacement,) = set(web(vpc_cni)) - known
    for one in (near, far, replacement):  # what was listed is what they feel
        assert not passes(vpc_cni, one, outsider(vpc_cni)), one.name
