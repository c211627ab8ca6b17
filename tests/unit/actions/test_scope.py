"""Scopes of workloads, namespaces, nodes, accounts, images and addresses: read by lists, typed for later steps."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.actions.kube.scope_image.names import normal
from irkit.engine.guard import DeclaredReader
from irkit.errors import Denied, Malformed
from irkit.model.effects import Resource
from irkit.model.kube import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    ROLE_BINDINGS,
    SECRETS,
    SERVICE_ACCOUNTS,
)
from irkit.model.plans import Receipts, Refuse, Settled
from irkit.model.ports import Listing
from irkit.model.refs import ImageRef, NamespaceRef, PodAddressRef, ServiceAccountRef, WorkloadRef
from tests.support.action_shop import CLUSTER, NODE, WORKLOAD, mark_for, meta, shop
from tests.support.memory import MemoryKube, MemoryReader

CATALOG = Catalog.builtin()
World = dict[Resource, list[Any]]
ACCOUNT = ServiceAccountRef(cluster=CLUSTER, namespace="shop", name="web", uid="sa-1")
SHOP = NamespaceRef(cluster=CLUSTER, name="shop", uid="ns-1")
HEX, OTHER = "ab" * 32, "cd" * 32


def look(action_id: str, kube: MemoryKube, **given: Any) -> Any:
    action = CATALOG.need(action_id)
    params, mark = mark_for(action, **given)
    return action.observe(params, mark, DeclaredReader(MemoryReader(kube), action.spec))


def scope(action_id: str, world: World, **given: Any) -> Any:
    return look(action_id, MemoryKube(world), **given).found


def plan(action_id: str, world: World, **given: Any) -> Any:
    action = CATALOG.need(action_id)
    params, mark = mark_for(action, **given)
    return action.plan(params, mark, look(action_id, MemoryKube(world), **given), Receipts())


def names(refs: Any) -> list[str]:
    return [one.name for one in refs]


def pod(name: str, owner: tuple[str, str, str] | None = None, **parts: Any) -> dict[str, Any]:
    """A living pod of the shop."""
    spec = {"nodeName": "node-1", "serviceAccountName": "web", **parts.get("spec", {})}
    status = {"phase": "Running", **parts.get("status", {})}
    return {"metadata": meta(name, f"p-{name}", owner, **parts.get("meta", {})), "spec": spec, "status": status}


# -- workload ---------------------------------------------------------------------------------------------


def test_a_deployments_pods_are_those_of_all_its_replica_sets() -> None:
    found = scope("kube.scope_workload", dict(shop()), workload=WORKLOAD)

    assert names(found.pods) == ["web-1", "web-2"]
    assert [one.uid for one in found.pods] == ["p-1", "p-2"]
    assert names(found.makes) == ["web-new", "web-old"]
    assert [(one.type, one.name, one.uid) for one in found.workloads] == [("Deployment", "web", "d-1")]
    assert [(one.name, one.uid) for one in found.nodes] == [("node-1", "n-1")]
    assert [(one.name, one.uid) for one in found.service_accounts] == [("web", "sa-1")]
    assert ([one.service for one in found.exposure], found.pdbs, found.policies) == (
        ["web"],
        ("all", "web"),
        ("allow-web",),
    )


def test_a_workload_is_read_by_lists_however_many_pods_it_has() -> None:
    world: World = dict(shop())
    world[PODS] += [pod(f"more-{number}", ("ReplicaSet", "web-new", "rs-2")) for number in range(50)]
    kube = MemoryKube(world)

    found = look("kube.scope_workload", kube, workload=WORKLOAD).found

    assert len(found.pods) == 52
    assert [one for one in kube.asked if one[0] == "get"] == [("get", "deployments.apps", "web")]
    assert len(kube.asked) < 12


def test_pods_that_ended_or_that_no_policy_governs_are_told_apart() -> None:
    owner = ("ReplicaSet", "web-new", "rs-2")
    world: World = dict(shop())
    world[PODS] += [
        pod("a-host", owner, spec={"hostNetwork": True}),
        pod("b-fargate", owner, meta={"labels": {"eks.amazonaws.com/fargate-profile": "fp"}}),
        pod("c-windows", owner, spec={"os": {"name": "windows"}}),
        pod("d-ended", owner, status={"phase": "Failed"}),
    ]

    found = scope("kube.scope_workload", world, workload=WORKLOAD)

    assert names(found.pods) == ["a-host", "b-fargate", "c-windows", "web-1", "web-2"]
    assert names(found.isolable) == ["web-1", "web-2"]
    assert names(found.ended) == ["d-ended"]
    said = plan("kube.scope_workload", world, workload=WORKLOAD)
    assert said.reason == "5 pods on 1 node, 3 of them beyond the reach of NetworkPolicies"


def test_a_cron_jobs_pods_are_those_of_all_its_jobs() -> None:
    cron = WorkloadRef(cluster=CLUSTER, namespace="shop", type="CronJob", name="nightly", uid="c-1")
    world: World = {
        CRON_JOBS: [{"metadata": meta("nightly", "c-1")}],
        JOBS: [
            {"metadata": meta("nightly-1", "j-1", ("CronJob", "nightly", "c-1"))},
            {"metadata": meta("weekly-1", "j-9", ("CronJob", "weekly", "c-2"))},
        ],
        PODS: [pod("a", ("Job", "nightly-1", "j-1")), pod("b", ("Job", "weekly-1", "j-9"))],
    }

    found = scope("kube.scope_workload", world, workload=cron)

    assert (names(found.pods), names(found.makes)) == (["a"], ["nightly-1"])
    assert [(one.type, one.name) for one in found.workloads] == [("CronJob", "nightly")]


def test_a_workload_by_name_is_pinned_and_says_who_made_it() -> None:
    world: World = dict(shop())
    world[DEPLOYMENTS][0] = {
        "metadata": meta("web", "d-1", ("Rollout", "web", "r-1")),
        "spec": {"replicas": 3},
    }

    found = scope("kube.scope_workload", world, workload=WORKLOAD.model_copy(update={"uid": ""}))

    assert (found.workload, found.replicas) == (WORKLOAD, 3)
    assert [(one.type, one.uid) for one in found.owners] == [("Rollout", "r-1")]


def test_a_controller_that_irkit_does_not_know_is_refused() -> None:
    rollout = WorkloadRef(cluster=CLUSTER, namespace="shop", type="Rollout", name="web", uid="r-1")

    said = plan("kube.scope_workload", dict(shop()), workload=rollout)

    assert isinstance(said, Refuse)
    assert "does not know how a Rollout" in said.why


# -- namespace --------------------------------------------------------------------------------------------


def test_a_namespaces_pods_accounts_and_what_leads_to_them() -> None:
    world: World = dict(shop())
    world[NAMESPACES] = [{"metadata": {"name": "shop", "uid": "ns-1"}}]

    found = scope("kube.scope_namespace", world, namespace=SHOP.model_copy(update={"uid": ""}))

    assert found.namespace == SHOP
    assert (names(found.pods), names(found.ended)) == (["cart-1", "web-1", "web-2"], ["done"])
    assert names(found.service_accounts) == ["default", "web"]
    assert names(found.idle_accounts) == []
    assert [one.service for one in found.exposure] == ["cart", "web"]
    assert (found.policies, found.terminating) == (("allow-web", "cart"), False)


def test_accounts_that_nothing_runs_as_are_told_and_so_is_a_namespace_that_goes() -> None:
    world: World = dict(shop())
    world[NAMESPACES] = [{"metadata": {"name": "shop", "uid": "ns-1", "deletionTimestamp": "2026-11-21T03:00:00Z"}}]
    world[SERVICE_ACCOUNTS].append({"metadata": meta("idle", "sa-7")})

    found = scope("kube.scope_namespace", world, namespace=SHOP)

    assert [(one.name, one.uid) for one in found.idle_accounts] == [("idle", "sa-7")]
    assert found.terminating
    assert plan("kube.scope_namespace", world, namespace=SHOP).reason.endswith("being deleted")


# -- node -------------------------------------------------------------------------------------------------


def test_a_nodes_pods_of_all_namespaces_and_what_comes_back() -> None:
    world: World = dict(shop())
    mirror = {"annotations": {"kubernetes.io/config.mirror": "x"}}
    away = pod("agent", ("DaemonSet", "agent", "ds-1"))
    away["metadata"]["namespace"] = "kube-system"
    world[PODS] += [
        away,
        pod("etcd", ("Node", "node-1", "n-1"), meta=mirror, spec={"hostNetwork": True}),
        pod("root", spec={"volumes": [{"name": "r", "hostPath": {"path": "/"}}]}),
    ]
    world[DAEMON_SETS] = [{"metadata": meta("agent", "ds-1")}]

    found = scope("kube.scope_node", world, node=NODE)

    assert [one.path for one in found.pods] == [
        "kube-system/agent", "shop/etcd", "shop/root", "shop/web-1", "shop/web-2"
    ]  # fmt: skip
    assert names(found.daemonset_pods) == ["agent"]
    assert names(found.static_pods) == ["etcd"]
    assert names(found.escaping) == ["etcd", "root"]
    assert names(found.ended) == ["done"]
    assert [one.path for one in found.service_accounts] == ["kube-system/web", "shop/web"]
    assert [(one.type, one.name) for one in found.workloads] == [("DaemonSet", "agent"), ("Deployment", "web")]


def test_what_a_node_is() -> None:
    world: World = dict(shop())
    assert not scope("kube.scope_node", world, node=NODE).ready

    world[NODES][0] = {
        "metadata": {"name": "node-1", "uid": "n-1", "labels": {"eks.amazonaws.com/compute-type": "auto"}},
        "spec": {"unschedulable": True, "providerID": "aws:///eu-west-1a/i-0123456789abcdef0"},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [{"type": "InternalIP", "address": "10.0.3.17"}, {"type": "Hostname", "address": "x"}],
            "nodeInfo": {"kubeletVersion": "v1.36.0", "containerRuntimeVersion": "containerd://2.1.0"},
        },
    }

    found = scope("kube.scope_node", world, node=NODE)

    assert (found.instance, found.addresses) == ("i-0123456789abcdef0", ("10.0.3.17",))
    assert (found.unschedulable, found.ready, found.auto) == (True, True, True)
    assert (found.fargate, found.windows) == (False, False)
    assert (found.kubelet, found.runtime) == ("v1.36.0", "containerd://2.1.0")
    assert plan("kube.scope_node", world, node=NODE).reason == "2 pods of 1 service account, cordoned"


@pytest.mark.parametrize("provider", ["", "x", "aws:///a/i-0123456789abcdef0;id", "gce://p/z/i-0123456789abcdef0"])
def test_what_is_no_instance_is_none(provider: str) -> None:
    world: World = dict(shop())
    world[NODES][0]["spec"]["providerID"] = provider

    assert scope("kube.scope_node", world, node=NODE).instance == ""


# -- service account --------------------------------------------------------------------------------------


def rbac(world: World) -> World:
    """The account may read pods everywhere; a CI account may enter its pods; the team may bind roles."""
    world[CLUSTER_ROLES] = [
        {"metadata": {"name": name}, "rules": [{"verbs": verbs, "apiGroups": groups, "resources": resources}]}
        for name, verbs, groups, resources in (
            ("view", ["list"], [""], ["pods"]),
            ("enter", ["create"], [""], ["pods/exec"]),
            ("give", ["bind"], ["rbac.authorization.k8s.io"], ["clusterroles"]),
        )
    ]

    def bind(name: str, subject: dict[str, str]) -> dict[str, Any]:
        ref = {"kind": "ClusterRole", "name": name}
        return {"metadata": {"name": name, "uid": f"crb-{name}"}, "roleRef": ref, "subjects": [subject]}

    world[ROLE_BINDINGS] = []
    world[CLUSTER_ROLE_BINDINGS] = [
        bind("view", {"kind": "ServiceAccount", "name": "web", "namespace": "shop"}),
        bind("enter", {"kind": "ServiceAccount", "name": "ci", "namespace": "build"}),
        bind("give", {"kind": "Group", "name": "team"}),
    ]
    return world


def test_an_account_what_it_may_do_what_runs_as_it_and_who_can_act_as_it() -> None:
    world = rbac(dict(shop()))
    world[SERVICE_ACCOUNTS][0]["metadata"]["annotations"] = {
        "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/web"
    }

    found = scope("kube.scope_serviceaccount", world, service_account=ACCOUNT)

    assert names(found.pods) == ["web-1", "web-2"]
    assert [(one.verbs, one.binding) for one in found.rights] == [(("list",), "ClusterRoleBinding view")]
    assert [(one.kind, one.name, one.ways, one.direct) for one in found.actors] == [
        ("ServiceAccount", "ci", ("enter-pod",), True),
        ("Group", "team", ("bind",), False),
    ]
    assert [(one.path, one.uid) for one in found.actor_accounts] == [("build/ci", "")]
    assert (found.admin, found.automounts, found.annotated_role) == (False, True, "arn:aws:iam::111122223333:role/web")
    said = plan("kube.scope_serviceaccount", world, service_account=ACCOUNT)
    assert said.reason == "it may do 1 rule, runs 2 pods on 1 node, and 1 subject can act as it"


def test_secrets_are_only_named_and_only_those_of_the_account() -> None:
    world = rbac(dict(shop()))
    of, kind = "kubernetes.io/service-account.name", "kubernetes.io/service-account-token"
    world[SECRETS] = [
        {"metadata": meta("web-token", "x-1", annotations={of: "web"}), "type": kind, "data": {"token": "c2VjcmV0"}},
        {"metadata": meta("cart-token", "x-2", annotations={of: "cart"}), "type": kind},
        {"metadata": meta("listed", "x-3"), "type": kind},
        {"metadata": meta("key", "x-4"), "type": "Opaque"},
        {"metadata": meta("fake", "x-5", annotations={of: "web"}), "type": "Opaque"},
    ]
    world[SERVICE_ACCOUNTS][0]["secrets"] = [{"name": "listed"}, {"name": "gone"}]
    kube = MemoryKube(world)

    found = look("kube.scope_serviceaccount", kube, service_account=ACCOUNT).found

    assert (found.legacy_tokens, found.secrets_seen) == (("listed", "web-token"), True)
    assert [one[0] for one in kube.asked if one[1] == "secrets"] == ["list_metadata"]


class NoSecrets(MemoryKube):
    """RBAC knows no smaller right than to list Secrets with their data: who has it not still gets the rest."""

    def list_metadata(self, resource: Resource, namespace: str = "", labels: Any = None, fields: Any = None) -> Listing:
        msg = f"list {resource}: forbidden"
        raise Denied(msg)


def test_without_a_look_at_secrets_whoever_reads_them_may_have_a_token() -> None:
    world = rbac(dict(shop()))
    world[CLUSTER_ROLES][1]["rules"] = [{"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]}]

    found = look("kube.scope_serviceaccount", NoSecrets(world), service_account=ACCOUNT).found

    assert (found.legacy_tokens, found.secrets_seen) == ((), False)
    assert found.actors[0].ways == ("read-secrets",)
    assert scope("kube.scope_serviceaccount", world, service_account=ACCOUNT).actors[0].ways == ("bind",)


def test_a_subject_that_is_no_objects_name_is_an_actor_and_no_reference() -> None:
    world = rbac(dict(shop()))
    world[CLUSTER_ROLE_BINDINGS][1]["subjects"] = [{"kind": "ServiceAccount", "name": "../x", "namespace": "build"}]

    with pytest.raises(Malformed):
        scope("kube.scope_serviceaccount", world, service_account=ACCOUNT)


# -- image ------------------------------------------------------------------------------------------------


def running(name: str, image: str, digest: str = "", kind: str = "container", space: str = "shop") -> dict[str, Any]:
    """A pod with one more container of some kind."""
    prefix = {"container": "container", "init": "initContainer", "ephemeral": "ephemeralContainer"}[kind]
    status = [{"name": "c", "imageID": digest, "state": {"running": {}}}] if digest else []
    made = pod(name, spec={f"{prefix}s": [{"name": "c", "image": image}]}, status={f"{prefix}Statuses": status})
    made["metadata"]["namespace"] = space
    return made


def fleet_of(*pods: dict[str, Any]) -> World:
    world: World = dict(shop())
    world[PODS] = list(pods)
    return world


def image(text: str) -> ImageRef:
    return ImageRef.of(CLUSTER, text)


def test_a_digest_is_found_under_every_tag_and_in_every_kind_of_container() -> None:
    world = fleet_of(
        running("a", "reg.example/web:1", f"reg.example/web@sha256:{HEX}"),
        running("b", "mirror.example/web:2", f"mirror.example/web@sha256:{HEX}", "init", "cart"),
        running("c", "other", f"reg.example/web@sha256:{HEX}", "ephemeral"),
        running("d", f"reg.example/web@sha256:{HEX}"),
        running("e", "reg.example/web:1", f"reg.example/web@sha256:{OTHER}"),
        running("f", "reg.example/web:1"),
    )
    world[NAMESPACES] = [{"metadata": {"name": name, "uid": f"ns-{name}"}} for name in ("shop", "cart")]

    found = scope("kube.scope_image", world, image=image(f"sha256:{HEX}"))

    assert [one.path for one in found.pods] == ["cart/b", "shop/a", "shop/c", "shop/d"]
    assert [(one.pod.name, one.kind, one.running) for one in found.uses] == [
        ("b", "init", True), ("a", "container", True), ("c", "ephemeral", True), ("d", "container", False),
    ]  # fmt: skip
    assert found.names == ("mirror.example/web:2", "other", "reg.example/web:1", f"reg.example/web@sha256:{HEX}")
    assert [(one.name, one.uid) for one in found.namespaces] == [("cart", "ns-cart"), ("shop", "ns-shop")]
    said = plan("kube.scope_image", world, image=image(f"sha256:{HEX}"))
    assert said.reason == "4 containers of 4 pods on 1 node, in 2 namespaces, under 4 names"


def test_a_tag_leads_to_what_runs_under_it_and_from_there_to_other_tags() -> None:
    world = fleet_of(
        running("a", "web:1", f"docker.io/library/web@sha256:{HEX}"),
        running("b", "web:2", f"docker.io/library/web@sha256:{HEX}"),
        running("c", "web:3", f"docker.io/library/web@sha256:{OTHER}"),
        running("d", "docker.io/library/web:1"),  # not pulled yet
    )

    found = scope("kube.scope_image", world, image=image("web:1"))

    assert names(found.pods) == ["a", "b", "d"]
    assert (found.digests, found.image.uid) == ((f"sha256:{HEX}",), HEX)


def test_a_tag_that_moved_is_several_images_and_is_not_pinned() -> None:
    world = fleet_of(running("a", "web:1", f"web@sha256:{HEX}"), running("b", "web:1", f"web@sha256:{OTHER}"))

    found = scope("kube.scope_image", world, image=image("web:1"))

    assert (names(found.pods), found.image.uid) == (["a", "b"], "")
    assert found.digests == (f"sha256:{HEX}", f"sha256:{OTHER}")


def test_nodes_say_who_has_it_and_are_not_believed_about_what_is_the_same() -> None:
    world = fleet_of(running("a", "kube-proxy", f"kube-proxy@sha256:{OTHER}"))
    lies = [f"web@sha256:{HEX}", f"kube-proxy@sha256:{OTHER}", "web:1"]
    world[NODES][0]["status"] = {"images": [{"names": lies}, {"names": ["x:1"]}, {}]}

    found = scope("kube.scope_image", world, image=image(f"sha256:{HEX}"))

    assert (found.pods, found.uses) == ((), ())
    assert names(found.cached) == ["node-1"]
    assert found.aliases == (f"sha256:{OTHER}",)
    said = plan("kube.scope_image", world, image=image(f"sha256:{HEX}"))
    assert said.reason == f"image sha256:{HEX} lies on 1 node and runs nowhere here"


def test_what_runs_nowhere_is_an_answer() -> None:
    said = plan("kube.scope_image", dict(shop()), image=image("nothing:1"))

    assert isinstance(said, Settled)
    assert said.reason == "image nothing:1 runs nowhere here"


def test_an_image_without_a_manifest_is_found_by_its_configuration() -> None:
    world = fleet_of(running("a", "web:1", f"sha256:{HEX}"))

    assert names(scope("kube.scope_image", world, image=image(f"sha256:{HEX}")).pods) == ["a"]


def test_a_tag_of_too_many_contents_names_nothing() -> None:
    world = fleet_of(*(running(f"a{n}", "web", f"web@sha256:{n:064x}") for n in range(21)))

    said = plan("kube.scope_image", world, image=image("web"))

    assert isinstance(said, Refuse)
    assert "21 different images" in said.why


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1", "docker.io/library/nginx:1"),
        ("team/nginx", "docker.io/team/nginx:latest"),
        ("docker.io/nginx:1", "docker.io/library/nginx:1"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx:latest"),
        ("localhost/nginx", "localhost/nginx:latest"),
        ("reg:5000/nginx", "reg:5000/nginx:latest"),
        ("reg.example/a/b:1@sha256:x", "reg.example/a/b:1"),
        ("docker-pullable://nginx:1", "docker.io/library/nginx:1"),
    ],
)
def test_two_spellings_of_a_name_are_one(name: str, whole: str) -> None:
    assert normal(name) == whole


# -- address ----------------------------------------------------------------------------------------------


def at(ip: str) -> PodAddressRef:
    return PodAddressRef(cluster=CLUSTER, ip=ip)


def addressed(name: str, ip: str, **parts: Any) -> dict[str, Any]:
    status = {"podIPs": [{"ip": ip}, {"ip": "2001:DB8::7"}], "startTime": "2026-11-21T03:00:00Z"}
    return pod(name, spec=parts.get("spec", {}), status={**status, **parts.get("status", {})})


def test_an_address_leads_to_the_pod_that_has_it_and_to_its_node_and_account() -> None:
    world = fleet_of(addressed("a", "10.0.3.40"), pod("b", status={"podIP": "10.0.3.41"}))

    found = scope("kube.scope_pod_ip", world, address=at("10.0.3.40"))

    assert (found.pod.path, found.pod.uid) == ("shop/a", "p-a")
    assert (found.node.uid, found.service_account.uid) == ("n-1", "sa-1")
    assert (found.since, found.former) == ("2026-11-21T03:00:00Z", ())
    assert scope("kube.scope_pod_ip", world, address=at("2001:db8:0::7")).pod.name == "a"
    assert scope("kube.scope_pod_ip", world, address=at("10.0.3.41")).pod.name == "b"


def test_without_a_time_nobody_knows_whether_it_was_that_pod() -> None:
    said = plan("kube.scope_pod_ip", fleet_of(addressed("a", "10.0.3.40")), address=at("10.0.3.40"))

    assert said.verdict.status == "unproven"
    assert "before, another may have had it" in said.reason


@pytest.mark.parametrize(
    ("seen", "held"),
    [
        ("2026-11-21T03:00:00Z", True), ("2026-11-21T03:00:00.5Z", True), ("2026-11-22T00:00:00Z", True),
        ("2026-11-21T02:59:59.999Z", False),
    ],
)  # fmt: skip
def test_a_pod_that_started_later_is_not_the_one_that_was_seen(seen: str, held: bool) -> None:
    said = plan("kube.scope_pod_ip", fleet_of(addressed("a", "10.0.3.40")), address=at("10.0.3.40"), at=seen)

    assert isinstance(said, Settled if held else Refuse)
    if isinstance(said, Settled):
        assert said.verdict.status == "proven"


def test_an_address_is_only_as_old_as_the_pods_network() -> None:
    ready = {"type": "PodReadyToStartContainers", "status": "True", "lastTransitionTime": "2026-11-21T05:00:00Z"}
    conditions = [ready, {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-21T06:00:00Z"}]
    world = fleet_of(addressed("a", "10.0.3.40", status={"conditions": conditions}))

    assert scope("kube.scope_pod_ip", world, address=at("10.0.3.40")).since == "2026-11-21T05:00:00Z"


def test_a_pod_without_a_start_was_not_seen_anywhere() -> None:
    world = fleet_of(addressed("a", "10.0.3.40", status={"startTime": None}))

    said = plan("kube.scope_pod_ip", world, address=at("10.0.3.40"), at="2026-11-21T03:00:00Z")

    assert isinstance(said, Refuse)


def test_an_ended_pod_keeps_the_address_in_its_status_and_not_on_the_network() -> None:
    ended = addressed("old", "10.0.3.40", status={"phase": "Succeeded"})

    found = scope("kube.scope_pod_ip", fleet_of(ended, addressed("new", "10.0.3.40")), address=at("10.0.3.40"))
    alone = plan("kube.scope_pod_ip", fleet_of(ended), address=at("10.0.3.40"))

    assert (found.pod.name, names(found.former)) == ("new", ["old"])
    assert isinstance(alone, Refuse)
    assert "no living pod" in alone.why
    assert "pod shop/old had it and ended" in alone.why


def test_a_nodes_address_is_everybodys_on_its_network_and_they_are_named() -> None:
    host = {"hostNetwork": True}
    world = fleet_of(addressed("a", "10.0.3.17", spec=host), addressed("b", "10.0.3.17", spec=host))
    world[NODES][0]["status"] = {"addresses": [{"type": "InternalIP", "address": "10.0.3.17"}]}

    said = plan("kube.scope_pod_ip", world, address=at("10.0.3.17"))

    assert isinstance(said, Refuse)
    assert said.why == "10.0.3.17 is the address of node node-1, shared by pod shop/a, pod shop/b"
    del world[NODES][0]["status"]
    assert plan("kube.scope_pod_ip", world, address=at("10.0.3.17")).why == said.why
    world[PODS] = []
    world[NODES][0]["status"] = {"addresses": [{"type": "ExternalIP", "address": "10.0.3.17"}]}
    assert "and of no pod" in plan("kube.scope_pod_ip", world, address=at("10.0.3.17")).why


def test_two_pods_with_one_address_are_both_named_and_none_is_chosen() -> None:
    world = fleet_of(addressed("a", "10.0.3.40"), addressed("b", "10.0.3.40"))

    said = plan("kube.scope_pod_ip", world, address=at("10.0.3.40"))

    assert isinstance(said, Refuse)
    assert "pod shop/a, pod shop/b" in said.why


# -- all of them -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action_id", "given"),
    [
        ("kube.scope_workload", {"workload": WORKLOAD}),
        ("kube.scope_namespace", {"namespace": SHOP}),
        ("kube.scope_node", {"node": NODE}),
        ("kube.scope_serviceaccount", {"service_account": ACCOUNT}),
    ],
)
def test_what_is_gone_is_refused(action_id: str, given: dict[str, Any]) -> None:
    said = plan(action_id, {}, **given)

    assert isinstance(said, Refuse)
    assert "does not exist any more" in said.why


def test_an_empty_workload_is_an_answer() -> None:
    found = scope("kube.scope_workload", {DEPLOYMENTS: [{"metadata": meta("web", "d-1")}]}, workload=WORKLOAD)

    assert (found.pods, found.nodes, found.workloads, found.service_accounts, found.images) == ((), (), (), (), ())
    assert found.replicas is None


def test_endpoints_of_a_workloads_pods_count_once() -> None:
    world: World = dict(shop())
    ends = [{"addresses": ["10.0.3.40"], "targetRef": {"uid": uid}} for uid in ("p-1", "p-2")]
    world[ENDPOINT_SLICES] = [
        {"metadata": meta("web-x", "es-1", labels={"kubernetes.io/service-name": "web"}), "endpoints": ends}
    ]

    found = scope("kube.scope_workload", world, workload=WORKLOAD)

    assert [(one.service, one.lists, one.serving) for one in found.exposure] == [("web", True, True)]
