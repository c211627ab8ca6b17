"""From what was typed to what is asked of the app: findings, names and inputs become typed references."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from irkit.app.clock import now
from irkit.app.config import check_cluster
from irkit.app.runs import Ask
from irkit.cli.context import Context
from irkit.cli.incident import read_input
from irkit.cli.named import parse_reference, parse_target
from irkit.errors import ClientError, ConfigError, Refused, UsageError
from irkit.model.base import Json, Model
from irkit.model.findings import Finding
from irkit.model.playbooks import Input, Playbook
from irkit.model.refs import ClusterRef, TargetRef
from irkit.playbook import load_playbook, shipped
from irkit.playbook.bindings import REFERENCES

if TYPE_CHECKING:
    from irkit.intake import Received

_INTEGER = re.compile(r"^-?[0-9]{1,15}$")


def ask_for_finding(own: Context, file: str, pick: str, playbook: str, inputs: Sequence[str]) -> Ask:
    """What a finding asks for. Raises FindingError, Refused, ConfigError, UsageError, ClientError."""
    from irkit.intake import receive  # noqa: PLC0415 -- only commands with a finding need it

    asked = now()
    _no_playbook_name(file)
    if own.also:
        msg = "a finding is about one cluster"
        raise UsageError(msg, did="nothing was changed", hint="irkit --also NAME contain pod|image|… for several")
    raw = read_input(file)
    if b"kind: Playbook" in raw[:4096]:
        raise _no_finding(file)
    received = receive(raw, source_name="standard input" if file == "-" else file, pick=pick)
    finding = received.finding
    cluster = _cluster_of(finding)
    own.settings.cluster(cluster.id)
    routed, preset = (playbook, {}) if playbook else _routed(own, received)
    book = _Book.read(own, routed)
    given = book.given(inputs)
    name, target = _about(book, finding, preset, given)
    ask = book.ask(own, asked, name, target, given, preset)
    return replace(ask, finding=finding, raw=raw)


def ask_for_target(own: Context, kind: str, text: str, playbook: str, inputs: Sequence[str]) -> Ask:
    """What `contain KIND TEXT` asks for."""
    asked = now()
    cluster = ClusterRef(id=own.settings.pick().id)
    target = parse_target(kind, text, cluster)
    book = _Book.read(own, playbook)
    ask = book.ask(own, asked, book.takes(target), target, book.given(inputs))
    return replace(ask, beside=_beside(own, kind, text))


def ask_for_inputs(own: Context, playbook: str, inputs: Sequence[str]) -> Ask:
    """What a playbook with inputs asks for: its first reference is the target."""
    asked = now()
    book = _Book.read(own, playbook)
    cluster = ClusterRef(id=own.settings.pick().id)
    given = book.given(inputs)
    first = book.first
    if first is None or first.name not in given:
        needed = ", ".join(f"-i {one.name}=…" for one in book.checked.inputs if one.required) or "nothing"
        msg = f"playbook {book.name} needs its inputs: {needed}"
        raise UsageError(msg, did="nothing was changed", hint=f"irkit playbook show {book.name}")
    text = given.pop(first.name)
    ask = book.ask(own, asked, first.name, parse_target(first.type, text, cluster), given)
    return replace(ask, beside=_beside(own, first.type, text))


@dataclass(frozen=True, slots=True)
class _Book:
    """A playbook that was asked for, and what it can be about."""

    source: bytes
    name: str
    checked: Playbook

    @classmethod
    def read(cls, own: Context, name_or_path: str) -> _Book:
        """Raises UsageError, PlaybookError."""
        source, name = read_playbook(name_or_path)
        return cls(source, name, load_playbook(source, name, own.app.parts.catalog))

    @property
    def first(self) -> Input | None:
        """The first input that is a reference."""
        return next((one for one in self.checked.inputs if one.type in REFERENCES), None)

    def given(self, inputs: Sequence[str]) -> dict[str, str]:
        """What was typed, by input. Raises UsageError for an input that it does not have."""
        typed = dict(_split(one) for one in inputs)
        known = sorted(one.name for one in self.checked.inputs)
        for name in typed:
            if name not in known:
                msg = f"playbook {self.checked.name} has no input {name[:60]}"
                raise UsageError(msg, did="nothing was changed", hint=f"its inputs: {', '.join(known)}")
        return typed

    def takes(self, target: TargetRef) -> str:
        """The name of the first input of the target's type. Raises UsageError."""
        for one in self.checked.inputs:
            if isinstance(target, REFERENCES.get(one.type, ())):
                return one.name
        msg = f"playbook {self.checked.name} takes no {type(target).__name__.removesuffix('Ref').lower()}"
        raise UsageError(msg, did="nothing was changed", hint="irkit playbook list")

    def ask(  # noqa: PLR0913, PLR0917 -- what was typed, in its parts
        self, own: Context, asked: str, name: str, target: TargetRef, given: Mapping[str, str],
        preset: Mapping[str, Json] | None = None,
    ) -> Ask:  # fmt: skip
        """Look everything up that is named, once the cluster is known to be the one that is meant."""
        if name in given:
            msg = f"-i {name} says again what this is about: {target}"
            raise UsageError(msg, did="nothing was changed", hint=f"leave -i {name}=… out, or plan it by its inputs")
        check_cluster(own.app, own.settings, target.cluster)
        living = own.app.resolve(target)
        declared = {one.name: one for one in self.checked.inputs}
        values = _configured(own, self.checked)
        for key, value in (preset or {}).items():
            if key in declared and key != name:
                values[key] = (
                    _pinned(own, REFERENCES[declared[key].type].parse(value)) if isinstance(value, dict) else value
                )
        values[name] = living.dump()
        for key, text in given.items():
            values[key] = _value(own, declared[key], text, target.cluster)
        return Ask(target=living, playbook=self.source, playbook_name=self.name, inputs=values, asked=asked)


