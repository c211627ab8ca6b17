"""What an engine's own policies are now: a proof counts only while they are what they were.

Where the Amazon VPC CNI runs, the agent of the pod's node is in it too: one that starts again processes all policies
anew, and may open what it had denied (domain.md §1, hardest test 1).
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
from irkit.actions.kube.objects import NAME_LIMIT, UID_LIMIT, access
from irkit.errors import NotFound, Unsupported
from irkit.model.effects import Resource
from irkit.model.kube import CILIUM_CLUSTER_POLICIES, PODS
from irkit.model.ports import KubeReader, Listing

_KINDS: tuple[Resource, ...] = (*(one.resource for one in DENIALS), CILIUM_CLUSTER_POLICIES)
STANDING_READS = tuple(one for kind in _KINDS for one in access(kind, "list"))
"""Where they are denied, a proof says nothing of these kinds, and goes when that changes."""
AGENT_READS = access(PODS, "list")
"""In kube-system, with the same where they are denied there."""
_UNSEEN = "unseen"
_SYSTEM, _AGENT = "kube-system", {"k8s-app": "aws-node"}
"""As aws/amazon-vpc-cni-k8s's own manifest has it."""


def standing(kube: KubeReader, namespace: str, node: str = "") -> tuple[str, ...]:
    """One text a kind that the cluster has, as of now, for a pod of this namespace: the same while nothing changes.

    With `node` one more where the Amazon VPC CNI's agent runs there. One LIST each. Raises CredentialsExpired,
    Unreachable or Throttled.
    """
    kinds = tuple(found for kind in _KINDS if (found := _kind(kube, kind, namespace)))
    agent = _agent(kube, node) if node else ""
    return (*kinds, agent) if agent else kinds


def _agent(kube: KubeReader, node: str) -> str:
    """The agent's pod, and how often each of its containers was started."""
    try:
        agents = kube.list(PODS, _SYSTEM, _AGENT).items
        here = [one for one in agents if one.text("spec", "nodeName", default="", limit=NAME_LIMIT) == node]
        found = sorted(
            [one.text("metadata", "uid", limit=UID_LIMIT), [[each.name, each.restarts] for each in lives(one)]]
            for one in here
        )
    except NOT_SEEN:
        return f"agent {_UNSEEN}"
    return f"agent {_hash(found)}" if found else ""


def _kind(kube: KubeReader, kind: Resource, namespace: str) -> str:
    try:
        found = kube.list(kind, namespace if kind.namespaced else "").derive(_digest)
    except (Unsupported, NotFound):
        return ""
    except NOT_SEEN:
        found = _UNSEEN
    return f"{kind} {found}" if found else ""


def _digest(listing: Listing) -> str:
    """Of uids and specs. Not every server of custom resources counts generations."""
    found = sorted(
        f"{doc.text('metadata', 'uid', limit=UID_LIMIT)} {_hash([doc.raw.get(key) for key in ('spec', 'specs')])}"
        for doc in listing.items
    )
    return _hash(found) if found else ""


def _hash(value: object) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:20]
