"""What irkit has the API server deny, denied to whoever tries it on a real one: deletes, evictions, new pods.

Source: Kubernetes documentation, "Validating Admission Policy", "Resource Quotas", "Safely Drain a Node".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.api import Api, ApiError, path_of
from tests.cluster.images import BUSYBOX
from tests.cluster.live import Actor, Cluster
from tests.cluster.pods import pod
from tests.cluster.scenes import refused
from tests.cluster.shop import Json, Shop, case_of

EVERYTHING = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
HEAD = """\
apiVersion: irkit.dev/v1alpha1
kind: Playbook
metadata: {name: hold, title: Hold}
spec:
  inputs:
"""
PROTECT = '    - {id: protect, uses: kube.protect_pod, with: {pod: "${inputs.pod}"}}\n'
ISOLATE = '    - {id: isolate, uses: kube.isolate_pod, needs: [protect], with: {pod: "${inputs.pod}"}}\n'
AWS = "networking.k8s.aws"
DELETE = """\
    - id: delete
      uses: kube.delete_pod
      needs: [protect]
      approval: never
      accept_loss: a test
      with: {pod: "${inputs.pod}", grace_seconds: 0}
"""
HOLD = HEAD + "    pod: {type: pod}\n  steps:\n" + PROTECT
CLOSE = (
    HEAD
    + """\
    pod: {type: pod}
    namespace: {type: namespace}
  steps:
    - {id: close, uses: kube.quarantine_namespace, with: {namespace: "${inputs.namespace}"}}
"""
)


@dataclass
class Held:
    """A shop, the case that holds its target, and somebody else who may do everything."""

    shop: Shop
    case: str
    other: Actor

    @contextmanager
    def api(self) -> Iterator[Api]:
        with Api.connect(self.other.kubeconfig, self.other.context) as found:
            yield found

    @property
    def pod(self) -> str:
        return str(self.shop.target["metadata"]["name"])

    @property
    def path(self) -> str:
        return path_of("Pod", self.shop.namespace, self.pod)

    def is_there(self) -> bool:
        """The same pod, and nobody has asked for its end."""
        status, _ = self.shop.cluster.api.raw("GET", self.path)
        if status != 200:
            return False
        meta = self.shop.cluster.get("Pod", self.pod, self.shop.namespace)["metadata"]
        return meta["uid"] == self.shop.target["metadata"]["uid"] and "deletionTimestamp" not in meta

    def gone(self) -> bool:
        return self.shop.cluster.api.raw("GET", self.path)[0] == 404

    def complaints(self) -> list[str]:
        """What controllers were told when they tried to delete it, as their events say."""
        events = self.shop.cluster.list_of("Event", self.shop.namespace)
        return [one.get("message", "") for one in events if one["reason"] == "FailedDelete" and self.pod in str(one)]

    def take_back(self, **more: Any) -> None:
        undone = self.shop.irkit("undo", self.case, "--yes", **more)
        assert 0 == undone.returncode, undone.stdout + undone.stderr
        left = [
            one["metadata"]["name"]
            for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
            for one in self.shop.cluster.list_of(kind)
            if self.case in str(one)
        ]
        assert left == []


def contain(shop: Shop, text: str, *words: str, **more: Any) -> str:
    """A playbook of this test's own, run to its end; the case."""
    (shop.folder / "own.yaml").write_text(text)
    done = shop.irkit("contain", *words, "--yes", "--playbook", "own.yaml", **more)
    assert done.returncode in {0, 4}, done.stdout + done.stderr
    return case_of(done)


@pytest.fixture
def held(shop: Shop) -> Held:
    case = contain(shop, HOLD, "pod", shop.name)
    found = Held(shop, case, shop.cluster.actor(shop.namespace, "other", shop.folder, cluster_rules=EVERYTHING))
    shop.cluster.until("the policy to be enforced", lambda: case in denied(partial(dry_delete, found)))
    return found


def dry_delete(held: Held) -> None:
    held.shop.cluster.api.call("DELETE", f"{held.path}?dryRun=All")


def denied(asking: Callable[[], object]) -> str:
    """Why the API would not do it; "" where it did."""
    try:
        asking()
    except ApiError as error:
        return str(error)
    return ""


def test_whoever_may_do_everything_neither_deletes_nor_evicts_it(held: Held) -> None:
    eviction: Json = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": held.pod}}
    every = f"{path_of('Pod', held.shop.namespace)}?labelSelector=app=web"
    with held.api() as api:
        answers = [
            denied(lambda: api.call("DELETE", held.path)),
            denied(lambda: api.call("DELETE", held.path, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})),
            denied(lambda: api.call("POST", f"{held.path}/eviction", eviction)),
            denied(lambda: api.call("POST", f"{held.path}/eviction", eviction | {"deleteOptions": {}})),
            denied(lambda: api.call("DELETE", every)),  # of a collection: each by itself
        ]

    assert [True] * 5 == [answer.startswith("403 Forbidden") and held.case in answer for answer in answers], answers
    assert held.is_there()


