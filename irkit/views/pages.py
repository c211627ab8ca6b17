"""Generated Markdown: one page an action, the catalogue's index, a runbook's table of steps."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from irkit.actions.api import ActionSpec
from irkit.actions.catalog import Catalog
from irkit.engine.approvals import needed
from irkit.model.base import Model
from irkit.model.effects import Access
from irkit.model.playbooks import Playbook, Step
from irkit.model.refs import (
    ClusterRef,
    ImageRef,
    NamespaceRef,
    NodeRef,
    PodAddressRef,
    PodRef,
    ServiceAccountRef,
    WorkloadRef,
)
from irkit.playbook.language import API_VERSION

_REFERENCES: dict[Any, str] = {
    ClusterRef: "cluster",
    NamespaceRef: "namespace",
    NodeRef: "node",
    PodRef: "pod",
    ServiceAccountRef: "serviceaccount",
    WorkloadRef: "workload",
    ImageRef: "image",
    PodAddressRef: "podaddress",
}
_PLAIN: dict[Any, str] = {str: "text", int: "integer", bool: "boolean", type(None): "nothing"}
_PURPOSES = {
    "read": "reads, and changes nothing",
    "protect": "keeps evidence from being lost",
    "contain": "stops an attacker",
    "capture": "takes evidence",
    "probe": "tests whether something holds",
    "recover": "goes back to normal",
}
_RISKS = {
    "none": "none: nothing is changed",
    "reversible": "reversible: healthy work goes on, and undo restores what was there",
    "disruptive": "disruptive: healthy work may feel it",
    "destructive": "destructive: what is lost does not come back; it waits for an approval",
}
_SCOPE = ("    - id: scope", "      uses: kube.scope_pod", "      with:", "        pod: ${inputs.pod}")
_INPUT = re.compile(r"^(?P<name>\w+): \$\{inputs\.(?P<input>\w+)\}$", re.ASCII)


def action_page(spec: ActionSpec) -> str:
    """An action's page: what it is for, takes, gives, needs and undoes, and an example that lints."""
    parts = [
        f"# {spec.id}\n\n{spec.title}.",
        _table(("", ""), summary_rows(spec)),
        "## Parameters\n\n" + (_fields(spec.params, inputs=True) or "None."),
        "## Outputs\n\n" + (_fields(spec.outputs, inputs=False) or "None."),
        "## Permissions\n\n"
        "It reads and writes these and no others; the engine refuses the rest at run time.\n\n"
        + _permissions(spec.reads, spec.writes),
        f"## Example\n\n```yaml\n{example_playbook(spec)}```",
    ]
    return "\n\n".join(parts) + "\n"


def summary_rows(spec: ActionSpec) -> list[tuple[str, str]]:
    """What the action is, label by label."""
    return [
        ("Purpose", f"{spec.purpose}: {_PURPOSES[spec.purpose]}"),
        ("Risk", _RISKS[spec.risk]),
        ("Undo", _undo(spec)),
        *([("Loses", f"volatile evidence of `{spec.destroys}`: capture it before")] if spec.destroys else []),
        *([("Captures", f"evidence of `{spec.captures}`")] if spec.captures else []),
        *([("Settles", f"within {spec.settle} s of its last write")] if spec.settle else []),
        ("Version", str(spec.version)),
    ]


def plain(text: str) -> str:
    """The same text without Markdown's code marks, for a terminal."""
    return text.replace("`", "")


def index_page(specs: Iterable[ActionSpec]) -> str:
    """The catalogue: every action, one row each."""
    rows = [
        (
            f"[{spec.id}]({spec.id}.md)",
            spec.title,
            spec.purpose,
            spec.risk,
            "no" if spec.no_undo or not spec.writes else "yes",
        )
        for spec in specs
    ]
    return (
        "# Actions\n\n"
        "Written by `make docs` from the catalogue; `irkit actions show ID` prints the same page.\n\n"
        + _table(("action", "what it does", "purpose", "risk", "undo"), rows)
        + "\n"
    )


def step_table(playbook: Playbook, catalog: Catalog) -> str:
    """What a playbook's steps do, for a runbook."""
    rows = []
    for number, step in enumerate(playbook.steps, 1):
        spec = catalog.need(step.uses).spec
        rows.append(
            (
                str(number),
                step.id,
                f"{spec.title} (`{step.uses}`)",
                _when(step),
                "yes" if needed(step, spec) else "no",
                _undo(spec),
            )
        )
    return _table(("", "step", "what it does", "starts", "waits for an approval", "undo"), rows)


