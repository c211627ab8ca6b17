"""Controllers of the cluster itself: taints of cordoned nodes, aggregated roles, quotas, and what lost its owners."""

from __future__ import annotations

from typing import Final

from irkit.lab import quotas
from irkit.lab.controllers.ownership import Doc, store, store_status
from irkit.lab.controllers.pods import dismiss
from irkit.lab.controllers.scheduler import UNSCHEDULABLE
from irkit.lab.selectors import from_object, matches
from irkit.lab.world import BY_KIND, Entry, World, now
from irkit.model.kube import CLUSTER_ROLES, NODES, PODS, RESOURCE_QUOTAS, RESOURCES, SECRETS

TOKEN_TYPE: Final = "kubernetes.io/service-account-token"  # noqa: S105 -- a Secret's type
ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
ACCOUNT_UID: Final = "kubernetes.io/service-account.uid"


def cordon(world: World, name: str) -> None:
    """The node lifecycle controller's part: the taint follows spec.unschedulable."""
    entry = world.get(NODES, "", name)
    if entry is None:
        return
    wanted = bool(entry.doc.get("spec", {}).get("unschedulable"))
    taints = entry.doc.get("spec", {}).get("taints", [])
    if wanted == any(taint["key"] == UNSCHEDULABLE for taint in taints):
        return
    doc = entry.copy()
    if wanted:
        doc["spec"]["taints"] = [*taints, {"key": UNSCHEDULABLE, "effect": "NoSchedule", "timeAdded": now()}]
    else:
        doc["spec"]["taints"] = [taint for taint in taints if taint["key"] != UNSCHEDULABLE]
        if not doc["spec"]["taints"]:
            del doc["spec"]["taints"]
    store(world, NODES, entry, doc)


def collect(world: World, gone: Entry) -> None:
    """The garbage collector's part: what has lost its last owner goes too.

    Source: Kubernetes documentation, "Garbage Collection".
    """
    for resource in RESOURCES:
        for entry in world.entries(resource):
            owners = entry.doc["metadata"].get("ownerReferences", [])
            left = [each for each in owners if each["uid"] != gone.uid]
            if len(left) == len(owners):
                continue
            if left:
                doc = entry.copy()
                doc["metadata"]["ownerReferences"] = left
                store(world, resource, entry, doc)
            elif resource is PODS:
                dismiss(world, entry)
            else:
                world.remove(resource, entry.doc["metadata"].get("namespace", ""), entry.doc["metadata"]["name"])


def collect_pod(world: World, namespace: str, name: str) -> None:
    """The garbage collector once more, about a pod that it was denied."""
    entry = world.get(PODS, namespace, name)
    owners = entry.doc["metadata"].get("ownerReferences", []) if entry is not None else []
    if entry is not None and owners and not any(_may_live(world, namespace, owner) for owner in owners):
        dismiss(world, entry)


def _may_live(world: World, namespace: str, owner: Doc) -> bool:
    """Whether an owner is there; one of a kind that the lab does not have may be."""
    resource = BY_KIND.get((owner["apiVersion"], owner["kind"]))
    if resource is None:
        return True
    found = world.get(resource, namespace if resource.namespaced else "", owner["name"])
    return found is not None and found.uid == owner["uid"]


def forget_tokens(world: World, account: Entry) -> None:
    """The token controller's part: a service account's token Secrets go with it."""
    meta = account.doc["metadata"]
    for secret in world.entries(SECRETS, meta["namespace"]):
        own = secret.doc["metadata"].get("annotations", {})
        if secret.doc.get("type") == TOKEN_TYPE and own.get(ACCOUNT_UID) == account.uid:
            world.remove(SECRETS, meta["namespace"], secret.doc["metadata"]["name"])


def count(world: World, namespace: str, name: str) -> None:
    """The quota controller's part: the limits as they are enforced, and what is used of them."""
    quota = world.get(RESOURCE_QUOTAS, namespace, name)
    if quota is not None:
        hard = dict(quota.doc["spec"].get("hard", {}))
        used = dict.fromkeys(hard, str(quotas.used(world, namespace)))
        store_status(world, RESOURCE_QUOTAS, quota, {"hard": hard, "used": used})


def aggregate(world: World) -> None:
    """The aggregation controller's part: the rules of roles that are made of others, by their labels.

    Source: `pkg/controller/clusterroleaggregation`.
    """
    roles = world.entries(CLUSTER_ROLES)
    for entry in roles:
        if "aggregationRule" in entry.doc:
            rules = gather(entry.doc, [each.doc for each in roles])
            if rules != entry.doc.get("rules", []):
                new = entry.copy() | {"rules": rules}
                store(world, CLUSTER_ROLES, entry, new, by="clusterrole-aggregation-controller")


def gather(role: Doc, roles: list[Doc]) -> list[Doc]:
    """The rules of a role that is made of others."""
    rules: list[Doc] = []
    for selector in role["aggregationRule"].get("clusterRoleSelectors", ()):
        for other in sorted(roles, key=lambda each: str(each["metadata"]["name"])):
            if other is role or not matches(from_object(selector), other["metadata"].get("labels", {})):
                continue
            rules += [rule for rule in other.get("rules", ()) if rule not in rules]
    return rules
