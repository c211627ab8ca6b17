"""Scenario files: a world in a few lines of YAML.

    apiVersion: irkit.dev/v1alpha1
    kind: Scenario
    metadata: {name: shop, title: A web shop}
    seed: 1
    world:
      cluster: arn:aws:eks:eu-west-1:111122223333:cluster/lab
      nodes: [{nodegroup: ng-1, count: 3}]
      namespaces:
        shop:
          serviceAccounts: {web: {role: "arn:aws:iam::111122223333:role/web"}}
          deployments: {web: {replicas: 3, image: web:1, serviceAccount: web, ports: [8080], env: {API_KEY: canary}}}
          pods: {odd: {image: busybox:1, privileged: true}}
          services: {web: {selector: {app: web}, port: 8080}}
          pdbs: {web: {selector: {app: web}, minAvailable: 2}}
          networkPolicies: {allow-web: {podSelector: {matchLabels: {app: web}}, ingress: [{}], policyTypes: [Ingress]}}
      objects: []          # whole objects, as they are
      behaviour: {enforcement: cut, refuse: drop, delay: 2}
    tokens: {auditor: {user: auditor, rules: [{verbs: [get], resources: [pods]}]}}

`builder` says what a workload becomes. Keys that a drill adds stay beside these.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
import yamlcore
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from irkit.errors import ConfigError
from irkit.lab import fields, validate
from irkit.lab.auth import Identity
from irkit.lab.behaviour import Behaviour
from irkit.lab.status import Cause
from irkit.lab.world import BY_KIND
from irkit.model.base import Model
from irkit.model.refs import DNS_LABEL, ClusterRef, Name

LARGEST: Final = 1024 * 1024
"""Bytes of a scenario file."""

Label = Annotated[str, StringConstraints(pattern=DNS_LABEL, max_length=63)]


def _decoded(doc: dict[str, Any], type_: str) -> dict[str, Any]:
    unknown: list[str] = []
    try:
        decoded = fields.decode(doc, type_, unknown)
    except fields.WrongType as error:
        raise ValueError(str(error)) from error
    if unknown:
        msg = f"there is no field {', '.join(unknown)}"
        raise ValueError(msg)
    found: dict[str, Any] = decoded
    return found


def _policy(spec: dict[str, Any]) -> dict[str, Any]:
    doc = {"spec": _decoded(spec, "V1NetworkPolicySpec")}
    validate.default_policy(doc)
    _raise(validate.network_policy(doc))
    return doc["spec"]


def _object(doc: dict[str, Any]) -> dict[str, Any]:
    resource = BY_KIND.get((str(doc.get("apiVersion")), str(doc.get("kind"))))
    if resource is None:
        msg = "apiVersion and kind must be of an object that the lab knows"
        raise ValueError(msg)
    found = _decoded(doc, fields.TYPES[resource.kind])
    meta = found.get("metadata", {})
    if not meta.get("name") or bool(meta.get("namespace")) != resource.namespaced:
        msg = f"metadata needs a name and {'a' if resource.namespaced else 'no'} namespace"
        raise ValueError(msg)
    return found


def _labels(values: dict[str, str]) -> dict[str, str]:
    _raise(validate.labels(values, "labels"))
    return values


def _annotations(values: dict[str, str]) -> dict[str, str]:
    _raise(validate.check_annotations(values))
    return values


def _raise(causes: list[Cause]) -> None:
    if causes:
        raise ValueError("; ".join(f"{cause.field}: {cause.detail}" for cause in causes))


def _arn(text: str) -> str:
    if not ClusterRef(id=text).arn:
        msg = "must be an EKS cluster ARN"
        raise ValueError(msg)
    return text


Arn = Annotated[str, AfterValidator(_arn)]
Labels = Annotated[dict[str, str], AfterValidator(_labels)]
Annotations = Annotated[dict[str, str], AfterValidator(_annotations)]
Policy = Annotated[dict[str, Any], AfterValidator(_policy)]
"""A NetworkPolicy's spec, as the API would store it."""
Object = Annotated[dict[str, Any], AfterValidator(_object)]
"""A whole object, as the API would store it."""


class _Shape(Model):
    """Base of all parts of a scenario: keys are written as Kubernetes writes them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


class PodShape(_Shape):
    """What a pod, or a workload's template, is made of. `node` pins it to a node by name or index."""

    image: str = "lab.invalid/app:1"
    images: dict[Label, str] = Field(default_factory=dict)  # several containers by name, instead of `image`
    labels: Labels | None = None  # {app: NAME} where left out
    annotations: Annotations = Field(default_factory=dict)
    env: dict[str, str] = Field(default_factory=dict)
    ports: tuple[int, ...] = ()
    service_account: Name = "default"
    privileged: bool = False
    host_network: bool = False
    node: str | int | None = None
    uid: str = ""
    events: bool = False