def example_playbook(spec: ActionSpec) -> str:
    """A whole playbook that uses the action, from the example in its spec.

    An example that takes an output of a step `scope` gets that step: kube.scope_pod.
    """
    arguments = spec.example.strip("\n").split("\n")
    inputs = {
        match["input"]: type_words(spec.params.model_fields[match["name"]].annotation)
        for line in arguments
        if (match := _INPUT.match(line))
    }
    scoped = "${steps.scope." in spec.example
    if scoped:
        inputs.setdefault("pod", "pod")
    name = spec.id.rpartition(".")[2].replace("_", "-")
    lines = [
        f"apiVersion: {API_VERSION}",
        "kind: Playbook",
        "metadata:",
        f"  name: {name}",
        f"  title: {spec.title}",
        "spec:",
        *(["  inputs:"] if inputs else []),
        *(line for one, kind in inputs.items() for line in (f"    {one}:", f"      type: {kind}")),
        "  steps:",
        *(_SCOPE if scoped else ()),
        f"    - id: {name}",
        f"      uses: {spec.id}",
        *(["      needs: [scope]"] if scoped else []),
        *(['      accept_loss: "why the evidence may be lost here"'] if spec.destroys else []),
        "      with:",
        *(f"        {line}" for line in arguments),
    ]
    return "\n".join(lines) + "\n"


def type_words(annotation: Any) -> str:  # noqa: ANN401 -- any type that a field may have
    """A parameter's type in a playbook author's words."""
    if annotation in _REFERENCES:
        return _REFERENCES[annotation]
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_words(inner[0])
    if origin is Literal:
        return "one of " + ", ".join(f"`{value}`" if value != "" else "empty" for value in inner)
    if origin in {Union, types.UnionType}:
        return " or ".join(dict.fromkeys(type_words(one) for one in inner))
    if origin in {tuple, list}:
        return f"list of {type_words(inner[0])}"
    if origin is dict:
        return f"mapping of {type_words(inner[0])} to {type_words(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Model):
        fields = ", ".join(f"{name}: {type_words(info.annotation)}" for name, info in annotation.model_fields.items())
        return f"object ({fields})"
    return "JSON value"


def _undo(spec: ActionSpec) -> str:
    if spec.no_undo:
        return f"none: {spec.no_undo}"
    return "restores only what irkit changed" if spec.writes else "nothing to undo"


def _when(step: Step) -> str:
    parts = ["at the end, always" if step.always else "at once"]
    if step.needs:
        parts = [("at the end, always, " if step.always else "") + f"after {', '.join(step.needs)}"]
    if step.for_each is not None:
        parts.append(f"once for each of `{step.for_each}`")
    if step.when is not None:
        parts.append(f"where `{step.when.text}`")
    return ", ".join(parts)


def _fields(model: type[Model], *, inputs: bool) -> str:
    told = any(info.description for info in model.model_fields.values())
    head = ["name", "type", *(["default"] if inputs else []), *(["meaning"] if told else [])]
    rows = [[f"`{row[0]}`", *row[1:], *([""] if told and len(row) < len(head) else [])]
            for row in field_rows(model, inputs=inputs)]  # fmt: skip
    return _table(head, rows) if rows else ""


def field_rows(model: type[Model], *, inputs: bool) -> list[list[str]]:
    """Name, type, default (of `inputs`), and meaning where there is one."""
    return [
        [
            name,
            type_words(info.annotation),
            *([_default(info)] if inputs else []),
            *([info.description] if info.description else []),
        ]
        for name, info in model.model_fields.items()
    ]


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=False)
    if isinstance(value, bool):
        return "`true`" if value else "`false`"  # as a playbook says it
    return "empty" if value in ("", (), None) else f"`{value}`"


def _permissions(reads: Sequence[Access], writes: Sequence[Access]) -> str:
    rows = [(plane, f"`{resource}`", f"`{group}`" if group not in {"", "core"} else group, verbs)
            for plane, resource, group, verbs in permission_rows(reads, writes)]  # fmt: skip
    return _table(("plane", "resource", "group", "verbs"), rows) if rows else "None."


def permission_rows(reads: Sequence[Access], writes: Sequence[Access]) -> list[tuple[str, str, str, str]]:
    """Plane, resource, group (`core` for Kubernetes' own) and verbs, one row a resource."""
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for access in (*reads, *writes):
        found = verbs.setdefault((access.plane, access.resource, access.group), [])
        if access.verb not in found:
            found.append(access.verb)
    return [
        (plane, resource, group or ("core" if plane == "kube" else ""), ", ".join(found))
        for (plane, resource, group), found in verbs.items()
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
    )
