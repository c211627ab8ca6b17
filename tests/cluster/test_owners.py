"""What irkit writes into objects that somebody keeps by `kubectl apply`, client-side and server-side.

The owner applies the same manifest again in the middle of a containment and after its undo: with no conflict, and in
the end with no difference. Where the middle brings something back that irkit took away, `irkit check` says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.cluster.api import MEDIA, path_of
from tests.cluster.live import Cluster
from tests.cluster.pods import PORT, deployment, pod
from tests.cluster.scenes import ACCOUNT, RBAC, VIEW, Desk, Done, Json, case_of, tidy

MARK = "irkit.dev/case"
CLIENT_SIDE = ("apply",)
SERVER_SIDE = ("apply", "--server-side", "--field-manager=gitops")
HOW = pytest.mark.parametrize("how", [CLIENT_SIDE, SERVER_SIDE], ids=["client-side", "server-side"])


@dataclass
class Estate:
    """One namespace whose objects belong to an owner with a manifest, and a second one who set an annotation."""

    cluster: Cluster
    namespace: str
    desk: Desk
    how: tuple[str, ...]
    manifest: str = ""

    def apply(self, *documents: Json) -> str:
        """The owner's manifest; without one, the same again."""
        if documents:
            placed = [one | {"metadata": one["metadata"] | {"namespace": self.namespace}} for one in documents]
            self.manifest = yaml.safe_dump_all(placed)
        return self.cluster.kubectl(*self.how, "-f", "-", stdin=self.manifest)

    def join(self, kind: str, name: str) -> None:
        """Another owner, of one annotation, by server-side apply."""
        found = self.cluster.get(kind, name, self.namespace)
        meta = {"name": name, "namespace": self.namespace, "annotations": {"team.example/contact": "ana"}}
        mine = {"apiVersion": found["apiVersion"], "kind": kind, "metadata": meta}
        path = f"{path_of(kind, self.namespace, name)}?fieldManager=team"
        self.cluster.api.call("PATCH", path, mine, media=MEDIA["apply"])  # kubectl would take client-side fields over

    def differs(self) -> bool:
        """Whether the manifest says something else than the cluster."""
        side = [one for one in self.how if one != "apply"]
        return self.cluster.kubectl("diff", *side, "-f", "-", stdin=self.manifest) != ""

    def fields(self, kind: str, name: str) -> dict[tuple[str, str], str]:
        """Which fields each manager has, by its name and operation, but for controllers' own and status."""
        meta = self.cluster.get(kind, name, self.namespace)["metadata"]
        return {
            (one["manager"], one["operation"]): json.dumps(one["fieldsV1"], sort_keys=True)
            for one in meta["managedFields"]
            if "subresource" not in one and one["manager"] not in {"kube-controller-manager", "kubelet"}
        }

    def has_its_fields(self, before: dict[tuple[str, str], str], kind: str, name: str) -> bool:
        """Whether each manager has what it had. Client-side apply compares with its annotation, and owns nothing."""
        after = self.fields(kind, name)
        return all(after[key] == one for key, one in before.items() if key[1] == "Apply")

    def contain(self, *words: str) -> str:
        """Contain without tools: what is proven does not matter here. Gives the case."""
        done = self.desk.irkit("contain", *words, "--yes")
        assert done.returncode in {0, 4}, done.stdout + done.stderr
        assert "failed" not in done.stdout
        return case_of(done)

    def check(self, case: str) -> Json:
        found: Json = json.loads(self.desk.irkit("--json", "check", case).stdout)
        return found

    def undo(self, case: str) -> Done:
        done = self.desk.irkit("undo", case, "--yes")
        assert 0 == done.returncode, done.stdout + done.stderr
        return done


@pytest.fixture
def estate(harness: Cluster, tmp_path: Path) -> Iterator[Callable[[tuple[str, ...]], Estate]]:
    with harness.namespace("owned") as name:
        yield lambda how: Estate(harness, name, Desk(harness, tmp_path), how)
    tidy(harness)


def lost(found: Json) -> set[str]:
    """Steps that do not hold any more."""
    return {one["step"] for one in found["steps"] if one["status"] == "drifted"}


