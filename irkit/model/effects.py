"""What an action wants done, as data. The journaled intent is the call itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from irkit.model.base import Json, Model, digest

EffectName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Resource(Model):
    """A Kubernetes resource: group ("" is core), version, plural, and the kind of its objects."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`v1` or `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


class Slot(Model):
    """A sealed value: filled in at send time, of which the journal keeps only the name and a digest.

    `at` is a JSON Pointer (RFC 6901) into the call's body.
    """

    name: EffectName
    at: Annotated[str, StringConstraints(pattern=r"^/")]


class KubeCall(Model):
    """One write to a Kubernetes API.

    `body` is a whole object (create), a list of JSON Patch operations (patch) or DeleteOptions (delete).
    A patch of an existing object starts with a `test` on /metadata/uid; a delete carries
    preconditions.uid. `keep` lists the JSON Pointers of the reply that are journaled.
    """

    type: Literal["kube"] = "kube"
    name: EffectName
    cluster: str
    verb: Literal["create", "patch", "delete"]
    resource: Resource
    namespace: str = ""
    object: str
    subresource: str = ""
    body: Json = None
    keep: tuple[str, ...] = ("/metadata/uid", "/metadata/resourceVersion")
    slots: tuple[Slot, ...] = ()

    @property
    def target(self) -> str:
        """What the call is about, for people: `pods shop/web`."""
        where = f"{self.namespace}/{self.object}" if self.namespace else self.object
        return f"{self.resource} {where}{'/' + self.subresource if self.subresource else ''}"

    @property
    def access(self) -> Access:
        """The permission that this call needs."""
        plural = f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural
        return Access(group=self.resource.group, resource=plural, verb=self.verb)


class AwsCall(Model):
    """One write to an AWS API: boto3's own service, operation and keyword names."""

    type: Literal["aws"] = "aws"
    name: EffectName
    account: str
    region: str
    service: str
    operation: str
    params: dict[str, Json]
    keep: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()

    @property
    def target(self) -> str:
        """What the call is about, for people."""
        return f"{self.service} {self.operation}"

    @property
    def access(self) -> Access:
        """The API operation; a checked table maps it to IAM permissions."""
        return Access(group=self.service, resource=self.operation, verb="call", plane="aws")


class Store(Model):
    """An artefact of bytes that were already read: `spool` names them in the reader's spool."""

    type: Literal["store"] = "store"
    name: EffectName
    key: str
    spool: str
    sha256: Sha256
    size: int = Field(ge=0)
    media_type: str
    keep: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()

    @property
    def target(self) -> str:
        """What is stored, for people."""
        return f"artefact {self.key}"

    @property
    def access(self) -> Access:
        """Writing evidence is its own permission."""
        return Access(group="", resource="artefacts", verb="create", plane="evidence")


Effect = Annotated[KubeCall | AwsCall | Store, Field(discriminator="type")]


class Access(Model):
    """One permission that an action needs: the generated RBAC and IAM policies come from these."""

    plane: Literal["kube", "aws", "evidence"] = "kube"
    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        where = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {where}"


class Mark(Model):
    """What tells one piece of work from all others; any rerun, by any responder, makes the same mark.

    `within` is the cluster or account; `scope` is the uid of the target, or of its namespace where one
    object serves many targets. Run and step are not in it. `take` counts acquisitions.
    """

    within: str
    case: str
    action: str
    scope: str
    params: Sha256
    take: int = 0

    __slots__ = ("_id",)  # no field: what a model holds beside its slots would be journaled with it, and compared

    @property
    def id(self) -> str:
        """Hex digest of all parts, worked out once: a fleet asks for it again and again."""
        try:
            known: str = object.__getattribute__(self, "_id")
        except AttributeError:
            known = digest(self.dump())
            object.__setattr__(self, "_id", known)
        return known

    @property
    def short(self) -> str:
        """Ten hex digits for object names (40 bits, within one case and action)."""
        return self.id[:10]
