"""Which engine runs, what it shares between pods, and the objects by which it denies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.actions.kube.engines import (
    DENIALS,
    Sharers,
    custom_resources,
    denials_of,
    detect,
    identifier,
    look_for,
    sharing,
)
from irkit.actions.kube.netpol import Pod, Policy
from irkit.errors import CredentialsExpired, Denied, ServerFault, Throttled, Unreachable
from irkit.model.doc import Doc
from irkit.model.effects import Mark, Resource
from irkit.model.kube import (
    CALICO_POLICIES,
    CALICO_STORED_POLICIES,
    CASE_LABEL,
    CILIUM_POLICIES,
    CLUSTER_NETWORK_POLICIES,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    DAEMON_SETS,
    MARK_LABEL,
    POLICY_ENDPOINTS,
)
from irkit.model.ports import Listing
from tests.support.memory import MemoryKube

Raw = dict[str, Any]


class Failing(MemoryKube):
    """Answers some resources with an error."""

    def __init__(self, objects: Mapping[Resource, list[Any]], errors: Mapping[Resource, Exception]) -> None:
        super().__init__(objects)
        self.errors = errors

    def get(self, resource: Resource, name: str, namespace: str = "") -> Doc | None:
        if resource in self.errors:
            raise self.errors[resource]
        return super().get(resource, name, namespace)

    def list(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None) -> Listing:
        if resource in self.errors:
            raise self.errors[resource]
        return super().list(resource, namespace, labels)


def daemon_set(name: str, containers: list[Raw] | None = None, **status: int) -> Raw:
    return {
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"template": {"spec": {"containers": containers or [{"name": "x"}]}}},
        "status": status,
    }


def config(name: str, **data: str) -> Raw:
    return {
        "metadata": {"name": name, "namespace": "kube-system"},
        "data": {key.replace("_", "-"): value for key, value in data.items()},
    }


def aws_node(*args: str, agent: str = "aws-eks-nodeagent") -> Raw:
    return daemon_set("aws-node", [{"name": "aws-node"}, {"name": agent, "args": list(args)}])


ON = "--enable-network-policy=true"
OFF = "--enable-network-policy=false"

# -- detection --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objects", "engine", "enforces", "why"),
    [
        ([aws_node(ON), config("amazon-vpc-cni", enable_network_policy_controller="true")], "vpc-cni", "yes", "network policy is enabled"),
        ([aws_node(ON), config("amazon-vpc-cni", enable_network_policy_controller="false")], "vpc-cni", "no", "enable-network-policy-controller is not true"),
        ([aws_node(ON)], "vpc-cni", "no", "enable-network-policy-controller is not true"),
        ([aws_node(OFF), config("amazon-vpc-cni", enable_network_policy_controller="true")], "vpc-cni", "no", "without --enable-network-policy=true"),
        ([aws_node("--v=4")], "vpc-cni", "no", "without --enable-network-policy=true"),
        ([aws_node(ON, agent="aws-network-policy-agent"), config("amazon-vpc-cni", enable_network_policy_controller="true")], "vpc-cni", "yes", ""),
        ([daemon_set("aws-node", [{"name": "aws-node"}])], "vpc-cni", "no", "no network policy agent"),
        ([daemon_set("calico-node")], "calico", "yes", ""),
        ([daemon_set("canal")], "calico", "yes", ""),
        ([daemon_set("cilium")], "cilium", "yes", ""),
        ([daemon_set("cilium"), config("cilium-config", enable_policy="never")], "cilium", "no", "enable-policy is never"),
        ([daemon_set("cilium"), config("cilium-config", enable_policy="default")], "cilium", "yes", ""),
        ([daemon_set("kube-router")], "kube-router", "yes", ""),
        ([daemon_set("antrea-agent")], "other", "yes", "DaemonSet antrea-agent"),
        ([daemon_set("calico-node", desiredNumberScheduled=3, numberReady=0)], "calico", "unknown", "ready on 0 of 3 nodes"),
        ([daemon_set("calico-node", desiredNumberScheduled=3, numberReady=2)], "calico", "yes", "ready on 2 of 3 nodes"),
        ([daemon_set("aws-node"), daemon_set("calico-node")], "calico", "yes", ""),
        ([daemon_set("cilium"), daemon_set("calico-node")], "calico", "yes", "beside it cilium"),
        ([daemon_set("cilium"), daemon_set("kube-router"), config("cilium-config", enable_policy="never")], "kube-router", "yes", ""),
        ([daemon_set("fluent-bit")], "none", "unknown", "no DaemonSet of one was found"),
        ([], "none", "unknown", "no DaemonSet of one was found"),
    ],
)  # fmt: skip
def test_the_engine_is_seen_by_its_daemon_set_and_its_settings(
    objects: list[Raw], engine: str, enforces: str, why: str
) -> None:
    kube = MemoryKube(
        {DAEMON_SETS: [one for one in objects if "spec" in one], CONFIG_MAPS: [one for one in objects if "data" in one]}
    )

    seen = detect(kube, settings=True)

    assert (seen.name, seen.enforces) == (engine, enforces)
    assert why in str(seen)
    assert seen.limits


def test_without_settings_no_config_map_is_read_and_vpc_cni_is_not_called_on() -> None:
    kube = MemoryKube({DAEMON_SETS: [aws_node(ON)]})

    seen = detect(kube)

    assert (seen.name, seen.enforces) == ("vpc-cni", "unknown")
    assert kube.asked == [("list", "daemonsets.apps", "")]


def test_auto_mode_has_no_daemon_set_and_is_seen_by_its_custom_resources() -> None:
    seen = detect(MemoryKube({CLUSTER_NETWORK_POLICIES: []}))

    assert (seen.name, seen.enforces) == ("vpc-cni", "unknown")


@pytest.mark.parametrize("error", [Denied("no"), ServerFault("broken")])
def test_what_may_not_be_looked_at_is_unknown_and_no_obstacle(error: Exception) -> None:
    seen = detect(Failing({}, {DAEMON_SETS: error}))

    assert (seen.name, seen.enforces) == ("unknown", "unknown")
    assert ("not allowed" in str(seen)) == isinstance(error, Denied)


def test_a_config_map_that_may_not_be_read_leaves_vpc_cni_unknown() -> None:
    seen = detect(Failing({DAEMON_SETS: [aws_node(ON)]}, {CONFIG_MAPS: Denied("no")}), settings=True)

    assert seen.enforces == "unknown"


@pytest.mark.parametrize("error", [CredentialsExpired("x"), Unreachable("x"), Throttled("x")])
def test_what_ends_every_look_ends_this_one(error: Exception) -> None:
    with pytest.raises(type(error)):
        detect(Failing({}, {DAEMON_SETS: error}))


def test_the_custom_resources_of_engines_are_named() -> None:
    names = ("policyendpoints.networking.k8s.aws", "globalnetworkpolicies.crd.projectcalico.org", "widgets.example.com")
    kube = MemoryKube({CUSTOM_RESOURCE_DEFINITIONS: [{"metadata": {"name": name}} for name in names]})

    assert custom_resources(kube) == (str(CALICO_STORED_POLICIES), str(POLICY_ENDPOINTS))
    assert custom_resources(Failing({}, {CUSTOM_RESOURCE_DEFINITIONS: Denied("no")})) == ()


# -- VPC CNI's shared state: a model of the node agent's bookkeeping (domain.md §1, hardest tests 1 and 3) -----------


class Agent:
    """A node's agent as its source reads: maps by identifier, holding every policy that was ever mapped to it."""

    def __init__(self) -> None:
        self.maps: dict[str, set[str]] = {}

    @staticmethod
    def key(name: str, namespace: str) -> str:
        parts = name.split("-")
        return ("-".join(parts[:-1]) if len(parts) > 1 else name) + "@" + namespace

    def process(self, policy: str, selected: list[Raw], node: str, *, remote: bool) -> None:
        """`remote`: pods of other nodes are mapped too, as a later reprocessing does."""
        for pod in selected:
            if pod["node"] == node or remote:
                self.maps.setdefault(self.key(pod["name"], pod["namespace"]), set()).add(policy)


