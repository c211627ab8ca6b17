"""Before the incident: what this cluster enforces, what irkit may do on it, and what is missing here. Reads only."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from irkit.actions.kube.engines import custom_resources, detect
from irkit.app.config import Settings, check_cluster
from irkit.app.runs import App
from irkit.engine.preflight import Need, grants, needs, review
from irkit.errors import ClientError, Unreachable
from irkit.model.kube import NAMESPACES
from irkit.model.playbooks import Playbook
from irkit.model.ports import Kube
from irkit.model.refs import ClusterRef
from irkit.model.times import moment
from irkit.playbook import load_playbook, shipped

SKEW = 5
"""Seconds that the clocks may differ. A Date header is whole seconds, and tokens bear a few."""
ROOM = 1 << 30
"""Bytes that should be free where evidence is kept: exports are small, but a full disk stops every effect."""

SHOWN = 4
_NETWORK = "look at this machine's network (VPN, proxy) and at the server that the kubeconfig names"

State = Literal["good", "warn", "bad", "unknown"]
_ENFORCES: dict[str, tuple[State, str, str]] = {
    "yes": ("good", "is set to enforce NetworkPolicies; only a probe proves that it does", ""),
    "no": (
        "bad", "does not enforce NetworkPolicies: isolation by policy will be leaky",
        "turn network policy on; until then only deleting the pod or closing its node's security group contains it",
    ),
    "unknown": (
        "unknown", "may or may not enforce NetworkPolicies: only a probe can tell",
        "contain a pod of a test namespace: its probe step says what is enforced here",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `bad` keeps irkit from working here; `unknown` could not be looked at."""

    about: str
    state: State
    what: str
    hint: str = ""


def examine(app: App, settings: Settings, cluster: ClusterRef, namespace: str = "") -> tuple[Finding, ...]:
    """Everything, the cluster first. `namespace` is the one whose pods the permissions are asked for; "": all of them.

    An API that is out of reach is a finding, not an error.
    """
    found = [*_here(app, settings)]
    try:
        kube = app.kube(cluster)
        found = [*_cluster(app, settings, cluster, kube), *found]
    except ClientError as error:
        hint = error.hint or (_NETWORK if isinstance(error, Unreachable) else "")
        return (Finding("cluster", "bad", str(error), hint), *found)
    books = [load_playbook(*shipped.load(name), app.parts.catalog) for name in shipped.names()]
    return (*found, *_permissions(app, kube, books, namespace))


def subject(who: str) -> str:
    """`--subject` for this identity; its form without the name where nobody knows it."""
    account = who.removeprefix("system:serviceaccount:").split(":")
    if who.startswith("system:serviceaccount:") and len(account) == len(("namespace", "name")):
        return f"--subject serviceaccount:{account[0]}/{account[1]}"
    return f"--subject {shlex.quote(f'user:{who}')}" if who else "--subject group:NAME"


def _cluster(app: App, settings: Settings, cluster: ClusterRef, kube: Kube) -> Iterator[Finding]:
    uid = check_cluster(app, settings, cluster)
    known = settings.cluster(cluster.id)
    pinned = "pinned by irkit.yaml" if known.uid else ""
    named = {"id": cluster.id, "kubeconfig": known.kubeconfig, "context": known.context, "uid": uid}
    pin = ", ".join(f"{name}: {json.dumps(value)}" for name, value in named.items() if value)  # YAML's flow style
    yield Finding(
        "cluster", "good" if known.uid else "warn", f"{cluster}, {pinned or f'known by its kube-system uid {uid}'}",
        "" if known.uid else f"say under clusters: in irkit.yaml, so that no other can take its place: {{{pin}}}",
    )  # fmt: skip
    who = kube.whoami()
    yield Finding("identity", "good" if who else "unknown", who or "this API is too old to say who asks (before 1.28)")
    yield _skew(app, kube)
    engine = detect(kube.reader, settings=True)
    state, words, hint = _ENFORCES[engine.enforces]
    yield Finding("enforcement", state, f"{engine}: {words}", hint)
    for limit in engine.limits:
        yield Finding("enforcement", "warn", limit)
    extra = custom_resources(kube.reader)
    if extra:
        yield Finding("enforcement", "good", f"can also deny by {', '.join(extra)}")