def test_a_drain_of_its_node_says_which_case_holds_it(held: Held) -> None:
    """Tried without doing it, for a drain cordons: admission judges that all the same."""
    node = held.shop.target["spec"]["nodeName"]
    words = ("drain", node, "--dry-run=server", "--ignore-daemonsets", "--timeout=5s")
    sibling = held.shop.sibling["metadata"]
    held.shop.cluster.patch("Pod", sibling["name"], {"metadata": {"labels": {"other": held.case}}}, held.shop.namespace)

    said = held.shop.cluster.kubectl(*words, f"--pod-selector=irkit.dev/case={held.case}", status=1)

    assert f"held as evidence: irkit status {held.case}" in said
    others = held.shop.cluster.kubectl(
        "drain", held.shop.sibling["spec"]["nodeName"], *words[2:], f"--pod-selector=other={held.case}"
    )
    assert f"evicting pod {held.shop.namespace}/{sibling['name']} (server dry run)" in others
    assert "drained" in others
    assert held.is_there()


def test_neither_its_replicaset_nor_the_garbage_collector_deletes_it_until_it_is_given_back(held: Held) -> None:
    """Both of the controller-manager, and each tries again until it may."""
    shop, cluster = held.shop, held.shop.cluster
    cluster.patch("Deployment", "web", {"spec": {"replicas": 0}}, shop.namespace)
    cluster.until("the others to end", lambda: len(cluster.list_of("Pod", shop.namespace, app="web")) == 1)
    cluster.until("the ReplicaSet to say so", lambda: any(held.case in one for one in held.complaints()))
    assert held.is_there()

    mark = cluster.mark()
    cluster.delete("Deployment", "web", shop.namespace)
    cluster.until("the ReplicaSet to go", lambda: cluster.list_of("ReplicaSet", shop.namespace) == [])
    cluster.until("the garbage collector to try", lambda: collected(held, mark))
    assert held.is_there()

    held.take_back()
    cluster.until("the garbage collector to try again", held.gone, 90)


def collected(held: Held, mark: int) -> bool:
    """Whether the garbage collector's delete of the pod was refused."""
    return any(
        one["responseStatus"]["code"] == 403
        for one in held.shop.cluster.audit(mark)
        if one["verb"] == "delete" and one["objectRef"].get("name") == held.pod
        and one["user"]["username"].endswith(":generic-garbage-collector")
    )  # fmt: skip


def test_a_namespace_that_is_deleted_waits_for_it_and_goes_after_undo(held: Held) -> None:
    cluster, namespace = held.shop.cluster, held.shop.namespace
    cluster.delete("Namespace", namespace, wait=False)
    cluster.until("everything else to go", lambda: len(cluster.list_of("Pod", namespace)) == 1)
    cluster.until("the namespace to say why", lambda: held.case in str(cluster.get("Namespace", namespace)["status"]))
    assert held.is_there()

    held.take_back()
    cluster.until("the namespace to go", lambda: not cluster.exists("Namespace", namespace), 90)


def test_a_namespace_that_is_deleted_leaves_it_isolated(shop: Shop, tmp_path: Path) -> None:
    """Its policies would go at once, and it would wait: open to everybody."""
    cluster = shop.cluster
    cluster.delete("NetworkPolicy", "allow-web", shop.namespace)
    with cluster.namespace("away") as away:
        cluster.apply(pod("client", {"app": "client"}), namespace=away)
        (client,) = cluster.ready(away, 1, app="client")
        case = contain(shop, HOLD + ISOLATE, "pod", shop.name)
        cluster.settle()
        assert not shop.reaches(client, shop.target)
        actor = cluster.actor(away, "somebody", tmp_path, cluster_rules=EVERYTHING)
        held = Held(shop, case, actor)
        cluster.until("the policy to be enforced", lambda: case in denied(partial(dry_delete, held)))

        cluster.delete("Namespace", shop.namespace, wait=False)
        cluster.until("everything else to go", lambda: len(cluster.list_of("Pod", shop.namespace)) == 1)
        why = f"isolates what is held as evidence: irkit status {case}"
        cluster.until("it to say why", lambda: why in str(cluster.get("Namespace", shop.namespace)["status"]))

        assert held.is_there()
        assert 1 == len(cluster.list_of("NetworkPolicy", shop.namespace))
        cluster.settle()
        assert not shop.reaches(client, shop.target)
        held.take_back()
        cluster.until("the namespace to go", lambda: not cluster.exists("Namespace", shop.namespace), 90)


