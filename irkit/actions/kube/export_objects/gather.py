"""Which objects belong to a pod's evidence. Secrets are never read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from irkit.actions.kube.netpol import Selector
from irkit.actions.kube.objects import NAME_LIMIT, uid_of
from irkit.actions.kube.owners import chain
from irkit.actions.kube.redact import redact
from irkit.model.doc import Doc
from irkit.model.effects import Resource
from irkit.model.kube import (
    CLUSTER_ROLE_BINDINGS,
    CONTROLLERS,
    EVENTS,
    NETWORK_POLICIES,
    NODES,
    PODS,
    ROLE_BINDINGS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from irkit.model.ports import KubeReader
from irkit.model.refs import PodRef

Found = tuple[Resource | None, Doc]


def gather(kube: KubeReader, pod: PodRef, doc: Doc) -> tuple[list[Found], str]:
    """The pod's objects, and the cluster's time.

    Those are the pod, its controllers, node and service account, the bindings that give that account rights,
    the namespace's policies, the Services that select the pod, and the events about any of these.
    """
    refs, owners = chain(kube, pod.cluster, doc)
    found: list[Found] = [(PODS, doc)]
    found += [(CONTROLLERS.get(ref.type), owner) for ref, owner in zip(refs, owners, strict=False)]
    node = doc.text("spec", "nodeName", default="", limit=NAME_LIMIT)
    account = doc.text("spec", "serviceAccountName", default="default", limit=NAME_LIMIT)
    if node and (read := kube.get(NODES, node)) is not None:
        found.append((NODES, read))
    if (read := kube.get(SERVICE_ACCOUNTS, account, pod.namespace)) is not None:
        found.append((SERVICE_ACCOUNTS, read))
    for resource in (ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS):
        found += [(resource, one) for one in kube.list(resource).items if names(one, pod.namespace, account)]
    found += [(NETWORK_POLICIES, one) for one in kube.list(NETWORK_POLICIES, pod.namespace).items]
    labels = doc.labels("metadata", "labels")
    found += [(SERVICES, one) for one in kube.list(SERVICES, pod.namespace).items if _selects(one, labels)]
    uids = {uid_of(one) for _, one in found}
    events = kube.list(EVENTS, pod.namespace)
    found += [
        (EVENTS, one) for one in events.items if one.text("involvedObject", "uid", default="", limit=NAME_LIMIT) in uids
    ]
    return found, events.as_of


def names(binding: Doc, namespace: str, account: str) -> bool:
    """Whether a binding gives the service account rights, by name or by a group that it is in.

    Source: Kubernetes documentation, "Using RBAC Authorization", default groups of service accounts.
    """
    groups = {"system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"}
    for subject in binding.each("subjects"):
        kind, name = subject.text("kind", limit=63), subject.text("name", limit=1024)
        if kind == "ServiceAccount":
            # a RoleBinding's subject may leave the namespace out: then it is the binding's own
            own = binding.text("metadata", "namespace", default="", limit=NAME_LIMIT)
            if name == account and subject.text("namespace", default=own, limit=NAME_LIMIT) == namespace:
                return True
        elif (kind == "Group" and name in groups) or (
            kind == "User" and name == f"system:serviceaccount:{namespace}:{account}"
        ):
            return True
    return False


def _selects(service: Doc, labels: Mapping[str, str]) -> bool:
    selector = service.labels("spec", "selector")
    return bool(selector) and Selector.equals(selector).matches(labels)


def lines(found: Iterable[Found], header: Mapping[str, str]) -> Iterator[bytes]:
    """JSON lines: a header, then each object without its secrets, in the order of kind, namespace, name and uid."""
    yield _line({"export": dict(header)})
    objects = [{**_typed(resource), **redact(doc.raw, doc.what)} for resource, doc in found]
    for one in sorted(objects, key=_order):
        yield _line(one)


def _typed(resource: Resource | None) -> dict[str, str]:
    """The items of a list come without kind and version: say them."""
    return {"apiVersion": resource.api_version, "kind": resource.kind} if resource is not None else {}


def _order(one: dict[str, Any]) -> tuple[str, ...]:
    meta = Doc(one, "object").part("metadata")
    return (str(one.get("kind", "")), *(meta.text(key, default="") for key in ("namespace", "name", "uid")))


def _line(value: Any) -> bytes:  # noqa: ANN401 -- JSON of any shape
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass") + b"\n"