SHARED_PODS = st.lists(
    st.fixed_dictionaries(
        {
            "namespace": st.just("shop"),
            "name": st.sampled_from(["web-abc-1", "web-abc-2", "web-abc-3", "web-def-1", "web", "web-1"]),
            "node": st.sampled_from(["n-1", "n-2"]),
            "app": st.sampled_from(["web", "stripped", "other"]),
        }
    ),
    max_size=5, unique_by=lambda one: one["name"],
)  # fmt: skip


def allow(app: str) -> Policy:
    spec = {"podSelector": {"matchLabels": {"app": app}}, "ingress": [{}]}
    return Policy.read(Doc({"metadata": {"name": f"allow-{app}", "namespace": "shop", "uid": "u"}, "spec": spec}, "p"))


def as_pod(raw: Raw) -> Pod:
    return Pod(namespace=raw["namespace"], name=raw["name"], node=raw["node"], labels=(("app", raw["app"]),))


@given(pods=SHARED_PODS)
def test_what_shares_a_pods_state_is_what_the_agents_bookkeeping_maps_to_it(pods: list[Raw]) -> None:
    target = {"namespace": "shop", "name": "web-abc-x", "node": "n-1", "app": "stripped"}
    policies = {"allow-web": "web", "allow-other": "other"}
    now, later = Agent(), Agent()
    for name, app in policies.items():
        selected = [one for one in pods if one["app"] == app]
        now.process(name, selected, "n-1", remote=False)
        later.process(name, selected, "n-1", remote=True)
    key = Agent.key("web-abc-x", "shop")

    there = Sharers(as_pod(one) for one in (*pods, target))
    found = sharing(as_pod(target), there, [allow(app) for app in policies.values()])

    def names(openings: Any) -> set[str]:
        return {one.policy.partition(" ")[0] for one in openings}

    assert names(found.open_near) == now.maps.get(key, set())
    assert names((*found.open_near, *found.open_far)) == later.maps.get(key, set())
    family = {one["name"]: one["node"] for one in pods if Agent.key(one["name"], "shop") == key}
    assert set(found.near) == {name for name, node in family.items() if node == "n-1"}
    assert set(found.far) == {name for name, node in family.items() if node == "n-2"}