@HOW
def test_the_owner_of_a_pod_applies_it_again_at_any_time(
    estate: Callable[[tuple[str, ...]], Estate], how: tuple[str, ...]
) -> None:
    """A pod of its own, entered: label and policy are irkit's, all else is the owner's."""
    mine = estate(how)
    mine.apply(pod("web", {"app": "web"}))
    mine.join("Pod", "web")
    mine.cluster.ready(mine.namespace, 1, app="web")
    before = mine.fields("Pod", "web")
    case = mine.contain("pod", f"{mine.namespace}/web", "--playbook", "suspicious-exec")

    said = mine.apply()

    assert "web" in said
    assert case == mine.cluster.get("Pod", "web", mine.namespace)["metadata"]["labels"][MARK]
    assert 1 == len(mine.cluster.list_of("NetworkPolicy", mine.namespace))
    assert set() == lost(mine.check(case))
    held = mine.fields("Pod", "web")
    assert before == {key: one for key, one in held.items() if key[0] != "irkit"}
    assert {("irkit", "Update")} == held.keys() - before.keys()

    mine.undo(case)

    assert not mine.differs()
    assert before == mine.fields("Pod", "web")
    mine.apply()
    assert before == mine.fields("Pod", "web")


@HOW
def test_an_owner_who_puts_a_released_pod_back_into_its_service_is_seen(
    estate: Callable[[tuple[str, ...]], Estate], how: tuple[str, ...]
) -> None:
    """Irkit took the label away that the Service selects by; the manifest has it."""
    mine = estate(how)
    front = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": PORT}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": front}
    mine.apply(pod("web", {"app": "web"}), service)
    mine.cluster.ready(mine.namespace, 1, app="web")
    before = mine.fields("Pod", "web")
    case = mine.contain("pod", f"{mine.namespace}/web")
    assert "app" not in mine.cluster.get("Pod", "web", mine.namespace)["metadata"]["labels"]

    mine.apply()

    labels = mine.cluster.get("Pod", "web", mine.namespace)["metadata"]["labels"]
    assert {"app": "web", MARK: case} == {key: labels[key] for key in ("app", MARK)}
    assert {"release"} == lost(mine.check(case))

    mine.undo(case)

    assert not mine.differs()
    mine.apply()
    assert mine.has_its_fields(before, "Pod", "web")
    assert "web" == mine.cluster.get("Pod", "web", mine.namespace)["metadata"]["labels"]["app"]


@HOW
def test_an_owner_who_binds_the_account_again_is_seen(
    estate: Callable[[tuple[str, ...]], Estate], how: tuple[str, ...]
) -> None:
    mine = estate(how)
    us = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": mine.namespace}
    mine.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}},
        {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": {"name": "web"}, "roleRef": VIEW, "subjects": [us]},
    )  # fmt: skip
    mine.join("RoleBinding", "web")
    before = mine.fields("RoleBinding", "web")
    case = mine.contain("serviceaccount", f"{mine.namespace}/{ACCOUNT}", "-i", "isolate_pods=false")
    assert "subjects" not in mine.cluster.get("RoleBinding", "web", mine.namespace)

    mine.apply()

    assert [us] == mine.cluster.get("RoleBinding", "web", mine.namespace)["subjects"]
    assert {"revoke"} == lost(mine.check(case))
    again = mine.contain("serviceaccount", f"{mine.namespace}/{ACCOUNT}", "-i", "isolate_pods=false")
    assert case == again
    assert "subjects" not in mine.cluster.get("RoleBinding", "web", mine.namespace)

    mine.undo(case)

    assert not mine.differs()
    mine.apply()
    assert mine.has_its_fields(before, "RoleBinding", "web")
    assert [us] == mine.cluster.get("RoleBinding", "web", mine.namespace)["subjects"]