def _skew(app: App, kube: Kube) -> Finding:
    listing = kube.reader.list(NAMESPACES)
    try:
        theirs = datetime.fromisoformat(listing.as_of)
    except ValueError:
        return Finding("clock", "unknown", "the API's answers carry no time")
    seconds = abs((moment(app.parts.clock()) - theirs).total_seconds())
    if seconds <= SKEW:
        return Finding("clock", "good", f"within {SKEW} s of the API server's")
    return Finding(
        "clock", "bad", f"{seconds:.0f} s from the API server's", "set the clock: tokens and records depend on it"
    )


def _here(app: App, settings: Settings) -> Iterator[Finding]:
    """This machine: where evidence goes, and the tools' image."""
    folder = app.cases.state
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        yield Finding("evidence", "bad", f"{nearest} cannot be written", "name another folder: --state")
    else:
        free = shutil.disk_usage(nearest).free
        state: State = "good" if free >= ROOM else "warn"
        left = f"{free >> 30} GiB" if free >= 10 * ROOM else f"{free >> 20} MiB"
        yield Finding("evidence", state, f"{folder}: {left} free", "" if state == "good" else "make room")
    yield Finding(
        "evidence", "warn", "the journal's heads are signed here and stored nowhere else: its tail is unanchored",
        "after a case, keep the newest of its heads/*.note elsewhere; later: irkit verify CASE --head FILE",
    )  # fmt: skip
    image = settings.inputs.get("tools_image", "")
    if image:
        yield Finding("tools", "good", str(image))
    else:
        yield Finding(
            "tools", "warn", "no image of irkit's tools is configured: isolation cannot be proven, connections not cut",
            "build deploy/tools, push it, and say inputs: {tools_image: …} in irkit.yaml",
        )  # fmt: skip


def _lacking(lacks: list[Need]) -> str:
    """What is not allowed, the verbs of one resource together."""
    verbs: dict[str, list[str]] = {}
    for one in lacks:
        verb, _, what = str(one).partition(" ")
        verbs.setdefault(what, []).append(verb)
    told = [f"{', '.join(found)} {what}" for what, found in verbs.items()]
    return "; ".join(told[:SHOWN]) + (f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else "")


def _permissions(app: App, kube: Kube, books: list[Playbook], namespace: str) -> Iterator[Finding]:
    """What each shipped playbook would lack, asked once."""
    every = {book.name: needs(grants([book], app.parts.catalog), namespace) for book in books}
    asked: dict[tuple[object, str, str], Need] = {
        (one.grant.access, one.namespace, one.grant.name): one for wanted in every.values() for one in wanted
    }
    answer = review(kube.reader, asked.values())
    if answer.unchecked:
        yield Finding("permissions", "unknown", f"they could not be asked for: {answer.unchecked}")
        return
    whom = subject(kube.whoami())
    refused = {(one.grant.access, one.namespace, one.grant.name) for one in answer.missing}
    for name, wanted in every.items():
        lacks = [one for one in wanted if (one.grant.access, one.namespace, one.grant.name) in refused]
        hard = [one for one in lacks if not one.grant.optional]
        shown = _lacking(hard or lacks)
        hint = f"irkit permissions {name}"
        if not app.lab:  # the lab's tokens have their rights from its scenario
            narrow = f" --namespace {namespace}" if namespace else ""
            hint += f" --format rbac {whom}{narrow} | kubectl apply -f -"
        if hard:
            yield Finding(name, "bad", f"may not {shown}", hint)
        elif lacks:
            yield Finding(name, "warn", f"may run; not allowed, and it goes on without: {shown}", hint)
        else:
            yield Finding(name, "good", f"all {len(wanted)} permissions")
