"""Short-lived pods that run irkit's own tools where the truth is. What they found stands in their termination message.

A tool pod is created under a name made from the mark, read once it has ended, and deleted; nobody enters it. It never
bears the case's label, or the case's own policy would cut it off.
Sources: Kubernetes documentation, "Determine the Reason for Pod Failure" (termination messages, 4096 bytes);
"Pod Security Standards" (what a restricted pod says).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import StringConstraints

from irkit.actions.kube.objects import NAME_LIMIT, access, name_of, uid_of
from irkit.model.base import Json
from irkit.model.doc import Doc
from irkit.model.effects import Access, KubeCall, Mark, Store
from irkit.model.kube import DOMAIN, MARK_LABEL, PODS
from irkit.model.plans import Change, Plan, Receipts, Refuse, Settled, Verdict
from irkit.model.ports import KubeReader, Spooled

TOOL_LABEL = f"{DOMAIN}/tool"
"""On tool pods: what they are for. Policies of a cluster's owner can let exactly these pass."""
NOW_ANNOTATION = f"{DOMAIN}/circumstances"
"""On tool pods: the digest of the policies and labels that they were made under."""
MESSAGE_LIMIT = 4096
PATIENCE = 30
"""Seconds that a tool pod gets to start and end: pulling a small image is in it."""
_CONTAINER = "tool"
_NEVER_STARTS = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName"}
)

Image = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9._:/@-]{0,510})?$")]
"""An image of irkit's tools, or "" where none is configured."""
NamespaceName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$")]
"""Where tool pods run; "" is the target's own namespace."""

