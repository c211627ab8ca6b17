"""GuardDuty's event form -> `Finding`. Both casings and Security Hub's form are turned into it first.

Source: GuardDuty API reference, `Finding`, and AWS's own samples. The traps: whoever calls the Kubernetes API
(`kubernetesUserDetails`) is the actor and never says whose identity the target has; a workload's type is a plural
resource name in audit-log findings; whole objects may be null, "" or hold a namespace only.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from irkit.errors import Malformed
from irkit.intake.documents import MAX_BYTES
from irkit.intake.text import clean
from irkit.intake.view import View, complaint
from irkit.model.doc import Doc
from irkit.model.findings import Actor, Finding, FindingType, Image
from irkit.model.refs import (
    Account,
    ClusterRef,
    Name,
    Namespace,
    NamespaceRef,
    NodeRef,
    PodRef,
    Region,
    ServiceAccountRef,
    TargetRef,
    Uid,
    WorkloadRef,
)

ARN: Final = re.compile(
    r"arn:aws[a-z-]{0,16}:guardduty:(?P<region>[a-z0-9-]{1,30}):(?P<account>[0-9]{12})"
    r":detector/(?P<detector>[0-9A-Za-z]{1,300})/finding/(?P<id>[0-9A-Za-z]{1,300})"
)
"""A GuardDuty finding's ARN: it tells the finding from all others, whichever way it came."""
_SERVICE_ACCOUNT: Final = re.compile(r"system:serviceaccount:(?P<namespace>[^:]+):(?P<name>[^:]+)")
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(?:Z|([+-])(\d\d):?([0-5]\d))", re.ASCII)
_FEW: Final = 32
"""So many images and groups are kept; they are for people, and a record is small."""
_WORKLOAD: Final = ("resource", "kubernetesDetails", "kubernetesWorkloadDetails")
_USER: Final = ("resource", "kubernetesDetails", "kubernetesUserDetails")
_CLUSTER: Final = ("resource", "eksClusterDetails")
_KINDS: Final = (
    "ReplicaSet", "ReplicationController", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob",
)  # fmt: skip
_CONTROLLERS: Final = {kind.lower(): kind for kind in _KINDS}
_ACCOUNT_HINT: Final = "an AWS account id has 12 digits; where a publisher masked it, put the real one"
_OBJECT_NAME: Final = "a Kubernetes object name"


def parse(view: View, raw_sha256: str, *, samples: bool = False) -> Finding:
    """The typed finding.

    Raises FindingError: a field is missing, malformed or disagrees with another, or the finding is a made-up
    sample and `samples` does not allow that.
    """
    doc = Doc(view.native, view.name)
    try:
        return _finding(doc, view, raw_sha256, samples=samples)
    except Malformed as error:
        hint = _ACCOUNT_HINT if error.path == "accountId" else ""
        raise complaint(view, error.path, f"must be {error.expected}, got {error.got}", hint=hint) from None


def _finding(doc: Doc, view: View, raw_sha256: str, *, samples: bool) -> Finding:
    account = _typed(doc, ("accountId",), Account, "a 12-digit account id")
    region = _typed(doc, ("region",), Region, "an AWS region")
    found = ARN.fullmatch(doc.text("arn"))
    if found is None:
        raise _malformed(doc, ("arn",), "the ARN of a GuardDuty finding")
    # the ARN's account is not compared: a detector of an administrator account may report a member's finding
    if found["region"] != region:
        raise complaint(view, "arn", f"is of region {found['region']}, but {view.words('region')} is {region}")
    if doc.text("id") != found["id"]:
        raise complaint(view, "id", f"is not the id in {view.words('arn')}")
    if not samples and _is_sample(doc):
        raise complaint(
            view,
            "service.additionalInfo.sample",
            "says that this is a sample: GuardDuty made it up, and it names things that do not exist",
            hint="use a real finding, or rehearse with: irkit drill run compromised-pod",
        )
    cluster = _cluster(doc, view, account, region)
    return Finding(
        source=view.source,
        id=found[0],
        type=_typed(doc, ("type",), FindingType, "a GuardDuty finding type"),
        severity=_severity(doc),
        title=_text(doc, "title"),
        account=account,
        region=region,
        created=_time(doc, "createdAt"),
        updated=_time(doc, "updatedAt"),
        cluster=cluster,
        target=_target(doc, view, cluster),
        images=_images(doc),
        actor=_actor(doc, cluster),
        requested=clean(view.requested),
        raw_sha256=raw_sha256,
    )


