"""Both address families: each is tried by itself, and VPC CNI's way out in the other one is named and not forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.actions.kube.engines import EngineSeen, detect
from irkit.actions.kube.fields import Fields
from irkit.actions.kube.isolate_pod.facts import Facts
from irkit.actions.kube.isolate_pod.judge import verdict
from irkit.actions.kube.isolate_pod.probed import ProbeSeen
from irkit.actions.kube.netpol import Opening
from irkit.actions.kube.pods import IpFamily, families, family_of
from irkit.actions.kube.proofs import Report, judge
from irkit.errors import Denied
from irkit.model.effects import Resource
from irkit.model.kube import CLUSTER_NETWORK_POLICIES, DAEMON_SETS, PODS, SERVICES
from tests.support.action_shop import POD, mark_for, meta, shop
from tests.support.memory import MemoryKube, MemoryReader

ON = {"ENABLE_IPv6": "true", "ENABLE_V4_EGRESS": "true"}


def daemon_set(name: str, **env: str) -> dict[str, Any]:
    container = {
        "name": "x", "args": ["--enable-network-policy=true"],
        "env": [{"name": key, "value": value} for key, value in env.items()] + [{"name": "IP", "valueFrom": {}}],
    }  # fmt: skip
    return {
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"template": {"spec": {"containers": [{**container, "name": "aws-eks-nodeagent"}]}}},
    }


# -- what is seen of the cluster -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "second"),
    [
        (ON, ("IPv4",)),
        ({"ENABLE_IPv6": "true"}, ("IPv4",)),  # on unless it is switched off
        ({"ENABLE_IPv6": "true", "ENABLE_V4_EGRESS": "False"}, ()),
        ({"ENABLE_IPv6": "false", "ENABLE_V4_EGRESS": "true"}, ()),
        ({"ENABLE_IPv4": "true"}, ()),
        ({"ENABLE_V6_EGRESS": "true"}, ("IPv6",)),
        ({"ENABLE_V6_EGRESS": "false"}, ()),
        ({}, ()),
    ],
)
def test_the_second_way_out_stands_in_vpc_cnis_settings(env: dict[str, str], second: tuple[str, ...]) -> None:
    assert detect(MemoryKube({DAEMON_SETS: [daemon_set("aws-node", **env)]})).second == second


@pytest.mark.parametrize("chained", ["calico-node", "cilium"])
def test_an_engine_that_is_chained_behind_vpc_cni_does_not_police_it_either(chained: str) -> None:
    seen = detect(MemoryKube({DAEMON_SETS: [daemon_set("aws-node", **ON), daemon_set(chained)]}))

    assert (seen.name != "vpc-cni", seen.second) == (True, ("IPv4",))


class Unseen(MemoryKube):
    """May not list DaemonSets."""

    def list(self, resource: Resource, namespace: str = "", labels: Any = None) -> Any:
        if resource == DAEMON_SETS:
            msg = "forbidden"
            raise Denied(msg)
        return super().list(resource, namespace, labels)


def test_what_was_not_seen_is_not_taken_for_closed() -> None:
    auto_mode = {CLUSTER_NETWORK_POLICIES: list[Any]()}

    assert detect(Unseen({})).second is None
    assert detect(MemoryKube(auto_mode)).second is None
    assert detect(MemoryKube({})).second is None
    assert detect(MemoryKube({DAEMON_SETS: [daemon_set("cilium")]})).second == ()


# -- the verdict ---------------------------------------------------------------------------------------------

EVERYTHING = ProbeSeen(refused=2, tried=2, ingress=True, egress=True, established="cut", closed_out=("IPv6",))
BOTH = ProbeSeen(refused=3, tried=3, ingress=True, egress=True, established="cut", closed_out=("IPv4", "IPv6"))
V6: tuple[IpFamily, ...] = ("IPv6",)


def isolated(
    engine: EngineSeen, probe: ProbeSeen | None, pod: tuple[IpFamily, ...] = V6, openings: tuple[Opening, ...] = ()
) -> tuple[str, str]:
    found = verdict(Facts(Fields("here"), families=pod, engine=engine, probe=probe, openings=openings))
    return found.status, found.why


@pytest.mark.parametrize("name", ["vpc-cni", "calico"])
@pytest.mark.parametrize("probe", [None, EVERYTHING])
def test_ipv4_egress_of_an_ipv6_cluster_is_a_leak_that_no_probe_in_ipv6_hides(name: Any, probe: Any) -> None:
    """domain.md section 1; the policy agent's issues 55 and 408."""
    status, why = isolated(EngineSeen(name, "yes", second=("IPv4",)), probe)

    assert status == "leaky"
    assert "egress in IPv4 is not policed" in why
    assert "169.254.172.0/22" in why


def test_it_is_said_beside_what_policies_leave_open() -> None:
    opening = Opening(policy="allow", direction="ingress", peers="anywhere", ports="any port")

    status, why = isolated(EngineSeen("vpc-cni", "yes", second=("IPv4",)), EVERYTHING, openings=(opening,))

    assert (status, why.count("allow: ingress"), why.count("egress in IPv4")) == ("leaky", 1, 1)


def test_ipv6_egress_of_an_ipv4_cluster_is_a_leak_where_it_is_on() -> None:
    probe = ProbeSeen(refused=2, tried=2, ingress=True, egress=True, established="cut", closed_out=("IPv4",))

    status, why = isolated(EngineSeen("vpc-cni", "yes", second=("IPv6",)), probe, ("IPv4",))

    assert (status, "fd00::ac:00/118" in why) == ("leaky", True)


