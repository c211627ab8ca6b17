"""A shop on the real cluster, and irkit typed by people who hold just what a playbook's generated RBAC gives them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.api import ApiError, path_of
from tests.cluster.images import BUSYBOX_2, TOOLS
from tests.cluster.live import Actor, Cluster
from tests.cluster.pods import PORT, container, deployment, pod

Json = dict[str, Any]
Done = subprocess.CompletedProcess[str]
ROOT = Path(__file__).parents[2]
CASE = re.compile(r"IR-\d{8}-[a-z0-9]{4}")
RBAC = "rbac.authorization.k8s.io"
VIEW = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"}
OWN_RULE = {"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get"]}  # nobody else has it
ACCOUNT = "web"
TOKEN = "web-token"
CANARY = "a-value-that-nobody-may-read"

# What differs before and after without irkit: left out of every comparison.
BY_ITSELF = {
    "Event", "Lease",  # written all the time
    "EndpointSlice",  # follows pods and Services
}  # fmt: skip
REVISIONS = ("deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history")  # each rollout counts
COUNTED = (
    "resourceVersion",
    "managedFields",
    "generation",
)  # the API counts changes; tests/cluster/test_owners.py looks


@dataclass
class Desk:
    """Where somebody types irkit: a folder with its settings and its cases, and whose kubeconfig is used."""

    cluster: Cluster
    folder: Path
    actor: Actor | None = None

    def irkit(self, *words: str, operator: str = "ana") -> Done:
        """One command, as a process."""
        kubeconfig = self.actor.kubeconfig if self.actor else self.cluster.kubeconfig
        env = {
            "HOME": str(self.folder), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "200",
            "KUBECONFIG": str(kubeconfig), "IRKIT_STATE": str(self.folder / "state"),
        }  # fmt: skip
        context = self.actor.context if self.actor else self.cluster.context
        command = [sys.executable, "-m", "irkit", "--context", context, "--operator", operator, *words]
        return subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=240, check=False
        )

    def records(self, case: str) -> list[Json]:
        """The case's journal as it is on disk."""
        text = (self.folder / "state" / "cases" / case / "journal.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


@dataclass
class Shop:
    """A Deployment as an account of its own, with rights and a token that never expires; a client on every node."""

    cluster: Cluster
    namespace: str
    desk: Desk
    web: list[Json]
    clients: list[Json]

    @property
    def target(self) -> Json:
        """The first of the Deployment's pods."""
        return self.web[0]

    @property
    def node(self) -> str:
        return str(self.target["spec"]["nodeName"])

    @property
    def digest(self) -> str:
        """That of the image that only the shop runs."""
        return str(self.target["status"]["containerStatuses"][0]["imageID"]).rpartition("@")[2]

    def name(self, one: Json) -> str:
        return f"{self.namespace}/{one['metadata']['name']}"

    def client(self, *, on: str = "", off: str = "") -> Json:
        """A client on this node, or on another than that."""
        return next(
            one for one in self.clients
            if one["spec"]["nodeName"] == on or (off and one["spec"]["nodeName"] != off) or not (on or off)
        )  # fmt: skip

    def again(self, one: Json) -> Json:
        """A pod as it is now."""
        return self.cluster.get("Pod", one["metadata"]["name"], self.namespace)

    def reaches(self, source: Json, target: Json) -> bool:
        """What the network does, looked at from inside the source's network namespace."""
        return self.cluster.connect_from(source, str(target["status"]["podIP"]), PORT) == "open"

    def reached(self, paths: Sequence[tuple[Json, Json]]) -> set[bool]:
        """The same for many paths at once: where packets are dropped, each takes its time."""
        with ThreadPoolExecutor(max(1, len(paths))) as pool:
            return set(pool.map(lambda path: self.reaches(*path), paths))

    def dump(self) -> dict[tuple[str, str, str], bytes]:
        """Every object that irkit could have changed, as bytes, by kind, namespace and name.

        Left out are BY_ITSELF, COUNTED and REVISIONS, status, the pods that controllers make and end (but for those of the shop
        that are there now), and what is of other tests.
        """
        ours = {one["metadata"]["uid"] for one in (*self.web, *self.clients)}
        found = {}
        for one in self.cluster.dump():
            meta, kind = one["metadata"], one["kind"]
            space = meta.get("namespace", "")
            if kind in BY_ITSELF or (kind == "Pod" and meta["uid"] not in ours) or self._of_others(one):
                continue
            one.pop("status", None)
            for key in COUNTED:
                meta.pop(key, None)
            for key in REVISIONS:
                meta.get("annotations", {}).pop(key, None)
            found[kind, space, meta["name"]] = json.dumps(one, sort_keys=True).encode()
        return found

    def _of_others(self, one: Json) -> bool:
        meta = one["metadata"]
        spaces = {self.namespace, "", "default", "kube-system", "kube-public", "kube-node-lease"}
        if meta.get("labels", {}).get("irkit.test/namespace", self.namespace) != self.namespace:
            return True
        return meta.get("namespace", "") not in spaces or (one["kind"] == "Namespace" and meta["name"] not in spaces)


def furnish(cluster: Cluster, namespace: str) -> None:
    """The shop's objects, without waiting for its pods."""
    us = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}
    other = {"kind": "ServiceAccount", "name": "default", "namespace": namespace}
    meta: Json = {"name": f"{namespace}-web", "labels": {"irkit.test/namespace": namespace}}
    owner = {"kubernetes.io/service-account.name": ACCOUNT}
    front = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": PORT}]}
    nodes = [one["metadata"]["name"] for one in cluster.list_of("Node")]
    bind = {"apiVersion": f"{RBAC}/v1", "roleRef": VIEW}
    own = {"apiGroup": RBAC, "kind": "Role", "name": "own"}
    cluster.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}},
        {**bind, "kind": "RoleBinding", "metadata": {"name": "web"}, "subjects": [us]},
        {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": "own"}, "rules": [OWN_RULE]},
        {**bind, "kind": "RoleBinding", "metadata": {"name": "own"}, "roleRef": own, "subjects": [us]},
        {**bind, "kind": "ClusterRoleBinding", "metadata": meta, "subjects": [other, us]},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canary"}, "stringData": {"value": CANARY}},
        {
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {"name": TOKEN, "annotations": owner},
        },
        deployment("web", 2, serviceAccountName=ACCOUNT, containers=[container(image=BUSYBOX_2)]),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": front},
        *(pod(f"client-{one}", {"app": "client"}, nodeName=one) for one in nodes),
        namespace=namespace,
    )  # fmt: skip