def _cluster(doc: Doc, view: View, account: str, region: str) -> ClusterRef | None:
    if not doc.part(*_CLUSTER).raw:
        return _sequence_cluster(doc, view, account, region)
    return _cluster_ref(doc.part(*_CLUSTER), view, account, region)


def _cluster_ref(details: Doc, view: View, account: str, region: str) -> ClusterRef:
    try:
        cluster = ClusterRef(id=details.text("arn"))
    except ValidationError:
        raise _malformed(details, ("arn",), "an EKS cluster's ARN") from None
    path = f"{details.path}.arn"
    if not cluster.arn:
        raise _malformed(details, ("arn",), "an EKS cluster's ARN")
    if cluster.account != account:
        message = f"is of account {cluster.account}, but {view.words('accountId')} is {account}"
        raise complaint(view, path, message, hint="irkit acts in the account that the finding is about, and no other")
    if cluster.region != region:
        raise complaint(view, path, f"is of region {cluster.region}, but {view.words('region')} is {region}")
    if details.text("name", default=cluster.name) != cluster.name:
        raise complaint(view, f"{details.path}.name", f"is not the cluster in {view.words(path)}")
    return cluster


def _sequence_cluster(doc: Doc, view: View, account: str, region: str) -> ClusterRef | None:
    """An attack sequence names its clusters in a list of resources. Its many workloads are no single target."""
    found: dict[str, ClusterRef] = {}
    for item in doc.each("service", "detection", "sequence", "resources"):
        details = item.part("data", "eksCluster")
        if details.raw:
            cluster = _cluster_ref(details, view, account, region)
            found[cluster.id] = cluster
    if len(found) > 1:
        listed = ", ".join(sorted(found))
        raise complaint(view, "service.detection.sequence.resources", f"names several EKS clusters: {listed}")
    return next(iter(found.values()), None)


def _target(doc: Doc, view: View, cluster: ClusterRef | None) -> TargetRef | None:
    details = doc.part(*_WORKLOAD)
    if not (details.has("type") and details.has("name")):
        # only a namespace, or nothing: the finding names no object
        return None
    if cluster is None:
        raise complaint(
            view, "resource.eksClusterDetails.arn", "is missing, but a workload is named: of which cluster?"
        )
    kind = details.text("type", limit=MAX_BYTES).lower()
    kind = kind.removesuffix("s")
    if kind not in {"pod", "node", "namespace", "serviceaccount", *_CONTROLLERS}:
        return None  # a role, a binding, a secret: nothing that a playbook can be about yet
    uid = _typed(details, ("uid",), Uid, "a Kubernetes uid") if details.has("uid") else ""
    if kind == "namespace":
        return NamespaceRef(cluster=cluster, name=_typed(details, ("name",), Namespace, "a namespace name"), uid=uid)
    name = _typed(details, ("name",), Name, _OBJECT_NAME)
    if kind == "node":
        return NodeRef(cluster=cluster, name=name, uid=uid)
    namespace = _typed(details, ("namespace",), Namespace, "a namespace name")
    if kind == "pod":
        return PodRef(cluster=cluster, namespace=namespace, name=name, uid=uid)
    if kind == "serviceaccount":
        return ServiceAccountRef(cluster=cluster, namespace=namespace, name=name, uid=uid)
    return WorkloadRef(cluster=cluster, namespace=namespace, name=name, uid=uid, type=_CONTROLLERS[kind])


