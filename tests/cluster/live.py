"""`Cluster`: what tests hold of a running cluster, the harness's own or the user's (IRKIT_TEST_CONTEXT)."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import yaml

from tests.cluster import control, pods
from tests.cluster.api import AGENT, KINDS, MEDIA, Api, ApiError, Json, path_of
from tests.cluster.cluster import enforcement, restart
from tests.cluster.layout import USERS, Layout, Settings
from tests.cluster.node import agent_status
from tests.cluster.processes import Processes, until
from tests.cluster.turns import TURNS

MANAGER = "irkit-cluster-tests"
RETRANSMIT = 2.0  # seconds: a lost first segment is sent again after one
NOT_OURS = "only the harness's own cluster has this"
NOT_DUMPED = {"Event", "Lease"}  # they change by themselves, all the time


class NoCluster(Exception):
    """There is none to test with; the message says how to have one."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A ServiceAccount with a token of its own and a kubeconfig that holds nothing else."""

    namespace: str
    name: str
    token: str
    kubeconfig: Path
    context: str

    @property
    def username(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"


@dataclass
class Cluster:
    """A running cluster, as its admin. `layout` is None for one that is not the harness's own."""

    kubeconfig: Path
    context: str
    layout: Layout | None = None
    _apis: dict[str, Api] = field(default_factory=dict)

    @classmethod
    def find(cls) -> Cluster:
        """The one of IRKIT_TEST_CONTEXT (in $KUBECONFIG), otherwise the harness's.

        Raises:
            NoCluster: neither is there.
        """
        if chosen := os.environ.get("IRKIT_TEST_CONTEXT"):
            file = os.environ.get("KUBECONFIG", "").split(":")[0] or Path.home() / ".kube" / "config"
            return cls(Path(file), chosen)
        layout = Layout()
        if Settings.load(layout.settings) is None:
            msg = "no cluster runs: `make cluster-up`, or name a context of your own in IRKIT_TEST_CONTEXT"
            raise NoCluster(msg)
        return cls(layout.kubeconfig, "irkit", layout)

    # -- who asks ----------------------------------------------------------------------------------------------------

    @property
    def contexts(self) -> dict[str, str]:
        """The kubeconfig's context of each user: admin, and with the harness responder, attacker, workload."""
        mine = {"admin": self.context}
        return mine if self.layout is None else mine | {user: f"irkit-{user}" for user in USERS if user != "admin"}

    @property
    def api(self) -> Api:
        return self.api_as("admin")

    def api_as(self, user: str) -> Api:
        """A client of one of `contexts`. It is closed with the cluster."""
        if user not in self._apis:
            self._apis[user] = Api.connect(self.kubeconfig, self.contexts[user])
        return self._apis[user]

    @property
    def host(self) -> str:
        """The API server's name or address."""
        return str(urlsplit(self.api.server).hostname)

    def close(self) -> None:
        for api in self._apis.values():
            api.close()
        self._apis.clear()

    def actor(
        self, namespace: str, name: str, folder: Path, *, rules: Sequence[Json] = (), cluster_rules: Sequence[Json] = ()
    ) -> Actor:
        """A new ServiceAccount with these rights, a token of ten minutes, and its kubeconfig in a folder.

        `rules` are those of a Role in the namespace, `cluster_rules` of a ClusterRole that is named and bound as
        NAMESPACE-NAME, and goes with the namespace.
        """
        subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        self.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}, namespace=namespace)
        for kind, own, given in (("Role", name, rules), ("ClusterRole", f"{namespace}-{name}", cluster_rules)):
            head = {
                "apiVersion": KINDS[kind][0],
                "metadata": {"name": own, "labels": {"irkit.test/namespace": namespace}},
            }
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": own}
            role = head | {"kind": kind, "rules": list(given)}
            self.apply(
                role,
                head | {"kind": f"{kind}Binding", "roleRef": reference, "subjects": [subject]},
                namespace=namespace,
            )
        token = self.mint(namespace, name)
        document = yaml.safe_load(self.kubeconfig.read_text())
        chosen = next(one["context"]["cluster"] for one in document["contexts"] if one["name"] == self.context)
        document["clusters"] = [one for one in document["clusters"] if one["name"] == chosen]
        document["users"] = [{"name": name, "user": {"token": token}}]
        document["contexts"] = [{"name": name, "context": {"cluster": chosen, "user": name}}]
        file = folder / f"{namespace}-{name}.kubeconfig"
        file.write_text(yaml.safe_dump(document | {"current-context": name}))
        file.chmod(0o600)
        return Actor(namespace, name, token, file, name)

    def mint(
        self,
        namespace: str,
        account: str,
        *,
        seconds: int = 7200,  # longer than any run of the suite
        audiences: Sequence[str] = (),
        bound_to: Json | None = None,
    ) -> str:
        """A token of a ServiceAccount; `bound_to` is the reference of the pod or Secret that it ends with."""
        spec: Json = {"expirationSeconds": seconds, "audiences": list(audiences)}
        if bound_to is not None:
            spec["boundObjectRef"] = bound_to
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"{path_of('ServiceAccount', namespace, account)}/token"
        return str(self.api.call("POST", path, body)["status"]["token"])

    # -- objects -----------------------------------------------------------------------------------------------------

    def apply(self, *documents: Json, namespace: str | None = None) -> list[Json]:
        """Server-side apply of each, in this order; a namespaced one without a namespace goes to `namespace`."""
        return [self._apply(document, namespace) for document in documents]

    def _apply(self, document: Json, namespace: str | None) -> Json:
        metadata = document["metadata"]
        path = path_of(
            document["kind"], metadata.get("namespace", namespace), metadata["name"], version=document["apiVersion"]
        )
        return self.api.call("PATCH", f"{path}?fieldManager={MANAGER}&force=true", document, media=MEDIA["apply"])

    def get(self, kind: str, name: str, namespace: str | None = None) -> Json:
        """One object.

        Raises:
            ApiError: with status 404 if there is none.
        """
        return self.api.call("GET", path_of(kind, namespace, name))

    def list_of(self, kind: str, namespace: str | None = None, **labels: str) -> list[Json]:
        """All of a kind, of one namespace or of all; `labels` by equality, `__` standing for a hyphen. By name."""
        selector = ",".join(f"{key.replace('__', '-')}={value}" for key, value in labels.items())
        found = self.api.call("GET", f"{path_of(kind, namespace)}?labelSelector={selector}")
        head = {"apiVersion": KINDS[kind][0], "kind": kind}
        return sorted((head | one for one in found["items"]), key=_key)

    def patch(
        self,
        kind: str,
        name: str,
        change: object,
        namespace: str | None = None,
        *,
        form: str = "merge",
        subresource: str = "",
    ) -> Json:
        """Change one object: `form` is merge, json or apply."""
        path = path_of(kind, namespace, name) + (f"/{subresource}" if subresource else "")
        return self.api.call("PATCH", path, change, media=MEDIA[form])

    def delete(self, kind: str, name: str, namespace: str | None = None, *, wait: bool = True) -> None:
        """Delete it without grace, and wait until it is gone; one that is not there is no error.

        Its controller may have made another one of that name by then.
        """
        path = path_of(kind, namespace, name)
        try:
            ended = self.api.call("DELETE", path, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
        except ApiError as error:
            if error.status != 404:
                raise
            return
        uid = (ended.get("details") or ended["metadata"])["uid"]  # a Status, or the object as it ends

        def gone() -> bool:
            try:
                return bool(self.get(kind, name, namespace)["metadata"]["uid"] != uid)
            except ApiError as error:
                return error.status == 404

        if wait:
            until(f"end of {kind} {name}", 30, gone)

    def dump(self) -> list[Json]:
        """Every object of the kinds that irkit can touch, in a fixed order."""
        return [one for kind in KINDS if kind not in NOT_DUMPED for one in self.list_of(kind)]

    @contextmanager
    def namespace(self, prefix: str = "t") -> Iterator[str]:
        """A namespace of its own, with its default ServiceAccount; it and what `actor` made for it go afterwards."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        head = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {"irkit.test/for": "tests"}},
        }
        self.apply(head)
        try:
            self.until("the default service account", lambda: self.exists("ServiceAccount", "default", name))
            yield name
        finally:
            self._let_go(name)
            self.delete("Namespace", name, wait=False)
            for kind in ("ClusterRoleBinding", "ClusterRole"):
                selector = f"?labelSelector=irkit.test/namespace={name}"
                self.api.call("DELETE", path_of(kind) + selector)

    def _let_go(self, namespace: str) -> None:
        """Take away what denies the deletion of the namespace's pods: nothing else would end it."""
        for one in self.list_of("ValidatingAdmissionPolicyBinding"):
            if one["spec"].get("paramRef", {}).get("namespace") == namespace:
                self.delete("ValidatingAdmissionPolicyBinding", one["metadata"]["name"])
                self.delete("ValidatingAdmissionPolicy", one["spec"]["policyName"])

    def allows(self, user: str, **attributes: str) -> bool:
        """Whether the authorizer lets a user do this: attributes as in a SubjectAccessReview."""
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": attributes},
        }
        answer = self.api.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
        return bool(answer["status"]["allowed"])

    def exists(self, kind: str, name: str, namespace: str | None = None) -> bool:
        return self.api.raw("GET", path_of(kind, namespace, name))[0] == 200

    def kubectl(self, *words: str, stdin: str = "", status: int = 0) -> str:
        """Kubernetes's own client, as the admin: what it says. The same release as the API server.

        Raises:
            AssertionError: it ended with another status; the message is what it said.
            NoCluster: this is a cluster of the user's.
        """
        command = [str(self.own.bin / "kubectl"), f"--kubeconfig={self.kubeconfig}", f"--context={self.context}"]
        done = subprocess.run([*command, *words], input=stdin, capture_output=True, text=True, timeout=60, check=False)
        assert status == done.returncode, done.stdout + done.stderr
        return done.stdout + done.stderr

    # -- time --------------------------------------------------------------------------------------------------------

    def until(self, what: str, done: Callable[[], object], seconds: float = 30) -> None:
        """Wait until it is true; IRKIT_TEST_PATIENCE makes it longer.

        Raises:
            Failed: it did not become true.
        """
        until(what, seconds, done)

    def ready(self, namespace: str, count: int, **labels: str) -> list[Json]:
        """Wait for so many Ready pods that are not about to end, nor in the way of a rollout, and give them by name."""
        found: list[Json] = []

        def enough() -> bool:
            rolling = any(is_rolling(one, labels) for one in self.list_of("Deployment", namespace))
            found[:] = [one for one in self.list_of("Pod", namespace, **labels) if is_ready(one)]
            return len(found) == count and not rolling

        self.until(f"{count} Ready pods in {namespace} with {labels}", enough, 60)
        return found

    # -- what only the harness has -----------------------------------------------------------------------------------

    @property
    def own(self) -> Layout:
        """The harness's folders.

        Raises:
            NoCluster: this is a cluster of the user's.
        """
        if self.layout is None:
            raise NoCluster(NOT_OURS)
        return self.layout

    @property
    def settings(self) -> Settings:
        """How it was started."""
        found = Settings.load(self.own.settings)
        assert found is not None
        return found

    def mark(self) -> int:
        """A moment in the audit log."""
        self._fence()
        return self.own.audit.stat().st_size

    def audit(self, since: int = 0, *, ours: bool = False) -> list[Json]:
        """The audit log's entries after a mark, oldest first; with `ours` also those of this very client."""
        self._fence()
        with self.own.audit.open("rb") as log:
            log.seek(since)
            entries = [json.loads(line) for line in log if line.endswith(b"\n")]
        return [entry for entry in entries if ours or entry.get("userAgent") != AGENT]

    def _fence(self) -> None:
        """A line may follow its answer by a moment: ask something, and wait for that line."""
        before = self.own.audit.stat().st_size
        fence = f"/version?fence={secrets.token_hex(8)}"
        self.api.call("GET", fence)

        def written() -> bool:
            with self.own.audit.open("rb") as log:
                log.seek(before)
                return fence.encode() in log.read()

        until("the audit log", 10, written)

    def pod_netns(self, pod: Json) -> Path:
        """The network namespace of a running pod, as a path for `nsenter --net`."""
        if self.layout is None:
            raise NoCluster(NOT_OURS)
        return pods.netns_of(str(pod["metadata"]["uid"]))

    def connect_from(self, pod: Json, address: str, port: int = pods.PORT, timeout: float = RETRANSMIT) -> str:
        """How a new TCP connection from inside a pod ends: open, refused, timeout, unreachable."""
        return self.connect_all_from(pod, [(address, port)], timeout)[0]

    def connect_all_from(self, pod: Json, ends: Sequence[tuple[str, int]], timeout: float = RETRANSMIT) -> list[str]:
        """The same for many at once, in their order."""
        return pods.connect(self.pod_netns(pod), ends, timeout)

    def settle(self) -> None:
        """Wait until the policy agents' rules are made from every pod, namespace and policy that is there now."""
        for one in self.own.nodes(self.settings):
            self.until(f"the policies on {one.name}", partial(self._is_applied, agent_status(one)), 10)

    def _is_applied(self, file: Path) -> bool:
        """Whether an agent's report names what is there now, in these versions or later ones."""
        there = {_path(one): one for kind in ("Namespace", "Pod", "NetworkPolicy") for one in self.list_of(kind)}
        wanted = {path: one for path, one in there.items() if one["kind"] != "Pod" or pods.on_pod_network(one)}
        if not file.exists():
            return False
        applied = {path: int(version) for path, version in json.loads(file.read_text()).items()}
        policies = {path for path in applied if path.startswith("NetworkPolicy/")}
        return policies <= there.keys() and all(
            applied.get(path, 0) >= int(one["metadata"]["resourceVersion"]) for path, one in wanted.items()
        )

    def hold(self, client: Json, server: Json, port: int = pods.ECHO) -> pods.Flow:
        """A connection that lasts, between two pods; a context manager, whose `state()` tries it."""
        return pods.Flow(self._end(client), self._end(server), port)

    def _end(self, pod: Json) -> pods.End:
        return pods.End(self.pod_netns(pod), str(pod["status"]["podIP"]))

    @contextmanager
    def enforcement(
        self,
        established: Literal["keep", "cut"] = "keep",
        refuse: Literal["reject", "drop"] = "reject",
        *,
        agent: bool = True,
    ) -> Iterator[None]:
        """Other policy agents for a while, alone on the cluster; `agent=False` stores policies and enforces none."""
        with (
            TURNS.alone(),
            enforcement(self.own, self.settings.but(established=established, refuse=refuse, agent=agent)),
        ):
            yield

    @contextmanager
    def cordoned(self, node: str) -> Iterator[None]:
        """With one node that takes no new pods, alone on the cluster."""
        with TURNS.alone():
            self.patch("Node", node, {"spec": {"unschedulable": True}})
            try:
                yield
            finally:
                self.patch("Node", node, {"spec": {"unschedulable": None}})

    def expire_pages(self) -> None:
        """Have etcd forget what was before now, so that a list that is being paged through cannot be gone on with."""
        if self.layout is None:
            raise NoCluster(NOT_OURS)
        roles = f"{path_of('ClusterRole')}?limit=1"
        page = self.api.call("GET", roles)["metadata"]["continue"]
        control.compact_etcd()
        # The API server's own snapshots go a moment later than what they were made from.
        self.until("410 Gone", lambda: self.api.raw("GET", f"{roles}&continue={quote(page)}")[0] == 410)

    def stop_api_server(self) -> None:
        """Kill it, as a crash would: connections end, further ones are refused."""
        Processes(self.own).kill("kube-apiserver")

    def start_api_server(self) -> None:
        """Start it and wait until it answers; nothing if it runs. Its clients are started again too.

        The cluster's own clients find it before it has read who may do what, are refused, and then wait for up to
        half a minute: no test gains by that.
        """
        restart(self.own, self.api)

    @contextmanager
    def api_server_down(self) -> Iterator[None]:
        """Without an API server for a while, alone on the cluster."""
        with TURNS.alone():
            self.stop_api_server()
            try:
                yield
            finally:
                self.start_api_server()


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod serves and is not about to end."""
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def is_rolling(deployment: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether it has pods with these labels of an older template, or may have: its controller has not looked yet."""
    meta, status = deployment["metadata"], deployment["status"]
    if not labels.items() <= deployment["spec"]["template"]["metadata"]["labels"].items():
        return False
    seen = status.get("observedGeneration", 0) >= meta["generation"]
    return not seen or status.get("updatedReplicas", 0) != status.get("replicas", 0)


def _path(document: Mapping[str, Any]) -> str:
    """As the agents' reports name it."""
    namespace, name = _key(document)
    return f"{document['kind']}/{namespace}/{name}"


def _key(document: Mapping[str, Any]) -> tuple[str, str]:
    return document["metadata"].get("namespace", ""), document["metadata"]["name"]