@pytest.mark.parametrize(
    ("name", "prefix"), [("web-abc-x1y2z", "web-abc"), ("web-0", "web"), ("web", "web"), ("a-b.c-d", "a-b.c")]
)
def test_the_identifier_is_the_name_less_its_last_segment(name: str, prefix: str) -> None:
    assert identifier(name, "shop") == (prefix, "shop")


def test_a_policy_that_selects_the_target_too_is_its_own_opening_and_not_the_siblings() -> None:
    pods = [Pod(namespace="shop", name=f"web-{end}", node="n-1", labels=(("app", "web"),)) for end in "ab"]

    found = sharing(pods[0], Sharers(pods), [allow("web")])

    assert (found.near, found.open_near) == (("web-b",), ())


def test_an_opening_through_a_sibling_names_it() -> None:
    target = Pod(namespace="shop", name="web-a", node="n-1")
    sibling = Pod(namespace="shop", name="web-b", node="n-1", labels=(("app", "web"),))

    (found,) = sharing(target, Sharers([sibling]), [allow("web")]).open_near

    assert str(found) == "allow-web (by pod web-b): ingress from anywhere on any port"


def test_a_pod_keeps_nothing_open_by_itself_and_hides_no_sibling_of_its_labels() -> None:
    """In the list it still has the labels that an isolation takes it out from under a policy with."""
    listed = [Pod(namespace="shop", name=f"web-{end}", node="n-1", labels=(("app", "web"),)) for end in "cab"]
    target = replace(listed[1], labels=())

    (found,) = sharing(target, Sharers(listed), [allow("web")]).open_near

    assert found.policy == "allow-web (by pod web-b)"
    assert sharing(target, Sharers(listed[1:2]), [allow("web")]).open_near == ()


def test_openings_through_siblings_are_in_the_order_of_their_names() -> None:
    """And what several bring is the first one's: the target, that comes first in the list, counts for none."""
    labels = {"web-a": "web", "web-b": "other", "web-c": "web", "web-d": "other", "web-e": "third"}
    pods = [Pod(namespace="shop", name=name, node="n-1", labels=(("app", app),)) for name, app in labels.items()]
    known = [allow(app) for app in ("third", "web", "other")]

    for listed in (pods, pods[::-1]):
        found = sharing(replace(pods[0], labels=()), Sharers(listed), known).open_near
        assert [one.policy for one in found] == [
            "allow-other (by pod web-b)", "allow-web (by pod web-c)", "allow-third (by pod web-e)",
        ]  # fmt: skip


# -- the objects that deny ----------------------------------------------------------------------------------

MARK = Mark(within="context:it", case="IR-20261121-k7f2", action="kube.isolate_pod", scope="x", params="0" * 64)
BASE = f"irkit-k7f2-{MARK.short}"
BY_GROUP = {one.resource.group: one for one in DENIALS}


def stored(group: str, **changes: Any) -> Raw:
    body = BY_GROUP[group].create("context:it", BASE, MARK, "shop").body
    assert isinstance(body, dict)
    return {**body, "metadata": {**body["metadata"], "uid": "d-1"}, **changes}  # type: ignore[dict-item]


@pytest.mark.parametrize("denial", DENIALS, ids=lambda one: one.resource.group)
def test_what_is_created_is_what_is_recognised(denial: Any) -> None:
    kube = MemoryKube({denial.resource: [stored(denial.resource.group)]})

    seen = look_for(kube, denial.family, BASE, MARK, "shop")

    assert (seen.state, seen.uid, seen.denial) == ("ours", "d-1", denial)


