"""What runs on a node: containerd, kubelet, kube-proxy, and the agent that enforces NetworkPolicies."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.cluster.api import Api, ApiError, path_of
from tests.cluster.images import ARCHIVES, PAUSE
from tests.cluster.layout import BRIDGE, CLUSTER_CIDR, Layout, Node, Settings
from tests.cluster.network import run
from tests.cluster.processes import Processes, until

CNI_PLUGINS = "/usr/lib/cni"


def start_containerd(layout: Layout, processes: Processes, node: Node) -> None:
    """Start the runtime and wait until it has the test images."""
    node.folder.mkdir(parents=True, exist_ok=True)
    networks = node.folder / "cni"
    networks.mkdir(exist_ok=True)
    (networks / "10-irkit.conflist").write_text(json.dumps(_network(layout, node)))
    configuration = node.folder / "containerd.toml"
    configuration.write_text(_containerd(node, networks))
    name = f"containerd-{node.number}"
    fresh = processes.start(name, [*node.inside, str(layout.bin / "containerd"), "--config", str(configuration)])
    if not fresh:
        return
    until(f"containerd of {node.name}", 30, lambda: _ctr(layout, node, "version"), logs=layout.logs / f"{name}.log")
    for archive, names in ARCHIVES.items():
        run([*ctr(layout, node), "images", "import", str(layout.cache / f"{archive}.tar")])
        digest = _digest(layout, node, names[0])
        for name in names:  # as after a pull: pods then report NAME@DIGEST, and may be made from it
            run([*ctr(layout, node), "images", "tag", "--force", name, f"{name.partition(':')[0]}@{digest}"])


def _digest(layout: Layout, node: Node, image: str) -> str:
    listed = run([*ctr(layout, node), "images", "list", f"name=={image}"])
    return next(word for word in listed.split() if word.startswith("sha256:"))


def ctr(layout: Layout, node: Node) -> list[str]:
    """The command that speaks to this node's containerd about Kubernetes's containers."""
    return [str(layout.bin / "ctr"), "--address", str(node.socket), "--namespace", "k8s.io"]


def _ctr(layout: Layout, node: Node, *words: str) -> bool:
    command = [*ctr(layout, node), *words]
    return node.socket.exists() and subprocess.run(command, capture_output=True, check=False).returncode == 0


def start_kubelet(layout: Layout, processes: Processes, node: Node) -> bool:
    """Start kubelet and kube-proxy; whether the kubelet is a new one."""
    _make_cgroup(node)
    configuration = node.folder / "kubelet.json"
    configuration.write_text(json.dumps(_kubelet(layout, node), indent=1))
    folder = node.folder / "kubelet"
    options = {
        "config": configuration,
        "kubeconfig": layout.component(node.name),
        "hostname-override": node.name,
        "node-ip": node.address,
        "root-dir": folder,
        "cert-dir": folder / "pki",
    }
    fresh = processes.start(f"kubelet-{node.number}", _inside(layout, node, "kubelet", options))
    proxy = {
        "kubeconfig": layout.component("kube-proxy"),
        "hostname-override": node.name,
        "proxy-mode": "iptables",
        "cluster-cidr": CLUSTER_CIDR,
        "oom-score-adj": 0,
        "metrics-bind-address": "127.0.0.1:10249",
        "healthz-bind-address": "127.0.0.1:10256",
        # 0 leaves the machine's own settings
        "conntrack-max-per-core": 0,
        "conntrack-tcp-timeout-established": "0s",
        "conntrack-tcp-timeout-close-wait": "0s",
    }
    processes.start(f"kube-proxy-{node.number}", _inside(layout, node, "kube-proxy", proxy))
    return fresh


def start_agent(layout: Layout, processes: Processes, node: Node, settings: Settings) -> None:
    """Start what enforces NetworkPolicies on this node. The API server only stores them."""
    command = [*node.inside, str(layout.bin / "netpol"), "--kubeconfig", layout.component("netpol")]
    command += ["--node", node.name, "--established", settings.established, "--refuse", settings.refuse]
    command += ["--status", str(agent_status(node))]
    processes.start(f"netpol-{node.number}", command)


def agent_status(node: Node) -> Path:
    """Where the agent says which version of each object its rules are made from."""
    return node.folder / "netpol.json"


def stop_agent(layout: Layout, processes: Processes, node: Node, *, open_up: bool) -> None:
    """Stop it. Its rules stay for the next one to take over, unless what they forbid is to be let through again."""
    processes.stop(f"netpol-{node.number}")
    agent_status(node).unlink(missing_ok=True)
    if open_up:
        run([*node.inside, str(layout.bin / "netpol"), "--cleanup"])


def lease(api: Api, node: Node) -> str | None:
    """When the node's kubelet last said that it lives; None before it ever did."""
    try:
        found = api.call("GET", path_of("Lease", "kube-node-lease", node.name))
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    return str(found["spec"]["renewTime"])


def is_ready(api: Api, node: Node) -> bool:
    """Whether the API says so; after a stop it goes on saying so until the kubelet's lease is old."""
    status = api.call("GET", path_of("Node", name=node.name)).get("status", {})
    ready = {one["type"]: one["status"] for one in status.get("conditions", [])}
    return ready.get("Ready") == "True"


def _inside(layout: Layout, node: Node, program: str, options: dict[str, object]) -> list[str]:
    return [*node.inside, layout.hyper, program, *(f"--{name}={value}" for name, value in options.items())]


def _make_cgroup(node: Node) -> None:
    """The kubelet wants its root to exist, in each hierarchy of version 1."""
    root = Path("/sys/fs/cgroup")
    hierarchies = (
        [root] if (root / "cgroup.controllers").exists() else [path for path in root.iterdir() if path.is_dir()]
    )
    for hierarchy in hierarchies:
        if not hierarchy.is_symlink():
            (hierarchy / node.cgroup).mkdir(exist_ok=True)


def _network(layout: Layout, node: Node) -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "dataDir": str(node.folder / "addresses"),
        "ranges": [[{"subnet": node.pod_cidr}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": False, "hairpinMode": True}
    return {"cniVersion": "0.4.0", "name": "irkit", "plugins": [bridge | {"ipam": addresses}]}


def _containerd(node: Node, networks: Path) -> str:
    # restrict_oom_score_adj: root without CAP_SYS_RESOURCE may not lower a score, and every sandbox would fail.
    # nri: it would listen at one path for all containerds of the machine.
    # netns_mounts_under_state_dir: pods' network namespaces are found under our own folder, and end with it.
    return f"""\
version = 3
root = "{node.folder}/containerd"
state = "{node.folder}/run"
[grpc]
  address = "{node.socket}"
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{PAUSE}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{CNI_PLUGINS}"]
    conf_dir = "{networks}"
"""


def _kubelet(layout: Layout, node: Node) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.address,
        "healthzBindAddress": "127.0.0.1",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(layout.pki / f"{node.name}.crt"),
        "tlsPrivateKeyFile": str(layout.pki / f"{node.name}.key"),
        "containerRuntimeEndpoint": f"unix://{node.socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],  # no limits on all pods together
        "oomScoreAdj": 0,  # the default needs CAP_SYS_RESOURCE
        "maxPods": 200,
        "podLogsDir": str(node.folder / "pod-logs"),
        "volumePluginDir": str(node.folder / "kubelet" / "volume-plugins"),
        "resolvConf": "",
        "clusterDNS": [node.gateway],  # nothing answers there; without one, each pod gets a warning event
        "nodeStatusUpdateFrequency": "2s",
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
    }