class MemberShape(_Shape):
    """The first pod of a Deployment, under a name that is known; `template` is the hash of its ReplicaSet."""

    name: Name
    template: Label
    uid: str = ""


class WorkloadShape(PodShape):
    """A Deployment, ReplicaSet, StatefulSet, DaemonSet or Job with its pods. A DaemonSet has one on each node.

    `member` names the first pod of a Deployment.
    """

    replicas: int = Field(default=1, ge=0, le=500)
    member: MemberShape | None = None


class ServiceAccountShape(_Shape):
    """A service account; `role` is an IAM role's ARN, `tokens` are Secrets that hold a token of it."""

    role: str = ""
    tokens: tuple[Name, ...] = ()
    uid: str = ""


class ServiceShape(_Shape):
    """A ClusterIP service."""

    selector: Labels
    port: int = 80


class BudgetShape(_Shape):
    """A PodDisruptionBudget."""

    selector: Labels
    min_available: int = 1


class NamespaceShape(_Shape):
    """A namespace and what is in it, by name."""

    uid: str = ""
    labels: Labels = Field(default_factory=dict)
    service_accounts: dict[Name, ServiceAccountShape] = Field(default_factory=dict)
    deployments: dict[Label, WorkloadShape] = Field(default_factory=dict)
    replica_sets: dict[Label, WorkloadShape] = Field(default_factory=dict)
    stateful_sets: dict[Label, WorkloadShape] = Field(default_factory=dict)
    daemon_sets: dict[Label, WorkloadShape] = Field(default_factory=dict)
    jobs: dict[Label, WorkloadShape] = Field(default_factory=dict)
    pods: dict[Name, PodShape] = Field(default_factory=dict)
    services: dict[Label, ServiceShape] = Field(default_factory=dict)
    pdbs: dict[Name, BudgetShape] = Field(default_factory=dict)
    network_policies: dict[Name, Policy] = Field(default_factory=dict)
    config_maps: dict[Name, dict[str, str]] = Field(default_factory=dict)
    secrets: dict[Name, dict[str, str]] = Field(default_factory=dict)


class NodesShape(_Shape):
    """Nodes of a node group. `name` and `uid` are for a single one."""

    nodegroup: Label = "ng-1"
    count: int = Field(default=1, ge=1, le=500)
    name: str = ""
    uid: str = ""


class WorldShape(_Shape):
    """A cluster."""

    cluster: Arn = "arn:aws:eks:eu-west-1:111122223333:cluster/lab"
    nodes: tuple[NodesShape, ...] = (NodesShape(count=3),)
    namespaces: dict[Label, NamespaceShape] = Field(default_factory=dict)
    objects: tuple[Object, ...] = ()
    behaviour: Behaviour = Behaviour()


class Metadata(_Shape):
    """What a scenario is called."""

    name: Label
    title: str = ""


class Scenario(_Shape):
    """A scenario file."""

    api_version: Literal["irkit.dev/v1alpha1"]
    kind: Literal["Scenario"]
    metadata: Metadata
    seed: int = 1
    world: WorldShape
    tokens: dict[Label, Identity] = Field(default_factory=dict)


def read(data: bytes, source: str) -> dict[str, Any]:
    """The YAML mapping in a file's bytes. `source` names it in errors. Raises ConfigError."""
    if len(data) > LARGEST:
        msg = f"{source}: a scenario has at most {LARGEST} bytes, this one {len(data)}"
        raise ConfigError(msg)
    try:
        doc = yaml.load(data, Loader=yamlcore.CCoreLoader)  # noqa: S506 -- CCoreLoader makes plain values only
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        msg = f"{source}{where}: {getattr(error, 'problem', None) or 'cannot be read as YAML'}"
        raise ConfigError(msg) from error
    if not isinstance(doc, dict):
        msg = f"{source}: a scenario is a mapping"
        raise ConfigError(msg)
    return doc


def parse(doc: dict[str, Any], source: str) -> Scenario:
    """A checked scenario. Raises ConfigError with every mistake."""
    try:
        return Scenario.parse(doc)
    except (ValidationError, TypeError) as error:
        raise _mistakes(error, source) from error


def _mistakes(error: ValidationError | TypeError, source: str) -> ConfigError:
    if isinstance(error, TypeError):  # orjson: a date, a set
        return ConfigError(f"{source}: holds a value that JSON has not")
    lines = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()]
    return ConfigError(f"{source}: " + "; ".join(lines))


def load(path: Path) -> Scenario:
    """Read a scenario file. Raises ConfigError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
    return parse(read(data, str(path)), str(path))
