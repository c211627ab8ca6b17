"""From what was typed to what is asked of the app: findings, names and inputs become typed references."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from irkit.app.clock import now
from irkit.app.config import check_cluster
from irkit.app.runs import Ask
from irkit.cli.context import Context
from irkit.cli.incident import read_input
from irkit.errors import ConfigError, Refused, UsageError
from irkit.model.base import Json
from irkit.model.findings import Finding
from irkit.model.playbooks import Input, Playbook
from irkit.model.refs import ClusterRef, NamespaceRef, NodeRef, PodRef, ServiceAccountRef, TargetRef
from irkit.playbook import load_playbook, shipped

if TYPE_CHECKING:
    from irkit.intake import Received

_INTEGER = re.compile(r"^-?[0-9]{1,15}$")


def ask_for_finding(own: Context, file: str, pick: str, playbook: str, inputs: Sequence[str]) -> Ask:
    """What a finding asks for. Raises FindingError, Refused, ConfigError, UsageError, ClientError."""
    from irkit.intake import receive  # noqa: PLC0415 -- only commands with a finding need it

    asked = now()
    _no_playbook_name(file)
    raw = read_input(file)
    if b"kind: Playbook" in raw[:4096]:
        raise _no_finding(file)
    received = receive(raw, source_name="standard input" if file == "-" else file, pick=pick)
    finding = received.finding
    cluster, target = _of_finding(finding)
    own.settings.cluster(cluster.id)
    routed, preset = (playbook, {}) if playbook else _routed(own, received)
    source, name = read_playbook(routed)
    check_cluster(own.app, own.settings, cluster)
    target = own.app.resolve(target)
    checked = load_playbook(source, name, own.app.parts.catalog)
    values = {**_configured(own, checked), **preset, **_inputs(checked, inputs, cluster, target)}
    return Ask(target=target, playbook=source, playbook_name=name, inputs=values, asked=asked, finding=finding, raw=raw)


def ask_for_pod(own: Context, pod: str, playbook: str, inputs: Sequence[str]) -> Ask:
    """What `contain pod NAMESPACE/NAME` asks for."""
    asked = now()
    cluster = ClusterRef(id=own.settings.pick().id)
    typed = parse_target("pod", pod, cluster)
    source, name = read_playbook(playbook)
    check_cluster(own.app, own.settings, cluster)
    target = own.app.resolve(typed)
    checked = load_playbook(source, name, own.app.parts.catalog)
    values = {**_configured(own, checked), **_inputs(checked, inputs, cluster, target)}
    return Ask(target=target, playbook=source, playbook_name=name, inputs=values, asked=asked)


def ask_for_inputs(own: Context, playbook: str, inputs: Sequence[str]) -> Ask:
    """What a playbook with inputs asks for: its first reference is the target."""
    asked = now()
    source, name = read_playbook(playbook)
    cluster = ClusterRef(id=own.settings.pick().id)
    checked = load_playbook(source, name, own.app.parts.catalog)
    given = dict(_split(one) for one in inputs)
    first = next((one for one in checked.inputs if one.type in {"pod", "node"}), None)
    if first is None or first.name not in given:
        needed = ", ".join(f"-i {one.name}=…" for one in checked.inputs if one.required) or "nothing"
        msg = f"playbook {name} needs its inputs: {needed}"
        raise UsageError(msg, did="nothing was changed", hint=f"irkit playbook show {name}")
    check_cluster(own.app, own.settings, cluster)
    target = own.app.resolve(parse_target(first.type, given.pop(first.name), cluster))
    rest = [f"{key}={value}" for key, value in given.items()]
    values = {**_configured(own, checked), **_inputs(checked, rest, cluster, target)}
    return Ask(target=target, playbook=source, playbook_name=name, inputs=values, asked=asked)


def read_playbook(name_or_path: str) -> tuple[bytes, str]:
    """A playbook's bytes and name. Raises UsageError, with the command that was meant where it is a finding."""
    source, name = shipped.load(name_or_path)
    if source.lstrip()[:1] in {b"{", b"["} and b"Playbook" not in source:
        msg = f"{name_or_path[:300]} is JSON, as findings are, and no playbook"
        named = shlex.quote(name_or_path)
        raise UsageError(msg, did="nothing was changed", hint=f"irkit plan --finding {named}, or irkit respond {named}")
    return source, name


def _no_playbook_name(file: str) -> None:
    """A shipped playbook's name where a finding's file is asked for. Raises UsageError."""
    if file in shipped.names() and not Path(file).exists():
        raise _no_finding(file)