@pytest.fixture
def endpoints(cluster: Cluster) -> Iterator[Callable[[str], str]]:
    """The path of a namespace's PolicyEndpoints, which VPC CNI's agents obey. Nobody makes any here."""
    names = {"plural": "policyendpoints", "singular": "policyendpoint", "kind": "PolicyEndpoint"}
    schema: Json = {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}}
    version: Json = {"name": "v1alpha1", "served": True, "storage": True, "schema": schema}
    name = f"policyendpoints.{AWS}"
    spec: Json = {"group": AWS, "scope": "Namespaced", "names": names, "versions": [version]}
    api = "apiextensions.k8s.io/v1"
    cluster.apply(
        {"apiVersion": api, "kind": "CustomResourceDefinition", "metadata": {"name": name}, "spec": spec},
    )
    cluster.until("it to be served", lambda: cluster.api.raw("GET", f"/apis/{AWS}/v1alpha1/policyendpoints")[0] == 200)
    yield lambda namespace: f"/apis/{AWS}/v1alpha1/namespaces/{namespace}/policyendpoints"
    cluster.delete("CustomResourceDefinition", name)


def test_what_vpc_cni_enforces_of_its_policy_stays_too(endpoints: Callable[[str], str], held: Held) -> None:
    """Its controller names them after the policy, gives them no labels, and can make none where a namespace ends."""
    cluster, namespace, api = held.shop.cluster, held.shop.namespace, held.shop.cluster.api
    ours, where = f"irkit-{held.case.rpartition('-')[2]}-0a1b2c-x7k2p", endpoints(namespace)
    head = {"apiVersion": f"{AWS}/v1alpha1", "kind": "PolicyEndpoint"}
    for name in ("allow-web-q8w3e", ours):
        api.call("POST", where, {**head, "metadata": {"name": name}})

    def left() -> list[str]:
        return [one["metadata"]["name"] for one in api.call("GET", where)["items"]]

    cluster.delete("Namespace", namespace, wait=False)
    cluster.until("others of its kind to go", lambda: left() == [ours])
    why = f"isolates what is held as evidence: irkit status {held.case}"
    cluster.until("it to say why", lambda: why in str(cluster.get("Namespace", namespace)["status"]))
    assert left() == [ours]
    (policy,) = [one for one in cluster.list_of("ValidatingAdmissionPolicy") if held.case in str(one)]
    assert "expressionWarnings" not in policy["status"].get("typeChecking", {})

    held.take_back()
    cluster.until("the namespace to go", lambda: not cluster.exists("Namespace", namespace), 90)


def test_irkit_itself_deletes_it_only_as_a_user_that_the_step_names(held: Held) -> None:
    """The API server takes a moment to enforce a policy that it has: so each delete is a run of its own."""
    shop, other = held.shop, held.other
    (shop.folder / "own.yaml").write_text(HOLD + DELETE)

    done = shop.contain("--playbook", "own.yaml")

    assert (75, held.case) == (done.returncode, case_of(done)), done.stdout + done.stderr
    assert f"held as evidence: irkit status {held.case}" in " ".join(done.stdout.split())
    assert held.is_there()
    held.take_back()

    who: dict[str, Any] = {"context": other.context, "kubeconfig": other.kubeconfig}
    exempt = HOLD.replace('pod}"}', f'pod}}", may_delete: ["{other.username}"]}}')
    assert exempt.count(other.username) == 1
    second = Held(shop, contain(shop, exempt, "pod", shop.name, **who), other)
    shop.cluster.until("the policy to be enforced", lambda: second.case in denied(partial(dry_delete, second)))
    (shop.folder / "own.yaml").write_text(exempt + DELETE)

    done = shop.contain("--playbook", "own.yaml", **who)

    assert second.case == case_of(done), done.stdout + done.stderr
    assert second.gone()
    second.take_back(**who)


def test_a_namespace_in_quarantine_takes_no_new_pod_and_lets_nothing_through(shop: Shop) -> None:
    """By a quota: no admission policy is in it. A ResourceQuota counts from when its controller has seen it."""
    shop.cluster.delete("NetworkPolicy", "allow-web", shop.namespace)
    assert shop.reaches(shop.client, shop.target)

    case = contain(shop, CLOSE, "pod", shop.name, "-i", f"namespace={shop.namespace}")

    shop.cluster.until("the quota to count", lambda: "exceeded quota" in refused(shop.cluster, shop.namespace, BUSYBOX))
    shop.cluster.settle()
    assert not shop.reaches(shop.client, shop.target)
    ended = shop.sibling["metadata"]["name"]
    shop.cluster.delete("Pod", ended, shop.namespace)
    shop.cluster.until("the ReplicaSet to be refused", lambda: kept_small(shop))
    undone = shop.irkit("undo", case, "--yes")
    assert 0 == undone.returncode, undone.stdout + undone.stderr
    shop.cluster.ready(shop.namespace, 3, app="web")
    shop.cluster.settle()
    assert shop.reaches(shop.client, shop.target)
    shop.cluster.apply(pod("new"), namespace=shop.namespace)


def kept_small(shop: Shop) -> bool:
    events = shop.cluster.list_of("Event", shop.namespace)
    return any("exceeded quota" in one.get("message", "") for one in events if one["reason"] == "FailedCreate")
