"""What an identity must be allowed before a playbook begins: worked out of its actions, and asked of the API.

Actions declare what they read and write, and the engine refuses the rest at run time; so this list is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from irkit.actions.catalog import Catalog
from irkit.engine.aside import Aside
from irkit.errors import ClientError, Refused
from irkit.model.base import Json
from irkit.model.effects import Access
from irkit.model.kube import EXTENSIONS, NAMESPACES, NODES, PODS, RESOURCES, SERVICE_ACCOUNTS
from irkit.model.playbooks import Expr, InputType, Playbook, Step
from irkit.model.ports import KubeReader

WAVE = 32
"""Reviews at a time where somebody waits for them: those of most playbooks are two or three round trips."""
_CLUSTER_WIDE = frozenset((one.group, one.plural) for one in (*RESOURCES, *EXTENSIONS) if not one.namespaced)
_LOOKED_UP: dict[InputType, tuple[str, str]] = {
    "pod": ("", PODS.plural),
    "node": ("", NODES.plural),
    "namespace": ("", NAMESPACES.plural),
    "serviceaccount": ("", SERVICE_ACCOUNTS.plural),
}
_SYSTEM = "kube-system"
_INPUT = 2
"""Parts of `${inputs.NAME}`."""
ITSELF = "irkit itself"
"""Needs what no step declares: to resolve the target, and to tell the cluster from others."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission of a playbook.

    `everywhere`: in no namespace, or in all; otherwise in `namespace`, where "" is the target's.

    Steps that read the target's namespace and steps that read all of them have a grant each: where only the
    first is allowed, only the others fail.

    `name` is the one object that it is about, or "". `steps` need it; `optional`: all of them may fail or do without.
    """

    access: Access
    everywhere: bool
    name: str = ""
    steps: tuple[str, ...] = ()
    optional: bool = False
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """A grant in the namespace of a target; "" is the cluster or all namespaces."""

    grant: Grant
    namespace: str

    def __str__(self) -> str:
        name = f" {self.grant.name}" if self.grant.name else ""
        where = f" in {self.namespace}" if self.namespace else ""
        spread = not self.namespace and (self.grant.access.group, _plural(self.grant.access)) not in _CLUSTER_WIDE
        return f"{self.grant.access}{name}{' in all namespaces' if spread else where}"


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the API would not allow; or, in `unchecked`, why it could not be asked."""

    missing: tuple[Need, ...] = ()
    unchecked: str = ""

    @property
    def blocking(self) -> tuple[Need, ...]:
        """What steps lack that may not fail."""
        return tuple(one for one in self.missing if not one.grant.optional)

    def check(self, playbook: str) -> None:
        """Raises Refused where something that must not fail is not allowed."""
        if not self.blocking:
            return
        named = "; ".join(f"{one} ({', '.join(one.grant.steps)})" for one in self.blocking)
        msg = f"the API would not let this identity: {named}"
        hint = (
            f"grant it: irkit permissions {playbook} --format rbac | kubectl apply -f - "
            "· or do what is allowed: the same command with --without-preflight"
        )
        raise Refused(msg, hint=hint)


def grants(
    playbooks: Iterable[Playbook], catalog: Catalog, inputs: Mapping[str, Json] | None = None
) -> tuple[Grant, ...]:
    """Everything that these playbooks and their undo need of the Kubernetes API, sorted; each once.

    Of `inputs` only those matter that name a namespace of tool pods; the others' defaults are taken.
    """
    who: dict[_Wanted, dict[str, bool]] = {}
    for wanted, step, optional in _all(playbooks, catalog, inputs or {}):
        steps = who.setdefault(wanted, {})
        steps[step] = steps.get(step, True) and optional
    for wanted in [one for one in who if one.name]:
        if (every := wanted._replace(name="")) in who:  # every object's right is this one's too
            who[every] |= who.pop(wanted)
    found = [
        Grant(one.access, one.everywhere, one.name, tuple(steps), all(steps.values()), one.namespace)
        for one, steps in who.items()
    ]
    return tuple(sorted(found, key=_order))


class _Wanted(NamedTuple):
    access: Access
    everywhere: bool
    name: str = ""
    namespace: str = ""


def _order(one: Grant) -> tuple[str, str, str, str, bool, str]:
    return (one.access.group, one.access.resource, one.access.verb, one.name, not one.everywhere, one.namespace)


def _all(
    playbooks: Iterable[Playbook], catalog: Catalog, inputs: Mapping[str, Json]
) -> Iterator[tuple[_Wanted, str, bool]]:
    for playbook in playbooks:
        yield _Wanted(Access(group="", resource=NAMESPACES.plural, verb="get"), True, _SYSTEM), ITSELF, False
        for one in playbook.inputs:
            if one.type in _LOOKED_UP:
                group, plural = _LOOKED_UP[one.type]
                access = Access(group=group, resource=plural, verb="get")
                yield _Wanted(access, (group, plural) in _CLUSTER_WIDE), ITSELF, False
        for step in playbook.steps:
            action = catalog.get(step.uses)
            if action is None:
                continue  # the run refuses it by name
            spec, there = action.spec, _there(playbook, step, inputs)
            for access in (*spec.reads, *spec.writes):
                if access.plane == "kube":
                    everywhere = access in spec.wide or (access.group, _plural(access)) in _CLUSTER_WIDE
                    namespace = there if access in spec.there and not everywhere else ""
                    optional = step.on_failure == "continue" or access in spec.optional
                    yield _Wanted(access, everywhere, namespace=namespace), step.id, optional
            for access in spec.system:
                yield _Wanted(access, everywhere=False, namespace=_SYSTEM), step.id, True


def _there(playbook: Playbook, step: Step, inputs: Mapping[str, Json]) -> str:
    """The namespace that a step's parameter of this name says; "" where it says none, or only the run can tell."""
    value = step.arguments.get("namespace")
    if isinstance(value, Expr):
        if value.expr[0] != "inputs" or len(value.expr) != _INPUT:
            return ""
        known = {one.name: one.default for one in playbook.inputs} | dict(inputs)
        value = known.get(value.expr[1])
    return value if isinstance(value, str) else ""


def _plural(access: Access) -> str:
    return access.resource.partition("/")[0]


def needs(wanted: Iterable[Grant], namespace: str) -> tuple[Need, ...]:
    """The grants as they are asked for a target in this namespace; with "", a target in none."""
    return tuple(Need(one, "" if one.everywhere else one.namespace or namespace) for one in wanted)


def review(reader: KubeReader, wanted: Iterable[Need], wave: int = WAVE) -> Preflight:
    """One SelfSubjectAccessReview each, so many at a time. What cannot be asked is said, and stops nothing.

    One SelfSubjectRulesReview would not do: authorizers that cannot list their rules, as EKS's own webhook, make it
    `incomplete`, and a rule that it lists may be denied by an authorizer before (Kubernetes API, authorization/v1).
    """
    every = list(wanted)
    with Aside(wave, thread_name_prefix="irkit-preflight") as pool:
        try:
            allowed = pool.each(lambda one: reader.access(one.grant.access, one.namespace, one.grant.name), every)
        except ClientError as error:
            return Preflight(unchecked=str(error))
    return Preflight(tuple(one for one, ok in zip(every, allowed, strict=True) if not ok))