@pytest.mark.parametrize("denial", DENIALS, ids=lambda one: one.resource.group)
def test_an_edited_a_foreign_and_a_missing_one_are_told_apart(denial: Any) -> None:
    group, resource = denial.resource.group, denial.resource
    spec = stored(group)["spec"]
    edited = stored(group, spec={**spec, "extra": True})
    foreign = stored(group)
    foreign["metadata"]["labels"] = {MARK_LABEL: "other"}
    broken = stored(group, metadata={"name": denial.name(BASE), "namespace": "shop", "uid": 7})

    states = [
        look_for(MemoryKube({resource: objects}), denial.family, BASE, MARK, "shop").state
        for objects in ([edited], [foreign], [], [broken])
    ]

    assert states == ["changed", "foreign", "served", "hidden"]


def test_a_default_that_calicos_api_server_adds_is_no_edit() -> None:
    found = stored("projectcalico.org")
    found["spec"]["tier"] = "default"

    assert look_for(MemoryKube({CALICO_POLICIES: [found]}), "calico", BASE, MARK, "shop").state == "ours"


def test_calicos_api_server_is_asked_before_its_storage() -> None:
    both = MemoryKube({CALICO_POLICIES: [], CALICO_STORED_POLICIES: []})
    stored_only = MemoryKube({CALICO_STORED_POLICIES: []})

    assert look_for(both, "calico", BASE, MARK, "shop").group == "projectcalico.org"
    assert look_for(stored_only, "calico", BASE, MARK, "shop").group == "crd.projectcalico.org"


def test_what_is_not_served_is_absent_and_what_may_not_be_seen_is_hidden() -> None:
    assert look_for(MemoryKube({}), "aws", BASE, MARK, "shop").state == "absent"
    assert look_for(Failing({}, {CILIUM_POLICIES: Denied("no")}), "cilium", BASE, MARK, "shop").state == "hidden"
    half = Failing({}, {CALICO_POLICIES: Denied("no")})
    assert look_for(half, "calico", BASE, MARK, "shop").state == "hidden"


def test_the_clusternetworkpolicy_is_judged_first_and_denies_every_address() -> None:
    spec: Any = stored("networking.k8s.aws")["spec"]

    assert (spec["tier"], spec["priority"]) == ("Admin", 0)
    assert spec["subject"]["pods"]["podSelector"] == {"matchLabels": {CASE_LABEL: MARK.case}}
    assert [rule["action"] for rule in (*spec["ingress"], *spec["egress"])] == ["Deny", "Deny"]
    assert spec["egress"][0]["to"] == [{"networks": ["0.0.0.0/0", "::/0"]}]


def test_the_globalnetworkpolicy_is_of_the_case_and_the_namespace_alone() -> None:
    body: Any = stored("crd.projectcalico.org")

    assert body["metadata"]["name"] == f"default.{BASE}"
    assert body["spec"]["selector"] == f"irkit.dev/case == '{MARK.case}'"
    assert body["spec"]["namespaceSelector"] == "kubernetes.io/metadata.name == 'shop'"
    assert body["spec"]["types"] == ["Ingress", "Egress"]
    assert body["spec"]["ingress"] == body["spec"]["egress"] == [{"action": "Deny"}]


def test_the_ciliumnetworkpolicy_spares_the_node_that_probes_the_pod() -> None:
    body: Any = stored("cilium.io")

    entities = [entity for rule in body["spec"]["ingressDeny"] for entity in rule.get("fromEntities", [])]
    assert "host" not in entities
    assert "all" not in entities
    assert "world" in entities
    assert all(len(rule) == 1 for rule in body["spec"]["ingressDeny"])  # Cilium refuses two kinds of peer in one rule
    assert body["spec"]["egressDeny"] == [{"toEntities": ["all"]}]
    assert body["metadata"]["namespace"] == "shop"


def test_every_engine_is_denied_by_its_own_objects() -> None:
    def seen(*names: str) -> Any:
        return detect(MemoryKube({DAEMON_SETS: [daemon_set(name) for name in names]}))

    assert [denials_of(seen(name)) for name in ("aws-node", "calico-node", "cilium")] == [
        ("aws",),
        ("calico",),
        ("cilium",),
    ]
    assert denials_of(seen("kube-router")) == denials_of(seen()) == ()
    assert denials_of(detect(Failing({}, {DAEMON_SETS: Denied("no")}))) == ("aws", "calico", "cilium")
