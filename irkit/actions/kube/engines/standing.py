"""What an engine's own policies are now: a proof counts only while they are what they were.

Where the Amazon VPC CNI runs, the agent of the pod's node is in it too: one that starts again processes all policies
anew, and may open what it had denied (domain.md §1, hardest test 1). It processes the case's policy anew whenever that
selects other pods than before, so which pods of the namespace bear the case's label is in it as well.
Every object of these kinds is in it, irkit's and others', whomever it selects: each engine has selectors and an order
of its own, and which object decides over a pod is not judged here. Calico's API server and the storage behind it show
the same objects; a cluster has either or both.
"""

from __future__ import annotations

import hashlib

import orjson

from irkit.actions.kube.engines.denials import DENIALS
from irkit.actions.kube.engines.detect import NOT_SEEN
from irkit.actions.kube.lives import lives
from irkit.actions.kube.objects import NAME_LIMIT, UID_LIMIT, access, living, uid_of
from irkit.errors import NotFound, Unsupported
from irkit.model.doc import Doc
from irkit.model.effects import Resource
from irkit.model.kube import CASE_LABEL, CILIUM_CLUSTER_POLICIES, CLUSTER_NETWORK_POLICIES, PODS
from irkit.model.ports import KubeReader, Listing

_KINDS: tuple[Resource, ...] = (*(one.resource for one in DENIALS), CILIUM_CLUSTER_POLICIES)
STANDING_READS = tuple(one for kind in _KINDS for one in access(kind, "list"))
"""Where they are denied, a proof says nothing of these kinds, and goes when that changes."""
AGENT_READS = access(PODS, "list")
"""In kube-system, with the same where they are denied there."""
_UNSEEN = "unseen"
_SYSTEM, _AGENT = "kube-system", {"k8s-app": "aws-node"}
"""As aws/amazon-vpc-cni-k8s's own manifest has it."""


def standing(kube: KubeReader, namespace: str, node: str = "", case: str = "") -> tuple[str, ...]:
    """One text a kind that the cluster has, as of now, for a pod of this namespace: the same while nothing changes.

    With `node` one more where the Amazon VPC CNI's agent runs there, or might, and with `case` there another one for
    the case's pods. EKS Auto Mode runs the agent on the node itself: its custom resources tell. One LIST each. Raises
    CredentialsExpired, Unreachable or Throttled.
    """
    kinds = [_kind(kube, kind, namespace) for kind in _KINDS]
    agent = _agent(kube, node) if node else ""
    by_label = agent or kinds[_KINDS.index(CLUSTER_NETWORK_POLICIES)] not in {None, _unseen(CLUSTER_NETWORK_POLICIES)}
    held = _held(kube, namespace, case) if case and by_label else ""
    return tuple(one for one in (*kinds, agent, held) if one)


def _held(kube: KubeReader, namespace: str, case: str) -> str:
    """The pods that the case's policy selects."""
    try:
        return f"held {kube.list(PODS, namespace, {CASE_LABEL: case}).derive(_living)}"
    except NOT_SEEN:
        return f"held {_UNSEEN}"


def _living(listing: Listing) -> str:
    return _hash(sorted(uid_of(doc) for doc in listing.items if living(doc)))


def _agent(kube: KubeReader, node: str) -> str:
    """The agent's pod, and how often each of its containers was started."""
    try:
        here = kube.list(PODS, _SYSTEM, _AGENT).derive(_by_node).get(node, [])
        found = sorted([uid_of(one), [[each.name, each.restarts] for each in lives(one)]] for one in here)
    except NOT_SEEN:
        return f"agent {_UNSEEN}"
    return f"agent {_hash(found)}" if found else ""


def _by_node(listing: Listing) -> dict[str, list[Doc]]:
    found: dict[str, list[Doc]] = {}
    for one in listing.items:
        found.setdefault(one.text("spec", "nodeName", default="", limit=NAME_LIMIT), []).append(one)
    return found


def _kind(kube: KubeReader, kind: Resource, namespace: str) -> str | None:
    """None where the cluster does not serve it, "" where it has none."""
    try:
        found = kube.list(kind, namespace if kind.namespaced else "").derive(_digest)
    except (Unsupported, NotFound):
        return None
    except NOT_SEEN:
        return _unseen(kind)
    return f"{kind} {found}" if found else ""


def _unseen(kind: Resource) -> str:
    return f"{kind} {_UNSEEN}"


def _digest(listing: Listing) -> str:
    """Of uids and specs. Not every server of custom resources counts generations."""
    found = sorted(
        f"{doc.text('metadata', 'uid', limit=UID_LIMIT)} {_hash([doc.raw.get(key) for key in ('spec', 'specs')])}"
        for doc in listing.items
    )
    return _hash(found) if found else ""


def _hash(value: object) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:20]
