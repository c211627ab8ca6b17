"""RBAC, against a second reading of the API server's authorizer that works on raw objects, one request at a time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irkit.actions.kube.rbac import Binding, Identity, Rbac, Request, Rule, Subject
from irkit.errors import Malformed
from irkit.model.doc import Doc

Raw = dict[str, Any]
WEB = Identity.service_account("shop", "web")


def docs(*values: Raw) -> list[Doc]:
    return [Doc(value, "an RBAC object") for value in values]


def rbac(
    roles: list[Raw] | None = None,
    cluster_roles: list[Raw] | None = None,
    role_bindings: list[Raw] | None = None,
    cluster_role_bindings: list[Raw] | None = None,
) -> Rbac:
    lists = (roles, cluster_roles, role_bindings, cluster_role_bindings)
    return Rbac.read(*(docs(*(one or [])) for one in lists))


def role(name: str, *rules: Raw, namespace: str = "") -> Raw:
    return {"metadata": {"name": name, **({"namespace": namespace} if namespace else {})}, "rules": list(rules)}


def binding(name: str, to: str, *subjects: Raw, namespace: str = "") -> Raw:
    kind, _, role_name = to.partition("/")
    meta = {"name": name, "uid": f"u-{name}", **({"namespace": namespace} if namespace else {})}
    return {"metadata": meta, "roleRef": {"kind": kind, "name": role_name}, "subjects": list(subjects)}


def rule(
    verbs: list[str], resources: list[str], groups: list[str] | None = None, names: list[str] | None = None
) -> Raw:
    found: Raw = {"verbs": verbs, "apiGroups": groups if groups is not None else [""], "resources": resources}
    return found | ({"resourceNames": names} if names else {})


SA: Raw = {"kind": "ServiceAccount", "name": "web", "namespace": "shop"}
ANA: Raw = {"kind": "User", "name": "ana"}

# -- the oracle ---------------------------------------------------------------------------------------------


def has(values: list[str], wanted: str) -> bool:
    return wanted in values


def rule_allows(one: Raw, request: Request, name: str) -> bool:
    """RuleAllows and its helpers, line by line (pkg/apis/rbac/v1/evaluation_helpers.go)."""
    verbs = one.get("verbs") or []
    if not (has(verbs, "*") or has(verbs, request.verb)):
        return False
    if request.path:
        for url in one.get("nonResourceURLs") or []:
            if url in {"*", request.path}:
                return True
            if url.endswith("*") and request.path.startswith(url.rstrip("*")):
                return True
        return False
    groups = one.get("apiGroups") or []
    if not (has(groups, "*") or has(groups, request.group)):
        return False
    combined = request.resource + (f"/{request.subresource}" if request.subresource else "")
    matched = False
    for resource in one.get("resources") or []:
        suffixed = len(resource) == len(request.subresource) + 2 and resource.startswith("*/")
        if resource in {"*", combined} or (request.subresource and suffixed and resource.endswith(request.subresource)):
            matched = True
    names = one.get("resourceNames") or []
    return matched and (not names or has(names, name))


def applies(subject: Raw, user: str, groups: frozenset[str], namespace: str) -> bool:
    """As appliesToUser (pkg/registry/rbac/validation/rule.go)."""
    if subject["kind"] == "User":
        return bool(subject["name"] == user)
    if subject["kind"] == "Group":
        return subject["name"] in groups
    home = subject.get("namespace") or namespace
    return bool(home) and user == f"system:serviceaccount:{home}:{subject['name']}"


def authorized(world: dict[str, list[Raw]], user: str, groups: frozenset[str], request: Request, name: str) -> bool:
    """VisitRulesFor, and whether any visited rule allows it."""
    visited: list[Raw] = []
    for one in world["cluster_role_bindings"]:
        if any(applies(subject, user, groups, "") for subject in one["subjects"]):
            visited += referred(world, one["roleRef"], "")
    if request.namespace:
        for one in world["role_bindings"]:
            here = one["metadata"]["namespace"] == request.namespace
            if here and any(applies(subject, user, groups, request.namespace) for subject in one["subjects"]):
                visited += referred(world, one["roleRef"], request.namespace)
    return any(rule_allows(each, request, name) for each in visited)


def referred(world: dict[str, list[Raw]], ref: Raw, namespace: str) -> list[Raw]:
    """As GetRoleReferenceRules: a role that is not there has no rules."""
    home = namespace if ref["kind"] == "Role" else None
    for one in world["roles" if ref["kind"] == "Role" else "cluster_roles"]:
        if one["metadata"]["name"] == ref["name"] and one["metadata"].get("namespace") == home:
            return list(one["rules"])
    return []


# -- generated worlds ---------------------------------------------------------------------------------------

NAMESPACES = st.sampled_from(["shop", "cart"])
NAMES = st.sampled_from(["web", "api", "a"])
VERBS = ["get", "list", "create", "impersonate", "*"]
GROUPS = ["", "apps", "*"]
RESOURCES = ["pods", "pods/exec", "*/exec", "*", "secrets", "*/x", "exec"]
URLS = ["/healthz", "/api/*", "*", "/api", "/a*", "/**"]


def some(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=2)


RULES = st.one_of(
    st.fixed_dictionaries(
        {"verbs": some(VERBS), "apiGroups": some(GROUPS), "resources": some(RESOURCES)},
        optional={"resourceNames": some(["web-1", "web-2", ""])},
    ),
    st.fixed_dictionaries({"verbs": some(VERBS), "nonResourceURLs": some(URLS)}),
)
SUBJECTS = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just("ServiceAccount"), "name": NAMES},
        optional={"namespace": st.sampled_from(["shop", "cart", ""])},
    ),
    st.builds(
        lambda name: {"kind": "User", "name": name},
        st.sampled_from(["ana", "system:serviceaccount:shop:web", "system:serviceaccount:shop", "web"]),
    ),
    st.builds(
        lambda name: {"kind": "Group", "name": name},
        st.sampled_from(
            ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated", "devs", "system:masters"]
        ),
    ),
)
ROLE_NAMES = st.sampled_from(["r1", "r2", "gone"])


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, list[Raw]]:
    def roles(spaces: st.SearchStrategy[str]) -> list[Raw]:
        found = draw(
            st.lists(
                st.builds(
                    lambda name, space, rules: role(name, *rules, namespace=space),
                    st.sampled_from(["r1", "r2"]), spaces, st.lists(RULES, max_size=3),
                ),
                max_size=4, unique_by=lambda one: (one["metadata"]["name"], one["metadata"].get("namespace")),
            )
        )  # fmt: skip
        return list(found)

    def bindings(spaces: st.SearchStrategy[str], kinds: list[str]) -> list[Raw]:
        made = st.builds(
            lambda kind, to, space, subjects: binding("b", f"{kind}/{to}", *subjects, namespace=space),
            st.sampled_from(kinds), ROLE_NAMES, spaces, st.lists(SUBJECTS, max_size=3),
        )  # fmt: skip
        return list(draw(st.lists(made, max_size=4)))

    return {
        "roles": roles(NAMESPACES),
        "cluster_roles": roles(st.just("")),
        "role_bindings": bindings(NAMESPACES, ["Role", "ClusterRole"]),
        "cluster_role_bindings": bindings(st.just(""), ["ClusterRole"]),
    }


ASKED = st.one_of(
    st.builds(
        Request,
        verb=st.sampled_from(["get", "list", "create", "impersonate"]),
        group=st.sampled_from(["", "apps"]),
        resource=st.sampled_from(["pods", "secrets"]),
        subresource=st.sampled_from(["", "exec", "x"]),
        namespace=st.sampled_from(["", "shop", "cart", "none"]),
        names=st.sampled_from([(), ("web-1",), ("web-3",)]),
    ),
    st.builds(Request, verb=st.sampled_from(["get", "create"]), path=st.sampled_from(["/healthz", "/api/v1", "/ap"])),
)
IDENTITIES = st.sampled_from(
    [
        WEB,
        Identity.service_account("cart", "api"),
        Identity("ana", frozenset({"system:authenticated", "devs"})),
        Identity("system:serviceaccount:shop", frozenset()),
        Identity("web", frozenset({"nobody"})),
    ]
)


@settings(max_examples=200)
@given(world=worlds(), identity=IDENTITIES, request=ASKED)
def test_it_allows_what_the_api_server_would_allow(
    world: dict[str, list[Raw]], identity: Identity, request: Request
) -> None:
    name = request.names[0] if request.names else ""

    wanted = authorized(world, identity.user, identity.groups, request, name)

    assert rbac(**world).allows(identity, request) == wanted


@settings(max_examples=100)
@given(world=worlds(), identity=IDENTITIES, request=ASKED)
def test_who_can_do_it_and_who_is_allowed_to_are_the_same_people(
    world: dict[str, list[Raw]], identity: Identity, request: Request
) -> None:
    found = rbac(**world)

    named = any(identity.is_(one.subject) for one in found.who(request))

    assert named == found.allows(identity, request)
    for one in found.who(request):
        assert one.rule in one.binding.rules
        assert one.subject in one.binding.subjects


@settings(max_examples=100)
@given(world=worlds(), request=ASKED)
def test_an_accounts_rules_are_those_by_which_it_is_allowed(world: dict[str, list[Raw]], request: Request) -> None:
    found = rbac(**world)
    mine = found.rules_of(WEB)

    by_rules = any(one.rule.covers(request) for one in mine if one.binding.namespace in {"", request.namespace})

    assert by_rules == found.allows(WEB, request)


@settings(max_examples=100)
@given(world=worlds(), request=ASKED, names=st.lists(st.sampled_from(["web-1", "web-2", "web-3"]), max_size=3))
def test_a_request_with_several_names_is_for_any_of_them(
    world: dict[str, list[Raw]], request: Request, names: list[str]
) -> None:
    found = rbac(**world)

    def asked(given: tuple[str, ...] | None) -> Request:
        return Request(request.verb, request.group, request.resource or "pods", "", request.namespace, given)

    together = set(found.who(asked(tuple(names))))
    one_by_one = {who for name in names or [""] for who in found.who(asked((name,) if name else ()))}

    assert together == one_by_one
    assert together <= set(found.who(asked(None)))


@given(world=worlds())
def test_the_order_of_the_lists_does_not_matter(world: dict[str, list[Raw]]) -> None:
    turned = {key: list(reversed(items)) for key, items in world.items()}

    assert rbac(**world) == rbac(**turned)


# -- by example ---------------------------------------------------------------------------------------------


def test_a_role_gives_rights_in_its_namespace_only_whichever_role_it_is() -> None:
    found = rbac(
        cluster_roles=[role("edit", rule(["create"], ["pods/exec"]))],
        role_bindings=[binding("web", "ClusterRole/edit", SA, namespace="shop")],
    )

    assert found.allows(WEB, Request("create", "", "pods", "exec", "shop"))
    assert not found.allows(WEB, Request("create", "", "pods", "exec", "cart"))
    assert not found.allows(WEB, Request("create", "", "pods", "exec", ""))  # across all namespaces
    assert found.who_can("create", "", "pods", "exec", "shop") == (Subject("ServiceAccount", "web", "shop"),)


@pytest.mark.parametrize(
    ("resources", "resource", "subresource", "covered"),
    [
        (["pods"], "pods", "", True),
        (["pods"], "pods", "exec", False),
        (["pods/*"], "pods", "exec", False),  # no such form: only `*/exec` and `*`
        (["*/exec"], "pods", "exec", True),
        (["*/exec"], "pods", "", False),
        (["*"], "pods", "exec", True),
        (["pods/exec"], "pods", "", False),
        ([], "pods", "", False),
    ],
)
def test_subresources(resources: list[str], resource: str, subresource: str, covered: bool) -> None:
    found = Rule(verbs=("get",), groups=("",), resources=tuple(resources))

    assert found.covers(Request("get", "", resource, subresource)) == covered


def test_a_rule_for_names_does_not_cover_what_names_nothing() -> None:
    found = Rule(("create", "get"), ("",), ("pods",), ("web-1",))

    assert found.covers(Request("get", "", "pods", names=("web-1",)))
    assert found.covers(Request("get", "", "pods", names=("x", "web-1")))
    assert not found.covers(Request("get", "", "pods", names=("web-2",)))
    assert not found.covers(Request("create", "", "pods"))
    assert found.covers(Request("get", "", "pods", names=None))
    assert Rule(("create",), ("",), ("pods",), ("",)).covers(Request("create", "", "pods"))  # "" is the name of none


@pytest.mark.parametrize(
    ("url", "path", "covered"),
    [
        ("/healthz", "/healthz", True), ("/healthz", "/healthz/etcd", False), ("/healthz/*", "/healthz/etcd", True),
        ("*", "/x", True), ("/a*c", "/abc", False), ("/api*", "/api", True),
    ],
)  # fmt: skip
def test_urls_that_are_no_resources(url: str, path: str, covered: bool) -> None:
    assert Rule(("get",), urls=(url,)).covers(Request("get", path=path)) == covered


def test_members_of_masters_may_do_everything_and_no_object_says_so() -> None:
    anything = Request("delete", "", "nodes", names=("n",))

    assert rbac().allows(Identity("root", frozenset({"system:masters"})), anything)
    assert rbac().who(anything) == ()
    assert not rbac().allows(WEB, anything)


def test_an_account_under_its_user_name_is_the_same_subject() -> None:
    user = {"kind": "User", "name": "system:serviceaccount:shop:web"}
    found = rbac(
        cluster_roles=[role("r", rule(["get"], ["pods"]))],
        cluster_role_bindings=[binding("b", "ClusterRole/r", user, SA)],
    )

    assert found.who_can("get", "", "pods") == (Subject("ServiceAccount", "web", "shop"),)
    assert str(Subject("ServiceAccount", "web", "shop")) == "service account shop/web"
    assert str(Subject("Group", "devs")) == "group devs"


def test_an_account_without_a_namespace_is_of_the_bindings_own_and_of_none_in_a_cluster_wide_one() -> None:
    bare = {"kind": "ServiceAccount", "name": "web"}
    everything = role("r", rule(["*"], ["*"], ["*"]))
    here = rbac(cluster_roles=[everything], role_bindings=[binding("b", "ClusterRole/r", bare, namespace="shop")])
    wide = rbac(cluster_roles=[everything], cluster_role_bindings=[binding("b", "ClusterRole/r", bare)])

    assert here.allows(WEB, Request("get", "", "pods", namespace="shop"))
    assert not wide.allows(WEB, Request("get", "", "pods", namespace="shop"))


def test_a_binding_to_a_role_that_is_gone_gives_nothing_and_is_still_there() -> None:
    found = rbac(role_bindings=[binding("b", "Role/gone", SA, namespace="shop")])

    assert found.rules_of(WEB) == ()
    assert [(str(one), one.role_kind, one.role) for one in found.bindings] == [
        ("RoleBinding shop/b", "Role", "gone"),
    ]


def test_a_role_of_another_namespace_is_another_role() -> None:
    found = rbac(
        roles=[role("r", rule(["get"], ["pods"]), namespace="cart")],
        role_bindings=[binding("b", "Role/r", SA, namespace="shop")],
    )

    assert found.rules_of(WEB) == ()


def test_rules_say_whence_they_come() -> None:
    group = {"kind": "Group", "name": "system:serviceaccounts:shop"}
    found = rbac(
        cluster_roles=[role("view", rule(["get"], ["pods"]), rule(["list"], ["pods"]))],
        role_bindings=[binding("b", "ClusterRole/view", group, ANA, namespace="cart")],
    )

    assert [(str(one.binding), str(one.subject), one.rule.verbs) for one in found.rules_of(WEB)] == [
        ("RoleBinding cart/b", "group system:serviceaccounts:shop", ("get",)),
        ("RoleBinding cart/b", "group system:serviceaccounts:shop", ("list",)),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        {"role_bindings": [binding("b", "Role/r", SA)]},  # of no namespace: it must not become cluster-wide
        {"roles": [role("r")]},
        {"cluster_role_bindings": [binding("b", "Pod/r", SA)]},
        {"cluster_role_bindings": [binding("b", "ClusterRole/r", {"kind": "Robot", "name": "x"})]},
        {"cluster_roles": [role("r", {"verbs": "get"})]},
        {"cluster_roles": [role("r", {"verbs": [7]})]},
    ],
)
def test_what_cannot_be_understood_is_malformed(broken: dict[str, list[Raw]]) -> None:
    with pytest.raises(Malformed):
        rbac(**broken)


def test_a_cluster_wide_binding_to_a_namespaces_role_gives_nothing() -> None:
    found = rbac(
        cluster_roles=[role("r", rule(["*"], ["*"], ["*"]))], cluster_role_bindings=[binding("b", "Role/r", SA)]
    )

    assert found.rules_of(WEB) == ()
    assert isinstance(found.bindings[0], Binding)
