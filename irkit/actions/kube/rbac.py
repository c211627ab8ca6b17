"""What RBAC lets a subject do, and whom it lets do something: the API server's own rules, on objects that were read.

Pure. Rights only add up; there is no rule that denies. A ClusterRole with an aggregation rule has the rules that the
API's controller filled in. Other authorizers (the node authorizer, webhooks, EKS access policies) are not RBAC, and
the group system:masters passes before any of them.

Sources: kubernetes `pkg/registry/rbac/validation/rule.go` (who a binding is for), `pkg/apis/rbac/v1/
evaluation_helpers.go` (what a rule covers); Kubernetes documentation, "Using RBAC Authorization".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Self

from irkit.actions.kube.objects import NAME_LIMIT, name_of, uid_of
from irkit.errors import Malformed
from irkit.model.doc import Doc

SubjectKind = Literal["User", "Group", "ServiceAccount"]
BindingKind = Literal["ClusterRoleBinding", "RoleBinding"]
RoleKind = Literal["ClusterRole", "Role"]
MASTERS = "system:masters"
"""Members may do everything, whatever RBAC says; they are in certificates, and in no object."""
_SUBJECTS: dict[str, SubjectKind] = {"User": "User", "Group": "Group", "ServiceAccount": "ServiceAccount"}
_ROLES: dict[str, RoleKind] = {"ClusterRole": "ClusterRole", "Role": "Role"}
_ACCOUNT = "system:serviceaccount:"
_SUBJECT_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks the API for.

    `namespace` is "" for cluster-wide objects and for requests across all namespaces. `names` are the objects that
    it is about: the request stands for one request for each of them, and None for one of any name; () is a request
    that names no object, such as create and list. With `path` it is about a URL that is no resource, and only
    `verb` matters beside it.
    """

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    names: tuple[str, ...] | None = ()
    path: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """One rule of a role: every combination of its verbs with its resources, or with its URLs. All sorted."""

    verbs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()

    def covers(self, request: Request) -> bool:
        """Whether it allows the request, or one of those that the request stands for."""
        if not _in(request.verb, self.verbs):
            return False
        if request.path:
            return any(_url(one, request.path) for one in self.urls)
        return (
            _in(request.group, self.groups)
            and self._has(request.resource, request.subresource)
            and (not self.names or request.names is None or not set(self.names).isdisjoint(request.names or ("",)))
        )

    def _has(self, resource: str, subresource: str) -> bool:
        """`pods` has no subresource in it; `*` has all of them, and `*/exec` is that of any resource."""
        wanted = {f"{resource}/{subresource}", f"*/{subresource}"} if subresource else {resource}
        return not wanted.isdisjoint(self.resources) or "*" in self.resources

    @classmethod
    def read(cls, doc: Doc) -> Self:
        """From the API's object. Raises Malformed."""
        return cls(
            verbs=tuple(sorted(doc.texts("verbs"))),
            groups=tuple(sorted(doc.texts("apiGroups"))),
            resources=tuple(sorted(doc.texts("resources"))),
            names=tuple(sorted(doc.texts("resourceNames"))),
            urls=tuple(sorted(doc.texts("nonResourceURLs"))),
        )


def _in(value: str, allowed: tuple[str, ...]) -> bool:
    return value in allowed or "*" in allowed


def _url(rule: str, path: str) -> bool:
    """A `*` at the end, and nowhere else, stands for any rest."""
    return rule in {"*", path} or (rule.endswith("*") and path.startswith(rule.rstrip("*")))


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Whom a binding is for. `namespace` is that of a service account."""

    kind: SubjectKind
    name: str
    namespace: str = ""

    @property
    def user(self) -> str:
        """The user name that the API knows it by; "" for a group."""
        if self.kind == "ServiceAccount":
            return f"{_ACCOUNT}{self.namespace}:{self.name}"
        return self.name if self.kind == "User" else ""

    @classmethod
    def of_user(cls, name: str) -> Self:
        """A service account where the user name is one's, else a user."""
        namespace, colon, account = name.removeprefix(_ACCOUNT).partition(":")
        if name.startswith(_ACCOUNT) and colon and namespace and account and ":" not in account:
            return cls("ServiceAccount", account, namespace)
        return cls("User", name)

    def __str__(self) -> str:
        if self.kind == "ServiceAccount":
            return f"service account {self.namespace}/{self.name}"
        return f"{self.kind.lower()} {self.name}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who asks: a user name and the groups that it is in."""

    user: str
    groups: frozenset[str] = frozenset()

    @classmethod
    def service_account(cls, namespace: str, name: str) -> Self:
        """A service account, in the groups of all, of its namespace's, and of everybody who is somebody."""
        groups = {"system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"}
        return cls(f"{_ACCOUNT}{namespace}:{name}", frozenset(groups))

    def is_(self, subject: Subject) -> bool:
        """Whether a binding for this subject is for it."""
        return subject.name in self.groups if subject.kind == "Group" else subject.user == self.user


