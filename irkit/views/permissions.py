"""What playbooks need of the Kubernetes API, as RBAC objects for `kubectl apply` and as a screen.

Source: Kubernetes documentation, "Using RBAC Authorization". Nothing here holds a wildcard. A `create` cannot be
narrowed to a name, because the API authorises it before it knows one; irkit's own objects are named after their case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from irkit.engine.preflight import ITSELF, Grant
from irkit.model.base import Json
from irkit.model.effects import Access
from irkit.views.terminal import Line, Span, field, hanging, pad

RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_REVIEWS = (
    Access(group="authentication.k8s.io", resource="selfsubjectreviews", verb="create"),
    Access(group="authorization.k8s.io", resource="selfsubjectaccessreviews", verb="create"),
)
"""Who am I, and what may I do: system:basic-user lets everybody ask, unless somebody took that role away."""
_HAZARDS = {
    Access(group="", resource="secrets", verb="list"): "lets its holder read Secrets whole; irkit asks for their "
    "metadata only, and RBAC has no smaller permission",
    Access(group=RBAC, resource="clusterroles", verb="bind"): "makes its holder as powerful as any ClusterRole: the "
    "API demands it of whoever changes a binding, even to take a subject out",
    Access(group=RBAC, resource="roles", verb="bind"): "makes its holder as powerful as any Role, for the same reason",
    Access(group="", resource="pods/exec", verb="create"): "lets its holder run anything in the pods",
    Access(group="", resource="pods/ephemeralcontainers", verb="patch"): "lets its holder run anything in the pods",
    Access(group="", resource="pods", verb="create"): "lets its holder use every identity and node of where it holds",
    **{
        Access(group="apps", resource=plural, verb="patch"): "lets its holder run anything as these workloads do: RBAC "
        "cannot narrow it to the annotation or the number that irkit sets"
        for plural in ("daemonsets", "deployments", "statefulsets")
    },
    Access(group=_ADMISSION, resource="validatingadmissionpolicybindings", verb="create"): "lets its holder, with the "
    "policies, deny any request of anybody, in the whole cluster",
}
_COLUMN = 42
_VERBS = ("get", "list", "create", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Subject:
    """Who gets the permissions. `namespace` is a service account's."""

    kind: Literal["User", "Group", "ServiceAccount"]
    name: str
    namespace: str = ""

    def dump(self) -> dict[str, Json]:
        """As a binding names it."""
        if self.kind == "ServiceAccount":
            return {"kind": self.kind, "name": self.name, "namespace": self.namespace}
        return {"apiGroup": RBAC, "kind": self.kind, "name": self.name}


def rbac_objects(found: Sequence[Grant], name: str, subject: Subject, namespace: str = "") -> list[dict[str, Json]]:
    """Roles and bindings. With a namespace only what cannot be narrowed to it is in a ClusterRole."""
    wide = [(one.access, one.name) for one in found if one.everywhere or not (one.namespace or namespace)]
    narrow: dict[str, list[tuple[Access, str]]] = {}
    for one in found:
        if (pair := (one.access, one.name)) not in wide:
            narrow.setdefault(one.namespace or namespace, []).append(pair)
    made = _pair("ClusterRole", {"name": name}, subject, [*_rules(wide), *_rules((one, "") for one in _REVIEWS)])
    for place, pairs in sorted(narrow.items()):
        made += _pair("Role", {"name": name, "namespace": place}, subject, _rules(pairs))
    return made