def _no_finding(file: str) -> UsageError:
    named = shlex.quote(file)
    hint = f"irkit contain pod NAMESPACE/NAME --playbook {named}, or irkit respond FINDING --playbook {named}"
    return UsageError(f"{file[:300]} is a playbook, and no finding", did="nothing was changed", hint=hint)


def parse_target(kind: str, text: str, cluster: ClusterRef) -> TargetRef:
    """A typed reference from `NAMESPACE/NAME` or `NAME`. Raises UsageError."""
    namespace, _, name = text.rpartition("/")
    namespaced: dict[str, type[PodRef | ServiceAccountRef]] = {"pod": PodRef, "serviceaccount": ServiceAccountRef}
    plain: dict[str, type[NodeRef | NamespaceRef]] = {"node": NodeRef, "namespace": NamespaceRef}
    form = "NAMESPACE/NAME" if kind in namespaced else "NAME"
    try:
        if kind in namespaced:
            return namespaced[kind].parse({"cluster": cluster.dump(), "namespace": namespace, "name": name})
        if kind in plain and not namespace:
            return plain[kind].parse({"cluster": cluster.dump(), "name": name})
    except ValidationError:
        pass
    msg = f"{text[:300]!r} does not name a {kind}"
    raise UsageError(msg, did="nothing was changed", hint=f"a {kind} is given as {form}")


def _of_finding(finding: Finding) -> tuple[ClusterRef, TargetRef]:
    if finding.cluster is None:
        msg = f"the finding {finding.type} names no cluster"
        raise Refused(msg, hint="irkit works on EKS findings; contain a pod by name: irkit contain pod NAMESPACE/NAME")
    if finding.target is None:
        msg = f"the finding {finding.type} names no pod or node of {finding.cluster}"
        raise Refused(msg, hint="contain a pod by name: irkit contain pod NAMESPACE/NAME")
    return finding.cluster, finding.target


def _routed(own: Context, received: Received) -> tuple[str, dict[str, Json]]:
    """The playbook that the routes give this finding, and what they pass to it.

    Raises Refused where no route matches, ConfigError for routes that cannot be read.
    """
    from irkit.intake.routing import load_routes, match  # noqa: PLC0415 -- only where no playbook is named

    path = own.settings.routes or shipped.folder() / "routes.yaml"
    try:
        data = path.read_bytes()
    except OSError as error:
        msg = f"the routes {path} cannot be read: {error.strerror}"
        raise ConfigError(msg, did="nothing was changed", hint="mend `routes` in irkit.yaml") from error
    route = match(load_routes(data, str(path)), received.event)
    if route is None:
        msg = f"no route leads from the finding {received.finding.type} to a playbook"
        raise Refused(msg, hint="name one: --playbook compromised-pod")
    return route.playbook, route.arguments(received.finding)


def _configured(own: Context, playbook: Playbook) -> dict[str, Json]:
    """What irkit.yaml says for inputs that this playbook declares."""
    declared = {one.name for one in playbook.inputs}
    return {name: value for name, value in own.settings.inputs.items() if name in declared}


def _inputs(playbook: Playbook, given: Sequence[str], cluster: ClusterRef, target: TargetRef) -> dict[str, Json]:
    """The playbook's inputs: the target where its type fits first, then what was typed. Raises UsageError."""
    typed = {"pod": PodRef, "node": NodeRef}
    values: dict[str, Json] = {}
    for one in playbook.inputs:
        if one.type in typed and isinstance(target, typed[one.type]):
            values[one.name] = target.dump()
            break
    else:
        msg = f"playbook {playbook.name} takes no {type(target).__name__.removesuffix('Ref').lower()}"
        raise UsageError(msg, did="nothing was changed", hint="irkit playbook list")
    known = {one.name: one for one in playbook.inputs}
    for text in given:
        key, value = _split(text)
        if key not in known:
            msg = f"playbook {playbook.name} has no input {key[:60]}"
            names = ", ".join(sorted(known))
            raise UsageError(msg, did="nothing was changed", hint=f"its inputs: {names}")
        values[key] = _value(known[key], value, cluster)
    return values


def _split(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        msg = f"-i {text[:80]!r} is not NAME=VALUE"
        raise UsageError(msg, did="nothing was changed", hint="-i pod=NAMESPACE/NAME")
    return key, value


def _value(one: Input, text: str, cluster: ClusterRef) -> Json:
    if one.type == "text":
        return text
    if one.type == "integer" and _INTEGER.match(text):
        return int(text)
    if one.type == "boolean" and text in {"true", "false"}:
        return text == "true"
    if one.type in {"pod", "node", "namespace", "serviceaccount"}:
        return parse_target(one.type, text, cluster).dump()
    msg = f"-i {one.name}: {text[:80]!r} is no {one.type}"
    raise UsageError(msg, did="nothing was changed", hint="booleans are true or false")
