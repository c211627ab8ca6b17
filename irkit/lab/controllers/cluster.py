"""Controllers of the cluster itself: taints of cordoned nodes, aggregated roles, and what is left without an owner."""

from __future__ import annotations

from typing import Final

from irkit.lab.controllers.ownership import Doc, store
from irkit.lab.controllers.pods import end
from irkit.lab.controllers.scheduler import UNSCHEDULABLE
from irkit.lab.selectors import from_object, matches
from irkit.lab.world import Entry, World, now
from irkit.model.kube import CLUSTER_ROLES, NODES, PODS, RESOURCES, SECRETS

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
                end(world, entry)
            else:
                world.remove(resource, entry.doc["metadata"].get("namespace", ""), entry.doc["metadata"]["name"])


def forget_tokens(world: World, account: Entry) -> None:
    """The token controller's part: a service account's token Secrets go with it."""
    meta = account.doc["metadata"]
    for secret in world.entries(SECRETS, meta["namespace"]):
        own = secret.doc["metadata"].get("annotations", {})
        if secret.doc.get("type") == TOKEN_TYPE and own.get(ACCOUNT_UID) == account.uid:
            world.remove(SECRETS, meta["namespace"], secret.doc["metadata"]["name"])


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