def beside(shop: Shop) -> None:
    """A Deployment's pod on the suspect node's own network: no policy governs it, so no label makes it evidence."""
    there = {"kubernetes.io/hostname": shop.node}
    made = deployment("beside", 1, command=["sleep", "1000000"], hostNetwork=True, nodeSelector=there)
    shop.cluster.apply(made, namespace=shop.namespace)
    shop.cluster.ready(shop.namespace, 1, app="beside")


@contextmanager
def open_shop(cluster: Cluster, folder: Path) -> Iterator[Shop]:
    """A shop whose pods serve; it is taken away with whatever a test left behind."""
    cluster.until("earlier tests' pods to end", lambda: not _ending(cluster), 60)
    with cluster.namespace("shop") as name:
        try:
            furnish(cluster, name)
            web, clients = cluster.ready(name, 2, app="web"), cluster.ready(name, 2, app="client")
            cluster.settle()
            (folder / "irkit.yaml").write_text(f"inputs: {{tools_image: '{TOOLS}'}}\n")
            yield Shop(cluster, name, Desk(cluster, folder), web, clients)
        finally:
            tidy(cluster)


def _ending(cluster: Cluster) -> list[Json]:
    """Pods of namespaces that are being deleted: they run the same images, on the same nodes."""
    gone = {one["metadata"]["name"] for one in cluster.list_of("Namespace") if one["status"]["phase"] == "Terminating"}
    return [one for one in cluster.list_of("Pod") if one["metadata"]["namespace"] in gone]


def tidy(cluster: Cluster) -> None:
    """Take away what irkit left in the whole cluster, or the next test's pods could not start or end.

    What holds the pods of one namespace goes with that: it may be another test's, which runs now.
    """
    for kind in ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"):
        for one in cluster.list_of(kind):
            if one["metadata"]["name"].startswith("irkit-") and not {"paramRef", "paramKind"} & one["spec"].keys():
                cluster.delete(kind, one["metadata"]["name"], wait=False)
    for node in cluster.list_of("Node"):
        labels = {key: None for key in node["metadata"].get("labels", {}) if "irkit.dev" in key}
        notes = {key: None for key in node["metadata"].get("annotations", {}) if _irkits(key)}
        if labels or notes or node["spec"].get("unschedulable"):
            change = {"metadata": {"labels": labels, "annotations": notes}, "spec": {"unschedulable": None}}
            cluster.patch("Node", node["metadata"]["name"], change)


def _irkits(key: str) -> bool:
    return "irkit.dev" in key or key.startswith(("karpenter.sh/", "cluster-autoscaler.kubernetes.io/"))


def printed(desk: Desk, book: str, subject: str, *words: str) -> str:
    """What `irkit permissions` prints for `kubectl apply -f -`."""
    done = desk.irkit("permissions", book, "--format", "rbac", "--subject", subject, *words)
    assert 0 == done.returncode, done.stderr
    return done.stdout


@contextmanager
def held(shop: Shop, book: str, name: str = "responder", *words: str) -> Iterator[Actor]:
    """A responder who holds the RBAC of one playbook, as printed and applied by kubectl, and types from now on."""
    cluster, desk = shop.cluster, shop.desk
    text = printed(desk, book, f"serviceaccount:{shop.namespace}/{name}", *words)
    objects = [one for one in yaml.safe_load_all(text) if one]
    actor = cluster.actor(shop.namespace, name, desk.folder)
    cluster.kubectl("apply", "-f", "-", stdin=text)
    desk.actor = actor
    try:
        cluster.until("the rights to hold", lambda: _heard(cluster, actor, objects))
        yield actor
    finally:
        desk.actor = None
        cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=text)


def _heard(cluster: Cluster, actor: Actor, objects: list[Json]) -> bool:
    """Whether the API server's authorizer has heard of the role."""
    rule = next(one for one in objects if "rules" in one)["rules"][0]
    resource, _, sub = rule["resources"][0].partition("/")
    name = rule.get("resourceNames", [""])[0]
    return cluster.allows(
        actor.username, group=rule["apiGroups"][0], resource=resource, subresource=sub, verb=rule["verbs"][0], name=name
    )


def case_of(done: Done) -> str:
    found = CASE.search(done.stdout)
    assert found, done.stdout + done.stderr
    return found[0]


def refused(cluster: Cluster, namespace: str, image: str) -> str:
    """Why the API would not take a new pod with this image, or ""; nothing is made."""
    document = pod("new", containers=[container(image=image)])
    try:
        cluster.api.call("POST", f"{path_of('Pod', namespace)}?dryRun=All", document)
    except ApiError as error:
        return str(error)
    return ""
