"""Which engine a cluster runs, by its DaemonSets and settings.

Whether VPC CNI's controller is on stands in a ConfigMap, which is read only where it is asked for: a responder's role
need not read ConfigMaps.

Sources: EKS user guide, "Limit Pod traffic with Kubernetes network policies" (the agent's argument and the
amazon-vpc-cni ConfigMap; both are needed, EC2 Linux only); Cilium's reference of `enable-policy`; names of DaemonSets
as the projects' own manifests have them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from irkit.actions.kube.objects import NAME_LIMIT, access, name_of
from irkit.actions.kube.pods import IpFamily
from irkit.errors import BadResponse, Denied, Invalid, Malformed, NotFound, ServerFault, Unsupported
from irkit.model.doc import Doc
from irkit.model.kube import CLUSTER_NETWORK_POLICIES, CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS, DAEMON_SETS, EXTENSIONS
from irkit.model.ports import KubeReader

EngineName = Literal["vpc-cni", "calico", "cilium", "kube-router", "other", "none", "unknown"]
Enforces = Literal["yes", "no", "unknown"]
"""Whether it is set to: `yes` has been refuted by agents that ran and enforced nothing (see the probe)."""

NOT_SEEN = (Denied, Unsupported, NotFound, ServerFault, BadResponse, Invalid, Malformed)
"""What an optional look may end with: containment goes on without it."""
DETECT_READS = (*access(DAEMON_SETS, "list"), *access(CLUSTER_NETWORK_POLICIES, "get"))
SETTINGS_READS = access(CONFIG_MAPS, "get")
_SYSTEM = "kube-system"
_AGENTS = frozenset({"aws-eks-nodeagent", "aws-network-policy-agent"})
_BY_NAME: dict[str, EngineName] = {
    "aws-node": "vpc-cni", "calico-node": "calico", "canal": "calico", "cilium": "cilium", "kube-router": "kube-router",
    "antrea-agent": "other", "azure-npm": "other", "kube-network-policies": "other", "ovnkube-node": "other",
    "weave-net": "other",
}  # fmt: skip
_RANK = {"yes": 0, "unknown": 1, "no": 2}
_KEEPS = "connections that were open before may live on"
_LIMITS: dict[EngineName, tuple[str, ...]] = {
    "vpc-cni": (
        "connections of a pod that a policy governed before live on",
        "pods of one name prefix on a node share one state",
        "IPv4 egress of an IPv6 cluster and Multus interfaces are not policed",
    ),
    "calico": ("connections that were open before live on until their entry in the connection table ends",),
    "cilium": ("replies to connections that were open before may pass",),
    "kube-router": ("connections that were open before live on",),
}


@dataclass(frozen=True, slots=True)
class EngineSeen:
    """What the cluster's objects say. `why` is what was read, `limits` what this engine is known not to do.

    `second` are the address families in which pods have a way out beside their own network that no policy governs;
    None where that was not seen.
    """

    name: EngineName
    enforces: Enforces
    why: tuple[str, ...] = ()
    limits: tuple[str, ...] = (_KEEPS,)
    second: tuple[IpFamily, ...] | None = ()

    def __str__(self) -> str:
        titles = {"vpc-cni": "VPC CNI", "calico": "Calico", "cilium": "Cilium", "kube-router": "kube-router"}
        unnamed = {
            "other": "a network engine",
            "none": "no known network engine",
            "unknown": "an unseen network engine",
        }
        title = titles.get(self.name) or unnamed[self.name]
        return f"{title} ({'; '.join(self.why)})" if self.why else title


def detect(kube: KubeReader, *, settings: bool = False) -> EngineSeen:
    """The engine that matters: one that is set to enforce before one that is not. Reads only; never in the way.

    One LIST of DaemonSets; with `settings` a GET of the ConfigMap of what was found. Raises CredentialsExpired,
    Unreachable or Throttled; whatever else keeps it from seeing makes the engine `unknown`.
    """
    try:
        found = [seen for doc in kube.list(DAEMON_SETS).items for seen in _judge(kube if settings else None, doc)]
    except NOT_SEEN as error:
        why = (
            "not allowed to list daemonsets" if isinstance(error, Denied) else "the cluster's daemonsets cannot be read"
        )
        return EngineSeen("unknown", "unknown", (why,), second=None)
    if not found:
        found = [_without_daemon_set(kube)]
    found.sort(key=lambda one: (_RANK[one.enforces], one.name == "vpc-cni", one.name, one.why))
    first = found[0]
    also = tuple(f"beside it {other.name}" for other in found[1:] if other.enforces == "yes")
    ways = {way for one in found for way in one.second or ()}  # Calico and Cilium may be chained behind VPC CNI
    second = tuple(sorted(ways)) or first.second
    return replace(first, why=(*first.why, *also), second=second)


def custom_resources(kube: KubeReader) -> tuple[str, ...]:
    """Names of the engines' CustomResourceDefinitions that the cluster has; none where that cannot be read.

    One GET each. Raises as `detect` does.
    """
    names = (str(one) for one in EXTENSIONS if one != CUSTOM_RESOURCE_DEFINITIONS)
    return tuple(sorted(name for name in names if _has(kube, name)))


def _has(kube: KubeReader, name: str) -> bool:
    try:
        return kube.get(CUSTOM_RESOURCE_DEFINITIONS, name) is not None
    except NOT_SEEN:
        return False


def _judge(kube: KubeReader | None, doc: Doc) -> Iterator[EngineSeen]:
    name = name_of(doc)
    engine = _BY_NAME.get(name)
    if engine is None:
        return
    enforces, why = _settings(kube, engine, doc)
    desired = doc.integer("status", "desiredNumberScheduled", default=0)
    ready = doc.integer("status", "numberReady", default=0)
    if ready < desired:
        why = (*why, f"ready on {ready} of {desired} nodes")
        enforces = "unknown" if enforces == "yes" and not ready else enforces
    shown = (f"DaemonSet {name}",) if engine == "other" else ()
    second = _second_ways(doc) if engine == "vpc-cni" else ()
    yield EngineSeen(engine, enforces, (*shown, *why), _LIMITS.get(engine, (_KEEPS,)), second)


def _second_ways(doc: Doc) -> tuple[IpFamily, ...]:
    """Those of VPC CNI's egress plugin: IPv4 in an IPv6 cluster unless it is off, IPv6 in an IPv4 cluster if it is on.

    Source: aws/amazon-vpc-cni-k8s, ENABLE_V4_EGRESS (169.254.172.0/22) and ENABLE_V6_EGRESS (fd00::ac:00/118);
    aws/aws-network-policy-agent#408: one family's policies only.
    """
    pod = doc.part("spec", "template", "spec")
    settings = {
        one.text("name", limit=NAME_LIMIT): one.text("value", default="", limit=NAME_LIMIT).lower()
        for container in pod.each("containers")
        for one in container.each("env")
    }
    if settings.get("ENABLE_IPv6") == "true":
        return () if settings.get("ENABLE_V4_EGRESS") == "false" else ("IPv4",)
    return ("IPv6",) if settings.get("ENABLE_V6_EGRESS") == "true" else ()


def _settings(kube: KubeReader | None, engine: EngineName, doc: Doc) -> tuple[Enforces, tuple[str, ...]]:
    if engine == "vpc-cni":
        return _vpc_cni(kube, doc)
    if engine == "cilium" and _setting(kube, "cilium-config", "enable-policy") == "never":
        return "no", ("enable-policy is never",)
    return "yes", ()


def _vpc_cni(kube: KubeReader | None, doc: Doc) -> tuple[Enforces, tuple[str, ...]]:
    """The agent's argument, then the controller's switch."""
    agents = [one for one in doc.each("spec", "template", "spec", "containers") if one.text("name") in _AGENTS]
    if not agents:
        return "no", ("aws-node has no network policy agent",)
    on = any("--enable-network-policy=true" in one.texts("args") for one in agents)
    if not on:
        return "no", ("its agent runs without --enable-network-policy=true",)
    switch = _setting(kube, "amazon-vpc-cni", "enable-network-policy-controller")
    if switch is None:
        return "unknown", ("its agent is on; whether its controller is was not read",)
    if switch != "true":
        return "no", ("enable-network-policy-controller is not true in ConfigMap amazon-vpc-cni",)
    return "yes", ("network policy is enabled",)


def _without_daemon_set(kube: KubeReader) -> EngineSeen:
    """EKS Auto Mode runs the CNI on the node itself; of that its custom resources are seen."""
    try:
        kube.get(CLUSTER_NETWORK_POLICIES, "irkit")
    except NOT_SEEN:
        return EngineSeen("none", "unknown", ("no DaemonSet of one was found",), second=None)
    why = ("no aws-node, but its custom resources: as in EKS Auto Mode",)
    return EngineSeen("vpc-cni", "unknown", why, _LIMITS["vpc-cni"], second=None)


def _setting(kube: KubeReader | None, name: str, key: str) -> str | None:
    """A setting, "" where it is not set, None where it was not or cannot be read."""
    if kube is None:
        return None
    try:
        doc = kube.get(CONFIG_MAPS, name, _SYSTEM)
        return "" if doc is None else doc.text("data", key, default="", limit=NAME_LIMIT)
    except NOT_SEEN:
        return None