TOOL_ACCESS = access(PODS, "list", "create", "delete")
"""What tool pods need where they run: an undo lists and deletes those that a crash left behind."""
TOOL_WRITES = (
    *access(PODS, "create", "delete"), Access(plane="evidence", group="", resource="artefacts", verb="create"),
)  # fmt: skip
State = Literal["absent", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Run:
    """A tool pod as the API shows it. `why` says what went wrong with a failed one, `now` what it was made in."""

    state: State = "absent"
    name: str = ""
    uid: str = ""
    lines: tuple[str, ...] = ()
    why: str = ""
    now: str = ""  # the circumstances that it was made in

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in {"done", "failed"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tool runs: anywhere in a namespace; or, with a node, on it, able to enter a pod's network namespace.

    `inside` is the uid of that pod. `network` is that of the node, which connection tracking needs.
    """

    namespace: str
    node: str = ""
    inside: str = ""
    host_network: bool = False


def tool_name(mark: Mark, purpose: str) -> str:
    """The same for every rerun, by any responder."""
    return f"irkit-{mark.case.rpartition('-')[2].lower()}-{purpose}-{mark.short}"


def run_tool(  # noqa: PLR0913, PLR0917 -- a pod has this many sides
    mark: Mark, purpose: str, image: str, place: Place, command: tuple[str, ...], now: str
) -> KubeCall:
    """The call that creates a tool pod: `command` is the tool's path in the image, then its arguments.

    `now` are the circumstances: what it finds counts for no others.
    """
    name = tool_name(mark, purpose)
    container: dict[str, Json] = {
        "name": _CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [command[0]],
        "args": list(command[1:]),
        "terminationMessagePolicy": "File",
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": _container_security(place),
    }
    spec: dict[str, Json] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "activeDeadlineSeconds": PATIENCE,
        "containers": [container],
    }
    if place.node:
        container["env"] = [{"name": "IRKIT_NETNS_OF", "value": place.inside}]
        spec |= {"nodeName": place.node, "hostPID": True, "tolerations": [{"operator": "Exists"}]}
        if place.host_network:
            spec["hostNetwork"] = True
    else:
        spec["securityContext"] = {
            "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"},
        }  # fmt: skip
    body: Json = {
        "apiVersion": PODS.api_version,
        "kind": PODS.kind,
        "metadata": {
            "name": name, "namespace": place.namespace, "labels": {MARK_LABEL: mark.short, TOOL_LABEL: purpose},
            "annotations": {NOW_ANNOTATION: now},
        },
        "spec": spec,
    }  # fmt: skip
    return KubeCall(
        name=f"run-{purpose}", cluster=mark.within, verb="create", resource=PODS, namespace=place.namespace,
        object=name, body=body,
    )  # fmt: skip


def _container_security(place: Place) -> Json:
    closed: dict[str, Json] = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
    if not place.node:
        return {**closed, "capabilities": {"drop": ["ALL"]}}
    added: list[Json] = ["SYS_ADMIN", "SYS_PTRACE", *(["NET_ADMIN"] if place.host_network or place.inside else [])]
    return {**closed, "runAsUser": 0, "capabilities": {"drop": ["ALL"], "add": added}}


def end_tools(mark: Mark, namespace: str, runs: Mapping[str, Run]) -> tuple[KubeCall, ...]:
    """The calls that delete the mark's tool pods."""
    return tuple(_end(mark, purpose, namespace, run) for purpose, run in runs.items())


def clear_away(mark: Mark, namespace: str, runs: Mapping[str, Run]) -> Plan:
    """An undo: tool pods that a crash or an abort left behind go; what they reported is evidence and stays."""
    if runs:
        return Change(end_tools(mark, namespace, runs), "tool pods are left")
    return Settled("no tool pod is left", Verdict.proven("the API has no tool pod of this mark"))


def keep_report(key: str, spooled: Spooled) -> Store:
    """The call that keeps what the tools said."""
    return Store(
        name="report", key=key, spool=spooled.name, sha256=spooled.sha256, size=spooled.size,
        media_type="application/json",
    )  # fmt: skip


def _end(mark: Mark, purpose: str, namespace: str, run: Run) -> KubeCall:
    """At once: there is nothing in it to end well."""
    body: Json = {
        "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": {"uid": run.uid},
    }  # fmt: skip
    return KubeCall(
        name=f"end-{purpose}", cluster=mark.within, verb="delete", resource=PODS, namespace=namespace,
        object=run.name, body=body, keep=("/metadata/uid",),
    )  # fmt: skip


def strangers(mine: Receipts, runs: Mapping[str, Run]) -> tuple[str, ...]:
    """Names of tool pods that somebody put in the place of those that irkit made: what they say counts for nothing."""
    made = {
        one.effect: uid for one in mine.ended
        if one.status == "done" and isinstance(uid := one.reply.get("/metadata/uid"), str)
    }  # fmt: skip
    return tuple(run.name for purpose, run in runs.items() if made.get(f"run-{purpose}", run.uid) != run.uid)


def tidy(mark: Mark, place: str, mine: Receipts, runs: Mapping[str, Run], *, kept: bool, now: str) -> Plan | None:  # noqa: PLR0913 -- all by keyword but what every call has
    """What comes before everything else: nobody's tool but irkit's own is believed, and none stays or counts too long.

    `kept`: what they said is kept. `now` are the present circumstances, "" where the target is gone.
    """
    foreign = strangers(mine, runs)
    if foreign:
        return Refuse(
            f"{', '.join(foreign)} bears the name of irkit's tool and is not what irkit made",
            hint="somebody replaced it: look who may create pods there, and delete it",
        )
    if runs and kept:
        return Change(end_tools(mark, place, runs), "the report is kept; the tool pods are not needed any more")
    stale = {name: run for name, run in runs.items() if now and run.now != now}
    if stale:
        return Change(end_tools(mark, place, stale), "policies or labels were changed meanwhile: it is tried again")
    return None


def find_runs(kube: KubeReader, namespace: str, mark: Mark, *purposes: str) -> Mapping[str, Run]:
    """The mark's tool pods by purpose. Raises Malformed."""
    listing = kube.list(PODS, namespace, {MARK_LABEL: mark.short})
    found: dict[str, Run] = {}
    for doc in listing.items:
        labels = doc.labels("metadata", "labels")
        purpose = labels.get(TOOL_LABEL, "")
        if purpose in purposes and name_of(doc) == tool_name(mark, purpose):
            now = doc.labels("metadata", "annotations").get(NOW_ANNOTATION, "")
            found[purpose] = replace(_read(doc, listing.as_of), now=now)
    return found


def _read(doc: Doc, as_of: str) -> Run:
    name, uid = name_of(doc), uid_of(doc)
    phase = doc.text("status", "phase", default="", limit=40)
    message, reason = "", ""
    for status in doc.each("status", "containerStatuses"):
        if status.text("name", limit=NAME_LIMIT) == _CONTAINER:
            message = status.text("state", "terminated", "message", default="", limit=MESSAGE_LIMIT)
            reason = status.text("state", "waiting", "reason", default="", limit=NAME_LIMIT)
    lines = tuple(message.splitlines())
    if phase == "Succeeded":
        return Run("done", name, uid, lines)
    if phase == "Failed":
        told = next((line.removeprefix("error ") for line in lines if line.startswith("error ")), "")
        return Run("failed", name, uid, lines, told or "it ended with an error and said nothing")
    if reason in _NEVER_STARTS:
        return Run("failed", name, uid, (), f"it cannot start: {reason}")
    if _age(doc, as_of) > PATIENCE:
        return Run("failed", name, uid, (), f"it did not end within {PATIENCE} s{f': {reason}' if reason else ''}")
    return Run("running", name, uid)


def _age(doc: Doc, as_of: str) -> float:
    """Seconds since it was created, by the cluster's own clock; 0 where that is not known."""
    try:
        created = datetime.fromisoformat(doc.text("metadata", "creationTimestamp", default="", limit=40))
        return (datetime.fromisoformat(as_of) - created).total_seconds()
    except (TypeError, ValueError):
        return 0.0