def _beside(own: Context, kind: str, text: str) -> tuple[TargetRef, ...]:
    """The same in the further clusters, or what is named for them. Raises Refused, UsageError, ClientError.

    What has to be looked up and cannot be would be forgotten: so the whole command ends, and says what to leave out.
    """
    found = []
    for cluster_id, other in own.settings.beside:
        cluster = ClusterRef(id=cluster_id)
        target = parse_target(kind, other or text, cluster)
        try:
            if own.settings.cluster(cluster_id).uid:
                check_cluster(own.app, own.settings, cluster)
            found.append(own.app.resolve(target))
        except ClientError as error:
            hint = f"go on without it, and contain it when it answers: leave --also {cluster.name} out"
            msg = f"{cluster}: {error.message}"
            raise type(error)(msg, hint=hint) from error
    return tuple(found)


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


def _cluster_of(finding: Finding) -> ClusterRef:
    if finding.cluster is None:
        msg = f"the finding {finding.type} names no cluster"
        raise Refused(msg, hint="irkit works on EKS findings; contain a pod by name: irkit contain pod NAMESPACE/NAME")
    return finding.cluster


def _about(
    book: _Book, finding: Finding, preset: Mapping[str, Json], given: dict[str, str]
) -> tuple[str, TargetRef]:  # fmt: skip
    """The input and the object that a finding's case is about: what the route passes on, else the finding's target.

    Where neither fits what the playbook is about, it can be typed.
    """
    assert finding.cluster is not None  # noqa: S101 -- asked before
    first = book.first
    if first is not None and isinstance(value := preset.get(first.name), dict):
        found = REFERENCES[first.type].parse(value)
        if isinstance(found, TargetRef):
            return first.name, found
    fits = finding.target is not None and first is not None and isinstance(finding.target, REFERENCES[first.type])
    if first is not None and first.name in given and not fits:
        return first.name, parse_target(first.type, given.pop(first.name), finding.cluster)
    if finding.target is None:
        msg = f"the finding {finding.type} names no pod or node of {finding.cluster}"
        raise Refused(msg, hint="contain a pod by name: irkit contain pod NAMESPACE/NAME")
    return book.takes(finding.target), finding.target


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


def _split(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        msg = f"-i {text[:80]!r} is not NAME=VALUE"
        raise UsageError(msg, did="nothing was changed", hint="-i pod=NAMESPACE/NAME")
    return key, value


def _value(own: Context, one: Input, text: str, cluster: ClusterRef) -> Json:
    if one.type == "text":
        return text
    if one.type == "integer" and _INTEGER.match(text):
        return int(text)
    if one.type == "boolean" and text in {"true", "false"}:
        return text == "true"
    if one.type in REFERENCES:
        return _pinned(own, parse_reference(one.type, text, cluster))
    msg = f"-i {one.name}: {text[:80]!r} is no {one.type}"
    raise UsageError(msg, did="nothing was changed", hint="booleans are true or false")


def _pinned(own: Context, found: Model) -> Json:
    """A reference beside the target, looked up too: actions write to nothing that is not pinned."""
    return own.app.resolve(found).dump() if isinstance(found, TargetRef) else found.dump()