@HOW
def test_an_owner_who_starts_a_stopped_workload_again_is_seen(
    estate: Callable[[tuple[str, ...]], Estate], how: tuple[str, ...]
) -> None:
    """The API tracks nobody as owner of no replicas, so that not even server-side apply speaks of a conflict."""
    mine = estate(how)
    mine.apply(deployment("web", 1))
    mine.join("Deployment", "web")
    before = mine.fields("Deployment", "web")
    mine.cluster.ready(mine.namespace, 1, app="web")
    words = ("workload", f"deployment/{mine.namespace}/web", "-i", "stop=true")
    asked = mine.desk.irkit("contain", *words, "--yes")
    case = case_of(asked)
    assert 0 == mine.desk.irkit("approve", case, "stop", "--yes", operator="bo").returncode
    stopped = mine.desk.irkit("resume", case)
    assert 0 == stopped.returncode, stopped.stdout + stopped.stderr

    mine.apply()

    assert {"stop"} == lost(mine.check(case))

    mine.undo(case)

    assert not mine.differs()
    mine.apply()
    assert mine.has_its_fields(before, "Deployment", "web")
    assert 1 == mine.cluster.get("Deployment", "web", mine.namespace)["spec"]["replicas"]


def test_the_owner_of_a_pod_changes_after_the_undo_what_irkit_put_back(
    estate: Callable[[tuple[str, ...]], Estate],
) -> None:
    """The label that the Service selects by: irkit took it away and brought it back."""
    mine = estate(SERVER_SIDE)
    front = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": PORT}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": front}
    mine.apply(pod("web", {"app": "web"}), service)
    mine.cluster.ready(mine.namespace, 1, app="web")
    case = mine.contain("pod", f"{mine.namespace}/web")
    assert "app" not in mine.cluster.get("Pod", "web", mine.namespace)["metadata"]["labels"]

    mine.undo(case)

    assert "web" == mine.cluster.get("Pod", "web", mine.namespace)["metadata"]["labels"]["app"]
    assert "irkit" not in {manager for manager, _ in mine.fields("Pod", "web")}
    mine.apply(pod("web", {"app": "shop"}))
    assert "shop" == mine.cluster.get("Pod", "web", mine.namespace)["metadata"]["labels"]["app"]


def test_the_owner_of_a_binding_changes_after_the_undo_what_irkit_put_back(
    estate: Callable[[tuple[str, ...]], Estate],
) -> None:
    mine = estate(SERVER_SIDE)
    us = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": mine.namespace}
    other = us | {"name": "other"}
    binding = {
        "apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": {"name": "web"}, "roleRef": VIEW,
        "subjects": [other, us],
    }  # fmt: skip
    mine.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}, binding)
    case = mine.contain("serviceaccount", f"{mine.namespace}/{ACCOUNT}", "-i", "isolate_pods=false")
    assert [other] == mine.cluster.get("RoleBinding", "web", mine.namespace)["subjects"]

    mine.undo(case)

    assert [other, us] == mine.cluster.get("RoleBinding", "web", mine.namespace)["subjects"]
    assert "irkit" not in {manager for manager, _ in mine.fields("RoleBinding", "web")}
    mine.apply(binding | {"subjects": [us]})
    assert [us] == mine.cluster.get("RoleBinding", "web", mine.namespace)["subjects"]


def test_the_owner_of_a_stopped_workload_changes_after_the_undo_how_many_pods_it_has(
    estate: Callable[[tuple[str, ...]], Estate],
) -> None:
    """The API tracks nobody as owner of no replicas, and so nobody who scales from there."""
    mine = estate(SERVER_SIDE)
    mine.apply(deployment("web", 1))
    mine.cluster.ready(mine.namespace, 1, app="web")
    asked = mine.desk.irkit("contain", "workload", f"deployment/{mine.namespace}/web", "-i", "stop=true", "--yes")
    case = case_of(asked)
    assert 0 == mine.desk.irkit("approve", case, "stop", "--yes", operator="bo").returncode
    stopped = mine.desk.irkit("resume", case)
    assert 0 == stopped.returncode, stopped.stdout + stopped.stderr
    assert 0 == mine.cluster.get("Deployment", "web", mine.namespace)["spec"]["replicas"]

    mine.undo(case)

    assert 1 == mine.cluster.get("Deployment", "web", mine.namespace)["spec"]["replicas"]
    mine.apply(deployment("web", 2))
    assert 2 == mine.cluster.get("Deployment", "web", mine.namespace)["spec"]["replicas"]