def _actor(doc: Doc, cluster: ClusterRef | None) -> Actor | None:
    user = doc.part(*_USER)
    username = _text(user, "username")
    groups = tuple(clean(group) for group in _texts(user, "groups")[:_FEW])
    session = clean(", ".join(_texts(user, "sessionName")))
    impersonated = _text(user, "impersonatedUser", "username")
    if not (username or groups or session or impersonated):
        return None
    return Actor(
        username=username,
        groups=groups,
        session=session,
        impersonated=impersonated,
        service_account=_service_account(username, cluster),
    )


def _service_account(username: str, cluster: ClusterRef | None) -> ServiceAccountRef | None:
    """The actor's service account, where the API server's own form of user name says that it is one."""
    found = _SERVICE_ACCOUNT.fullmatch(username)
    if found is None or cluster is None:
        return None
    try:
        return ServiceAccountRef(cluster=cluster, namespace=found["namespace"], name=found["name"])
    except ValidationError:
        return None


def _images(doc: Doc) -> tuple[Image, ...]:
    """What the finding says of the target's containers; runtime findings name one beside the workload."""
    named = [*doc.each(*_WORKLOAD, "containers"), doc.part("resource", "containerDetails")]
    images = (Image(container=_text(item, "name"), image=_text(item, "image")) for item in named)
    return tuple(dict.fromkeys(image for image in images if image.container or image.image))[:_FEW]


def _severity(doc: Doc) -> str:
    """One decimal: GuardDuty's scale has no more."""
    value = doc.part().raw.get("severity")
    if type(value) not in (int, float) or not 1 <= value <= 10:  # noqa: PLR2004 -- the scale's ends
        raise Malformed(doc.what, "severity", "a number from 1 to 10", _kind(value))
    return f"{value:.1f}"


def _time(doc: Doc, key: str) -> str:
    """RFC 3339 in UTC; the fraction stays as it was written."""
    expected = "a time such as 2026-11-21T12:00:00.000Z"
    found = _TIME.fullmatch(doc.text(key))
    if found is None:
        raise _malformed(doc, (key,), expected)
    base, fraction, sign, hours, minutes = found.groups(default="")
    try:
        moment = datetime.fromisoformat(base)
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            moment = moment - offset if sign == "+" else moment + offset
    except (ValueError, OverflowError):
        raise _malformed(doc, (key,), expected) from None
    return f"{moment.isoformat(timespec='seconds')}{fraction}Z"


def _is_sample(doc: Doc) -> bool:
    """EventBridge gives `sample: true`; the API gives the same as JSON text in `value`."""
    info = doc.part("service", "additionalInfo")
    if info.raw.get("sample") is True:
        return True
    text = info.raw.get("value")
    return type(text) is str and re.search(r'"sample"\s*:\s*true', text) is not None


def _text(doc: Doc, *path: str) -> str:
    """Text for people; cut, never refused for its length."""
    return clean(doc.text(*path, default="", limit=MAX_BYTES))


def _texts(doc: Doc, key: str) -> list[str]:
    """A list of texts, or the one text that some senders write in its place."""
    if type(doc.raw.get(key)) is str:
        return [doc.text(key, limit=MAX_BYTES)]
    return [item.text(limit=MAX_BYTES) for item in doc.items(key) if item.raw not in (None, "")]


def _typed(doc: Doc, path: tuple[str, ...], kind: Any, expected: str) -> str:  # noqa: ANN401 -- an annotated type
    """A text that the model's own type takes."""
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    try:
        return adapter.validate_python(doc.text(*path, limit=MAX_BYTES))
    except ValidationError:
        raise _malformed(doc, path, expected) from None


def _malformed(doc: Doc, path: tuple[str, ...], expected: str) -> Malformed:
    where = ".".join((*((doc.path,) if doc.path else ()), *path))
    return Malformed(doc.what, where, expected, f"other text of {len(doc.text(*path, limit=MAX_BYTES))} characters")


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return "another number" if type(value) in (int, float) else "something else"