@dataclass(frozen=True, slots=True, order=True)
class Binding:
    """A binding with the rules of its role; without rules where the role is not there.

    `namespace` is where it gives rights: "" for a ClusterRoleBinding, which gives them everywhere.
    """

    kind: BindingKind
    namespace: str
    name: str
    uid: str
    role_kind: RoleKind
    role: str
    subjects: tuple[Subject, ...] = ()
    rules: tuple[Rule, ...] = field(default=(), repr=False)

    @property
    def path(self) -> str:
        """namespace/name, or the name of a cluster-wide one."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"


@dataclass(frozen=True, slots=True, order=True)
class Granted:
    """One rule that somebody has, and whence: the binding, and the subject in it that they are."""

    binding: Binding
    subject: Subject
    rule: Rule


@dataclass(frozen=True)
class Rbac:
    """All bindings of a cluster, from one snapshot."""

    bindings: tuple[Binding, ...] = ()

    @classmethod
    def read(
        cls,
        roles: Iterable[Doc],
        cluster_roles: Iterable[Doc],
        role_bindings: Iterable[Doc],
        cluster_role_bindings: Iterable[Doc],
    ) -> Self:
        """From the API's four lists. Raises Malformed."""
        rules: dict[tuple[str, str], tuple[Rule, ...]] = {}
        for doc in roles:
            rules[_namespace(doc), name_of(doc)] = tuple(sorted(map(Rule.read, doc.each("rules"))))
        for doc in cluster_roles:
            rules["", name_of(doc)] = tuple(sorted(map(Rule.read, doc.each("rules"))))
        found = [_binding(doc, "RoleBinding", rules) for doc in role_bindings]
        found += [_binding(doc, "ClusterRoleBinding", rules) for doc in cluster_role_bindings]
        return cls(tuple(sorted(found)))

    @cached_property
    def _where(self) -> Mapping[str, tuple[Binding, ...]]:
        found: dict[str, list[Binding]] = {}
        for one in self.bindings:
            found.setdefault(one.namespace, []).append(one)
        return {namespace: tuple(here) for namespace, here in found.items()}

    def _around(self, namespace: str) -> Iterator[Binding]:
        """The bindings that count for requests about a namespace, or about none."""
        yield from self._where.get("", ())
        if namespace:
            yield from self._where.get(namespace, ())

    def rules_of(self, identity: Identity) -> tuple[Granted, ...]:
        """Every rule that an identity has, in any namespace, with the binding that it comes from."""
        return tuple(
            Granted(binding, subject, rule)
            for binding in self.bindings
            for subject in binding.subjects
            if identity.is_(subject)
            for rule in binding.rules
        )

    def allows(self, identity: Identity, request: Request) -> bool:
        """Whether an identity may do that. Members of system:masters may do everything."""
        return MASTERS in identity.groups or any(
            any(rule.covers(request) for rule in binding.rules)
            for binding in self._around(request.namespace)
            if any(map(identity.is_, binding.subjects))
        )

    def who(self, request: Request) -> tuple[Granted, ...]:
        """Every subject that a rule lets do it, with that rule: one entry for each rule of each binding.

        A request with several names is answered with whoever may do it to at least one of them.
        """
        return tuple(
            sorted(
                Granted(binding, subject, rule)
                for binding in self._around(request.namespace)
                for rule in binding.rules
                if rule.covers(request)
                for subject in binding.subjects
            )
        )

    def who_can(  # noqa: PLR0913, PLR0917 -- what a request consists of
        self, verb: str, group: str, resource: str, subresource: str = "", namespace: str = "", name: str = ""
    ) -> tuple[Subject, ...]:
        """The subjects that may do it, each once; `name` "" asks without naming an object."""
        names = (name,) if name else ()
        asked = Request(verb, group, resource, subresource, namespace, names)
        return tuple(sorted({one.subject for one in self.who(asked)}))


def _binding(doc: Doc, kind: BindingKind, rules: Mapping[tuple[str, str], tuple[Rule, ...]]) -> Binding:
    namespace = _namespace(doc) if kind == "RoleBinding" else ""
    role_kind = _ROLES.get(doc.text("roleRef", "kind", limit=NAME_LIMIT))
    if role_kind is None:
        raise Malformed(doc.what, "roleRef.kind", "Role or ClusterRole", "another text")
    role = doc.text("roleRef", "name", limit=NAME_LIMIT)
    # a ClusterRoleBinding cannot refer to a Role; the API refuses it, and it would give nothing
    key = (namespace if role_kind == "Role" else "", role)
    found = rules.get(key, ()) if key[0] or role_kind == "ClusterRole" else ()
    subjects = (_subject(one, namespace) for one in doc.each("subjects"))
    return Binding(
        kind=kind,
        namespace=namespace,
        name=name_of(doc),
        uid=uid_of(doc),
        role_kind=role_kind,
        role=role,
        subjects=tuple(sorted({one for one in subjects if one is not None})),
        rules=found,
    )


def _subject(doc: Doc, home: str) -> Subject | None:
    """A service account without a namespace is one of the binding's own; nobody, where the binding has none."""
    kind = _SUBJECTS.get(doc.text("kind", limit=NAME_LIMIT))
    if kind is None:
        raise Malformed(doc.what, f"{doc.path}.kind", "User, Group or ServiceAccount", "another text")
    name = doc.text("name", limit=_SUBJECT_LIMIT)
    if kind != "ServiceAccount":
        return Subject.of_user(name) if kind == "User" else Subject(kind, name)
    namespace = doc.text("namespace", default="", limit=NAME_LIMIT) or home
    return Subject(kind, name, namespace) if namespace else None


def _namespace(doc: Doc) -> str:
    return doc.text("metadata", "namespace", limit=NAME_LIMIT)