def test_a_try_in_that_family_that_failed_closes_it() -> None:
    assert isolated(EngineSeen("vpc-cni", "yes", second=("IPv4",)), BOTH)[0] == "proven"
    assert isolated(EngineSeen("unknown", "unknown", second=None), BOTH)[0] == "proven"


def test_a_pod_in_ipv6_alone_is_not_proven_where_nobody_saw_how_the_cluster_is_set() -> None:
    unseen = EngineSeen("unknown", "unknown", second=None)

    status, why = isolated(unseen, EVERYTHING)

    assert (status, "nobody saw whether it has a way out in IPv4" in why) == ("unproven", True)
    assert isolated(EngineSeen("calico", "yes"), EVERYTHING)[0] == "proven"  # and no VPC CNI beside it
    assert isolated(unseen, BOTH, ("IPv4", "IPv6"))[0] == "proven"
    assert isolated(unseen, BOTH, ("IPv4",))[0] == "proven"


# -- the probe -----------------------------------------------------------------------------------------------


def test_the_family_of_an_endpoint_is_in_its_form() -> None:
    assert [family_of(one) for one in ("10.0.0.1:80", "[fd00::1]:80", "10.0.0.1", "fd00::1")] == [
        "IPv4", "IPv6", "IPv4", "IPv6"
    ]  # fmt: skip
    assert families(["[fd00::1]:80", "10.0.0.1:80", "10.0.0.2:80"]) == ("IPv4", "IPv6")
    assert families([]) == ()


def world(*ips: str) -> dict[Resource, list[dict[str, Any]]]:
    objects: dict[Resource, list[dict[str, Any]]] = shop()
    pod = objects[PODS][0]
    pod["spec"]["containers"] = [{"name": "web", "ports": [{"containerPort": 8080}]}]
    pod["status"] = {"phase": "Running", "podIP": ips[0], "podIPs": [{"ip": one} for one in ips]}
    service = {"metadata": {**meta("kubernetes", "s-0"), "namespace": "default"}}
    objects[SERVICES].append(service | {"spec": {"clusterIP": "fd00:10::1", "ports": [{"port": 443}]}})
    return objects


@pytest.mark.parametrize(
    ("ips", "controls"),
    [
        (("fd00::40",), ("169.254.169.253:53", "[fd00:10::1]:443")),
        (("10.0.3.40",), ("[fd00:10::1]:443",)),
        (("10.0.3.40", "fd00::40"), ("[fd00:10::1]:443",)),
    ],
)
def test_a_pod_without_ipv4_is_tried_there_too(ips: tuple[str, ...], controls: tuple[str, ...]) -> None:
    """At the VPC's resolver: it answers whoever has the way out, no security group filters it (domain.md section 1)."""
    action = Catalog.builtin().need("kube.probe_pod")
    params, mark = mark_for(action, pod=POD, image="tools:1")

    facts: Any = action.observe(params, mark, MemoryReader(MemoryKube(world(*ips))))

    assert facts.controls == controls
    assert facts.families == families(ips)


def tried(
    into: dict[str, str], out: dict[str, str], targets: list[str], wanted: tuple[str, ...], controls: list[str]
) -> Any:
    facts: Any = {
        "targets": targets, "controls": controls, "families": list(wanted), "helper": True, "free": False,
    }  # fmt: skip
    ends: Any = {"probe-in": into, "probe-out": out}
    return judge(Report(ends, {"probe-out.established": 0}, {}, facts))


TARGET, SIBLING, API, RESOLVER = "[fd00::40]:8080", "[fd00::41]:8080", "[fd00:10::1]:443", "169.254.169.253:53"


@pytest.mark.parametrize(
    ("beside", "inside", "direction", "closed"),
    [
        ("open", "timeout", "closed", ("IPv4", "IPv6")),
        ("open", "open", "open", ()),
        ("timeout", "timeout", "closed", ("IPv6",)),
        ("failed", "failed", "closed", ("IPv6",)),
    ],
)
def test_what_the_resolver_says_counts_only_where_it_answers_other_pods(
    beside: str, inside: str, direction: str, closed: tuple[str, ...]
) -> None:
    into = {TARGET: "timeout", SIBLING: "open", API: "open", RESOLVER: beside}
    out = {SIBLING: "timeout", API: "timeout", RESOLVER: inside}

    found = tried(into, out, [TARGET], ("IPv6",), [SIBLING, API, RESOLVER])

    assert (found.out.direction, found.out.families) == (direction, closed)


def test_an_answer_in_one_family_says_nothing_of_silence_in_the_other() -> None:
    into = {"[fd00::40]:53": "timeout", RESOLVER: "open", API: "timeout"}

    found = tried(into, {RESOLVER: "timeout"}, ["[fd00::40]:53"], ("IPv6",), [RESOLVER, API])

    assert found.into.direction == "unknown"
    assert found.out.direction == "unknown"
    assert "egress over IPv6" in found.out.why


def test_each_address_of_a_pod_with_two_families_must_have_been_tried() -> None:
    four, six = "10.0.3.40:8080", "[fd00::40]:8080"
    beside = {"10.0.3.41:8080": "open", "[fd00::41]:8080": "open"}
    shut = dict.fromkeys(beside, "timeout")
    controls, both = [*beside], ("IPv4", "IPv6")

    whole = tried({four: "timeout", six: "timeout", **beside}, shut, [four, six], both, controls)
    half = tried({four: "timeout", six: "timeout", "10.0.3.41:8080": "open", "[fd00::41]:8080": "timeout"}, shut, [four, six], both, controls)  # fmt: skip

    assert (whole.into.direction, whole.out.direction, whole.verdict.status) == ("closed", "closed", "proven")
    assert (half.into.direction, half.out.direction, half.verdict.status) == ("unknown", "unknown", "unproven")
    assert "ingress over IPv6" in half.verdict.why