def _pair(kind: str, where: dict[str, str], subject: Subject, rules: Sequence[Json]) -> list[dict[str, Json]]:
    meta: dict[str, Json] = {**where, "labels": {"app.kubernetes.io/managed-by": "irkit"}}
    role: dict[str, Json] = {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": meta, "rules": [*rules]}
    binding: dict[str, Json] = {
        "apiVersion": f"{RBAC}/v1", "kind": f"{kind}Binding", "metadata": meta,
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": where["name"]}, "subjects": [subject.dump()],
    }  # fmt: skip
    return [role, binding]


def _rules(wanted: Iterable[tuple[Access, str]]) -> list[dict[str, Json]]:
    """Resources of one group with the same verbs and names share a rule."""
    verbs: dict[tuple[str, str, str], set[str]] = {}
    for access, name in wanted:
        verbs.setdefault((access.group, access.resource, name), set()).add(access.verb)
    shared: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
    for (group, resource, name), each in sorted(verbs.items()):
        shared.setdefault((group, tuple(sorted(each, key=_rank)), name), []).append(resource)
    rules: list[dict[str, Json]] = []
    for (group, each_verb, name), resources in sorted(shared.items()):
        rule: dict[str, Json] = {"apiGroups": [group], "resources": [*resources]}
        if name:
            rule["resourceNames"] = [name]
        rules.append({**rule, "verbs": [*each_verb]})
    return rules


def _rank(verb: str) -> tuple[int, str]:
    return (_VERBS.index(verb) if verb in _VERBS else len(_VERBS), verb)


def rbac_yaml(objects: Sequence[dict[str, Json]], found: Sequence[Grant], title: str) -> str:
    """The objects as YAML that `kubectl apply -f -` takes, with what to think of in comments."""
    import yaml  # noqa: PLC0415 -- start-up time of everything else

    class Dumper(yaml.SafeDumper):
        """Repeats what two objects share instead of pointing at it."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 -- the base's
            return True

    head = [f"# {title}", "# Written by irkit permissions: what the steps read and write, and what their undo needs."]
    head += [f"# {access}: {why}." for access, why in hazards(found)]
    parts = [yaml.dump(one, Dumper=Dumper, sort_keys=False, default_flow_style=False, width=200) for one in objects]
    return "\n".join(head) + "\n" + "---\n".join(parts)


def hazards(found: Iterable[Grant]) -> Iterator[tuple[Access, str]]:
    """Permissions that give more than irkit uses, and why they are needed all the same."""
    for access in dict.fromkeys(one.access for one in found):
        if access in _HAZARDS:
            yield access, _HAZARDS[access]


def _places(found: Iterable[Grant]) -> set[str]:
    return {one.namespace for one in found} - {""}


def permission_lines(found: Sequence[Grant], title: str) -> list[Line]:
    """The screen: a line per permission with the steps that need it."""
    lines: list[Line] = [[Span(title, "bold")], [""]]
    places = {"": "In the target's namespace"} | {name: f"In namespace {name}" for name in sorted(_places(found))}
    parts = [("In the whole cluster", [one for one in found if one.everywhere])]
    for place, heading in places.items():
        parts.append((heading, [one for one in found if not one.everywhere and one.namespace == place]))
    for heading, part in parts:
        if not part:
            continue
        lines.append([Span(heading, "head")])
        for one in part:
            name = f" {one.name}" if one.name else ""
            steps = ", ".join(one.steps)
            text = f"{steps}{' (goes on without it)' if one.optional else ''}"
            permission, style = f"{one.access}{name}", "dim" if steps == ITSELF else ""
            if len(permission) > _COLUMN:  # copied as it is, so never cut
                lines.append([f"  {permission}"])
                permission = ""
            lines.extend(hanging(f"  {pad(permission, _COLUMN)} ", text, style=style))
        lines.append([""])
    for access, why in hazards(found):
        lines.extend(field("Mind", f"{access} {why}.", style="warn"))
    lines.extend(field("Undo", "what it needs is in the list"))
    lines.extend(field("Grant", "the same command with --format rbac | kubectl apply -f -"))
    return lines


def permissions_json(found: Sequence[Grant]) -> Json:
    """The list as JSON."""
    return [
        {
            "group": one.access.group, "resource": one.access.resource, "verb": one.access.verb, "name": one.name,
            "everywhere": one.everywhere, "namespace": one.namespace, "steps": [*one.steps], "optional": one.optional,
        }
        for one in found
    ]  # fmt: skip
