"""The control plane: etcd, API server, controller manager, scheduler; and what the cluster holds from the start."""

from __future__ import annotations

import base64
import datetime as dt
import json
import time
from collections.abc import Sequence

import urllib3

from tests.cluster.api import Api, ApiError, Json, path_of
from tests.cluster.layout import API_ADDRESS, API_PORT, CLUSTER_CIDR, ETCD_PORT, SERVICE_CIDR, Layout, Node
from tests.cluster.processes import Processes, until

ETCD = f"http://127.0.0.1:{ETCD_PORT}"
ISSUER = "https://kubernetes.default.svc"
FAKE = "irkit.test/fake"
AUDIT_POLICY = {  # one line a request; bodies are left out, and what would only say that a request began
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        # Tests look at what was answered: metadata, or the Secrets themselves. No cluster in use should log this.
        {"level": "RequestResponse", "resources": [{"group": "", "resources": ["secrets"]}]},
        {"level": "Metadata"},
    ],
}


def compact_etcd() -> None:
    """Have etcd forget every revision before now, and the API server know it.

    It hears by a key of its own and looks every 15 s (k8s.io/apiserver, storage/etcd3/compact.go and
    storage/cacher/compactor.go); until then it goes on answering from snapshots of its cache.
    """
    now = int(_etcd("kv/range", {"key": _encoded("compact_rev_key")})["header"]["revision"])
    next_one = str(now + 1)  # what is being put, so that what is now is too old afterwards
    _etcd("kv/put", {"key": _encoded("compact_rev_key"), "value": _encoded(next_one)})
    _etcd("kv/compaction", {"revision": next_one, "physical": True})


def _etcd(call: str, body: Json) -> Json:
    """A call of etcd's JSON gateway (etcd documentation, "gRPC gateway")."""
    answer = urllib3.request("POST", f"{ETCD}/v3/{call}", json=body, timeout=5.0)
    found: Json = answer.json()
    return found


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def start_etcd(layout: Layout, processes: Processes) -> None:
    command = [layout.hyper, "etcd", "--data-dir", str(layout.state / "etcd"), "--log-level", "warn"]
    command += ["--listen-client-urls", ETCD, "--advertise-client-urls", ETCD]
    command += ["--listen-peer-urls", f"http://127.0.0.1:{ETCD_PORT + 1}", "--unsafe-no-fsync"]
    processes.start("etcd", command)


def start_api_server(layout: Layout, processes: Processes) -> bool:
    """Start it; it answers some seconds later (`wait_for_api`). Whether it is a new one."""
    pki = layout.pki
    policy = layout.state / "audit-policy.json"
    policy.write_text(json.dumps(AUDIT_POLICY))
    options = {
        "etcd-servers": ETCD,
        "bind-address": API_ADDRESS,
        "advertise-address": API_ADDRESS,
        "secure-port": API_PORT,
        "service-cluster-ip-range": SERVICE_CIDR,
        "allow-privileged": "true",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "client-ca-file": pki / "ca.crt",
        "token-auth-file": pki / "tokens.csv",
        "tls-cert-file": pki / "apiserver.crt",
        "tls-private-key-file": pki / "apiserver.key",
        "kubelet-client-certificate": pki / "apiserver-kubelet.crt",
        "kubelet-client-key": pki / "apiserver-kubelet.key",
        "kubelet-certificate-authority": pki / "ca.crt",
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": ISSUER,
        "api-audiences": ISSUER,
        "service-account-key-file": pki / "sa.pub",
        "service-account-signing-key-file": pki / "sa.key",
        "audit-policy-file": policy,
        "audit-log-path": layout.audit,
        "audit-log-maxsize": 10_000,  # MB: one file, so that an offset into it stays true
        "audit-log-mode": "blocking",  # a line is in the file when the client has its answer
    }
    return processes.start("kube-apiserver", _command(layout, "kube-apiserver", options))


def start_controllers(layout: Layout, processes: Processes) -> None:
    """Controller manager and scheduler. The nodes' address ranges are given by us, to match each node's network."""
    own = {"bind-address": "127.0.0.1", "leader-elect": "false"}
    options = {
        "kubeconfig": layout.component("kube-controller-manager"),
        "use-service-account-credentials": "true",
        "service-account-private-key-file": layout.pki / "sa.key",
        "root-ca-file": layout.pki / "ca.crt",
        "cluster-cidr": CLUSTER_CIDR,
        "service-cluster-ip-range": SERVICE_CIDR,
        "node-monitor-grace-period": "20s",  # until a node that says nothing is given up: tests wait for that
    }
    name = "kube-controller-manager"
    processes.start(name, _command(layout, name, options | own))
    options = {"kubeconfig": layout.component("kube-scheduler")}
    processes.start("kube-scheduler", _command(layout, "kube-scheduler", options | own))


def answers(api: Api) -> bool:
    """Whether the API server is ready to serve."""
    try:
        return api.raw("GET", "/readyz")[0] == 200
    except urllib3.exceptions.HTTPError:
        return False


def wait_for_api(layout: Layout, api: Api) -> None:
    until("the API server answers", 60, lambda: answers(api), logs=layout.logs / "kube-apiserver.log")


def furnish(api: Api, nodes: Sequence[Node], fake_nodes: int) -> None:
    """Node objects with their pod ranges, and what the policy agents may read."""
    for node in nodes:
        metadata = {"name": node.name, "labels": {"kubernetes.io/hostname": node.name}}
        document = {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
        _ensure(api, document | {"spec": {"podCIDR": node.pod_cidr, "podCIDRs": [node.pod_cidr]}})
    reads = [("", ["pods", "namespaces"]), ("networking.k8s.io", ["networkpolicies"])]
    rules = [{"apiGroups": [group], "resources": what, "verbs": ["get", "list", "watch"]} for group, what in reads]
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "irkit-netpol"}}
    _ensure(api, rbac | {"kind": "ClusterRole", "rules": rules})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "irkit-netpol"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "irkit:netpol"}
    _ensure(api, rbac | {"kind": "ClusterRoleBinding", "roleRef": role, "subjects": [subject]})
    for number in range(1, fake_nodes + 1):
        _fake_node(api, f"fake-{number}")


def _fake_node(api: Api, name: str) -> None:
    """A Node object without a kubelet, for scale.

    Its taint keeps the scheduler away: bind pods to it by `spec.nodeName`; they stay Pending. It turns NotReady
    within a minute.
    """
    metadata = {"name": name, "labels": {"kubernetes.io/hostname": name, FAKE: "true"}}
    spec = {"taints": [{"key": FAKE, "effect": "NoSchedule"}]}
    _ensure(api, {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec})
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {"type": "Ready", "status": "True", "reason": "Fake", "message": "there is no kubelet"}
    ready |= {"lastHeartbeatTime": now, "lastTransitionTime": now}
    room = {"cpu": "8", "memory": "16Gi", "pods": "1000"}
    status = {"status": {"capacity": room, "allocatable": room, "conditions": [ready]}}
    api.call("PATCH", path_of("Node", name=name) + "/status", status, media="application/merge-patch+json")


def _ensure(api: Api, document: Json) -> None:
    """Create it if it is not there. Right after a start some kinds' admission is not ready yet."""
    for patience in range(50):
        try:
            api.call("POST", path_of(document["kind"]), document)
        except ApiError as error:
            if error.status == 409:
                return
            if error.status not in {403, 500, 503} or patience == 49:
                raise
            time.sleep(0.1)
        else:
            return


def _command(layout: Layout, program: str, options: dict[str, object]) -> list[str]:
    return [layout.hyper, program, *(f"--{name}={value}" for name, value in options.items())]
