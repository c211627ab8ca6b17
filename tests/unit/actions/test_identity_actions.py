"""Revoking an account's rights and tokens, blocking an image, closing a namespace: what is read, and what it means."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irkit.actions.catalog import Catalog
from irkit.actions.kube.block_image.policy import objects, reference
from irkit.actions.kube.made import Own, own_name, read_own
from irkit.actions.kube.revoke_bindings.edits import field_of
from irkit.engine.guard import DeclaredReader
from irkit.errors import Denied, Unsupported
from irkit.model.doc import Doc
from irkit.model.effects import KubeCall, Resource
from irkit.model.kube import (
    ADMISSION_POLICIES,
    ADMISSION_POLICY_BINDINGS,
    CASE_LABEL,
    CLUSTER_ROLE_BINDINGS,
    MARK_LABEL,
    NAMESPACES,
    NETWORK_POLICIES,
    PODS,
    RESOURCE_QUOTAS,
    ROLE_BINDINGS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from irkit.model.plans import Change, Receipts, Settled
from irkit.model.refs import ImageRef
from tests.support.action_cases import CASE
from tests.support.action_shop import ACCOUNT, CLUSTER, IMAGE, NAMESPACE, mark_for, meta
from tests.support.memory import MemoryKube, MemoryReader

CATALOG = Catalog.builtin()
World = dict[Resource, list[Any]]
HEX = "ab" * 32


def facts(action_id: str, world: World, **arguments: Any) -> Any:
    """What is observed, through what the action declares."""
    action = CATALOG.need(action_id)
    params, mark = mark_for(action, **arguments)
    return action.observe(params, mark, DeclaredReader(MemoryReader(MemoryKube(world)), action.spec))


def plan(action_id: str, world: World, **arguments: Any) -> Any:
    action = CATALOG.need(action_id)
    params, mark = mark_for(action, **arguments)
    return action.plan(params, mark, facts(action_id, world, **arguments), Receipts())


def undone(action_id: str, world: World, originals: Any, **arguments: Any) -> Any:
    action = CATALOG.need(action_id)
    params, mark = mark_for(action, **arguments)
    return action.undo(params, mark, originals, facts(action_id, world, **arguments), Receipts())


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": meta(name, f"uid-{name}"), "spec": spec, "status": {"phase": "Running"}}


# -- revoke_bindings -------------------------------------------------------------------------------------


def binding(name: str, *subjects: dict[str, str], namespace: str = "shop", role: str = "edit") -> dict[str, Any]:
    metadata = {"name": name, "uid": f"uid-{name}"} | ({"namespace": namespace} if namespace else {})
    return {"metadata": metadata, "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": [*subjects]}


ME = {"kind": "ServiceAccount", "name": "web", "namespace": "shop"}
GROUP = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io"}


@pytest.mark.parametrize(
    ("namespace", "subject", "ours"),
    [
        ("shop", ME, True),
        ("cart", ME, True),
        ("", ME, True),
        ("shop", {"kind": "ServiceAccount", "name": "web"}, True),  # the binding's own namespace
        ("cart", {"kind": "ServiceAccount", "name": "web"}, False),
        ("shop", {**ME, "namespace": "cart"}, False),
        ("shop", {**ME, "name": "default"}, False),
        ("shop", {"kind": "User", "name": "system:serviceaccount:shop:web"}, True),
        ("shop", {"kind": "User", "name": "web"}, False),
        ("shop", {"kind": "Group", "name": "system:serviceaccounts:shop"}, False),
    ],
)
def test_a_binding_names_the_account_by_itself_or_by_its_user_name(
    namespace: str, subject: dict[str, str], ours: bool
) -> None:
    resource = ROLE_BINDINGS if namespace else CLUSTER_ROLE_BINDINGS
    world: World = {
        SERVICE_ACCOUNTS: [{"metadata": meta("web", "sa-1")}], resource: [binding("b", subject, namespace=namespace)]
    }  # fmt: skip

    wanted = plan("kube.revoke_bindings", world, service_account=ACCOUNT)

    assert isinstance(wanted, Change) == ours


@pytest.mark.parametrize(
    ("group", "namespace", "role", "leaks"),
    [
        ("system:serviceaccounts", "", "view", True),
        ("system:serviceaccounts:shop", "", "view", True),
        ("system:serviceaccounts:cart", "", "view", False),
        ("system:authenticated", "cart", "view", True),
        ("system:unauthenticated", "", "view", False),
        ("system:authenticated", "", "system:discovery", False),  # Kubernetes itself binds it to everybody
        ("system:authenticated", "shop", "system:discovery", True),  # and nobody binds it in a namespace but to hide
        ("system:authenticated", "", "system:basic-user", False),
        ("system:authenticated", "", "cluster-admin", True),
    ],
)
def test_rights_through_a_group_are_named_and_stay(group: str, namespace: str, role: str, leaks: bool) -> None:
    resource = ROLE_BINDINGS if namespace else CLUSTER_ROLE_BINDINGS
    world: World = {
        SERVICE_ACCOUNTS: [{"metadata": meta("web", "sa-1")}],
        resource: [binding("b", {**GROUP, "name": group}, namespace=namespace, role=role)],
    }

    settled = plan("kube.revoke_bindings", world, service_account=ACCOUNT)

    assert isinstance(settled, Settled)
    assert settled.verdict.status == ("leaky" if leaks else "proven")
    assert (f"through the group {group}" in settled.verdict.why) == leaks


def test_bystanders_are_the_living_pods_of_the_account_and_no_others() -> None:
    world: World = {
        SERVICE_ACCOUNTS: [{"metadata": meta("web", "sa-1")}],
        ROLE_BINDINGS: [binding("b", ME)],
        PODS: [
            pod("web-1", serviceAccountName="web"), pod("cart-1", serviceAccountName="cart"), pod("plain"),
            {**pod("done", serviceAccountName="web"), "status": {"phase": "Succeeded"}},
        ],
    }  # fmt: skip

    change = plan("kube.revoke_bindings", world, service_account=ACCOUNT)

    assert [(one.who, one.count) for one in change.impact] == [("pods that run as service account shop/web: web-1", 1)]


def patched(doc: dict[str, Any], call: KubeCall) -> dict[str, Any]:
    """As the API server does it: a failed test refuses the whole patch; an empty list is left out."""
    import jsonpatch  # noqa: PLC0415 -- used here alone

    operations: Any = call.body
    made: dict[str, Any] = jsonpatch.apply_patch({**copy.deepcopy(doc), "subjects": doc.get("subjects")}, operations)
    return stored(made)


def stored(doc: dict[str, Any]) -> dict[str, Any]:
    return doc if doc["subjects"] else {key: value for key, value in doc.items() if key != "subjects"}


OTHERS = [
    {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "ana"},
    {**ME, "name": "cart"},
    {**GROUP, "name": "system:serviceaccounts"},
]
FORMS = [ME, {"kind": "ServiceAccount", "name": "web"}, {"kind": "User", "name": "system:serviceaccount:shop:web"}]


@settings(max_examples=150)
@given(
    subjects=st.lists(st.sampled_from([*OTHERS, *FORMS]), max_size=6, unique_by=str),
    since=st.lists(st.sampled_from([*OTHERS, {**ME, "name": "new"}]), max_size=4, unique_by=str) | st.none(),
)
def test_only_ours_leaves_a_list_and_the_same_returns_to_it(
    subjects: list[dict[str, str]], since: list[dict[str, str]] | None
) -> None:
    """`since` is what others made of the list in between; without it undo gives back the same list."""
    doc = binding("b", *subjects)
    world: World = {SERVICE_ACCOUNTS: [{"metadata": meta("web", "sa-1")}], ROLE_BINDINGS: [doc]}
    change = plan("kube.revoke_bindings", world, service_account=ACCOUNT)
    if not any(one in FORMS for one in subjects):
        assert isinstance(change, Settled)
        return
    revoked = patched(doc, change.effects[0])
    assert revoked.get("subjects", []) == [one for one in subjects if one not in FORMS]
    assert plan("kube.revoke_bindings", {**world, ROLE_BINDINGS: [revoked]}, service_account=ACCOUNT).verdict

    now = revoked if since is None else stored({**revoked, "subjects": since})
    originals = {(one.target, one.field): one.value for one in change.originals}
    back = undone("kube.revoke_bindings", {**world, ROLE_BINDINGS: [now]}, originals, service_account=ACCOUNT)
    restored = patched(now, back.effects[0])

    if since is None:
        assert restored == doc
    assert [one for one in restored["subjects"] if one not in FORMS] == now.get("subjects", [])
    assert [one for one in restored["subjects"] if one in FORMS] == [one for one in subjects if one in FORMS]
    again = undone("kube.revoke_bindings", {**world, ROLE_BINDINGS: [restored]}, originals, service_account=ACCOUNT)
    assert isinstance(again, Settled)


def test_a_list_that_changed_since_it_was_seen_refuses_the_patch() -> None:
    import jsonpatch  # noqa: PLC0415 -- used here alone

    seen, then = binding("b", OTHERS[0], ME), binding("b", ME, OTHERS[0])
    world: World = {SERVICE_ACCOUNTS: [{"metadata": meta("web", "sa-1")}], ROLE_BINDINGS: [seen]}
    change = plan("kube.revoke_bindings", world, service_account=ACCOUNT)

    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        patched(then, change.effects[0])


def test_what_a_binding_is_called_tells_the_two_kinds_apart() -> None:
    world: World = {
        SERVICE_ACCOUNTS: [{"metadata": meta("web", "sa-1")}],
        ROLE_BINDINGS: [binding("b", ME)],
        CLUSTER_ROLE_BINDINGS: [binding("b", ME, namespace="")],
    }

    found = facts("kube.revoke_bindings", world, service_account=ACCOUNT)

    assert [field_of(one) for one in found.bindings] == ["ClusterRoleBinding b subjects", "RoleBinding shop/b subjects"]


# -- revoke_tokens ---------------------------------------------------------------------------------------

TOKEN = "kubernetes.io/service-account-token"


def secret(called: str, kind: str = TOKEN, **annotations: str) -> dict[str, Any]:
    keys = {f"kubernetes.io/service-account.{key}": value for key, value in annotations.items()}
    return {
        "metadata": meta(called, f"uid-{called}", annotations=keys), "type": kind, "data": {"token": "canary-11"}
    }  # fmt: skip


def test_tokens_are_those_of_the_type_that_name_this_very_account() -> None:
    world: World = {
        SERVICE_ACCOUNTS: [{"metadata": meta("web", "sa-1")}],
        SECRETS: [
            secret("mine", name="web", uid="sa-1"),
            secret("unfilled", name="web"),
            secret("before", name="web", uid="sa-0"),  # of an account of that name that is gone
            secret("theirs", name="cart", uid="sa-9"),
            secret("opaque", kind="Opaque", name="web", uid="sa-1"),  # anybody may write an annotation
            secret("plain"),
        ],
    }
    kube = MemoryKube(world)
    action = CATALOG.need("kube.revoke_tokens")
    params, mark = mark_for(action, service_account=ACCOUNT)

    found = action.observe(params, mark, DeclaredReader(MemoryReader(kube), action.spec))

    assert [one.name for one in found.tokens] == ["mine", "unfilled"]
    assert [one for one in kube.asked if "secrets" in one[1]] == [("list_metadata", "secrets", "shop")]
    assert "canary" not in repr(found)


def test_who_uses_a_token_is_found_in_volumes_and_environments() -> None:
    users: dict[str, dict[str, Any]] = {
        "volume": {"volumes": [{"name": "v", "secret": {"secretName": "t"}}]},
        "projected": {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "t"}}]}}]},
        "from": {"containers": [{"name": "c", "envFrom": [{"secretRef": {"name": "t"}}]}]},
        "key": {
            "initContainers": [
                {"name": "c", "env": [{"name": "T", "valueFrom": {"secretKeyRef": {"name": "t", "key": "token"}}}]}
            ]
        },
        "none": {"volumes": [{"name": "v", "secret": {"secretName": "other"}}]},
    }
    world: World = {
        SERVICE_ACCOUNTS: [{"metadata": meta("web", "sa-1")}],
        SECRETS: [secret("t", name="web")],
        PODS: [pod(name, **spec) for name, spec in users.items()],
    }

    (token,) = facts("kube.revoke_tokens", world, service_account=ACCOUNT).tokens

    assert token.used_by == ("from", "key", "projected", "volume")


def test_bound_tokens_are_those_of_the_accounts_living_pods_with_the_longest_time_that_they_ask_for() -> None:
    def volume(*seconds: int | None) -> dict[str, Any]:
        sources = [
            {"serviceAccountToken": {"path": "t"} | ({"expirationSeconds": one} if one else {})} for one in seconds
        ]
        return {"volumes": [{"name": "v", "projected": {"sources": [*sources, {"configMap": {"name": "ca"}}]}}]}

    world: World = {
        SERVICE_ACCOUNTS: [{"metadata": meta("web", "sa-1")}],
        PODS: [
            pod("two", serviceAccountName="web", **volume(3607, 86400)),
            pod("unsaid", serviceAccountName="web", **volume(None)),
            pod("without", serviceAccountName="web"),
            pod("theirs", serviceAccountName="cart", **volume(7200)),
        ],
    }

    assert facts("kube.revoke_tokens", world, service_account=ACCOUNT).bound == (("two", 86400), ("unsaid", 3600))


def projected(*asked: dict[str, Any]) -> dict[str, Any]:
    sources = [{"serviceAccountToken": {"path": "t", **one}} for one in asked]
    return {"volumes": [{"name": "v", "projected": {"sources": sources}}]}


def test_tokens_for_another_audience_are_no_login_at_the_api_and_are_told_apart() -> None:
    """EKS injects them: sts.amazonaws.com for IRSA, pods.eks.amazonaws.com for Pod Identity (domain.md section 5)."""
    sts, hostile = {"audience": "sts.amazonaws.com", "expirationSeconds": 86400}, {"audience": "x\x1b[2J<b>"}
    world: World = {
        SERVICE_ACCOUNTS: [{"metadata": meta("web", "sa-1")}],
        PODS: [
            pod("two", serviceAccountName="web", **projected(sts, {"expirationSeconds": 3607})),
            pod("one", serviceAccountName="web", **projected(sts)),
            pod("own", serviceAccountName="web", **projected({"audience": "https://kubernetes.default.svc"})),
            pod("odd", serviceAccountName="web", **projected(hostile)),
            pod("theirs", serviceAccountName="cart", **projected(sts)),
        ],
    }

    found = facts("kube.revoke_tokens", world, service_account=ACCOUNT)

    assert found.bound == (("own", 3600), ("two", 3607))
    assert found.elsewhere == (("sts.amazonaws.com", 86400, ("one", "two")), ("…", 3600, ("odd",)))


def test_what_the_account_still_has_by_name_or_group_is_read_from_bindings() -> None:
    world: World = {
        SERVICE_ACCOUNTS: [{"metadata": meta("web", "sa-1")}],
        CLUSTER_ROLE_BINDINGS: [
            binding("a", {"kind": "Group", "name": "system:authenticated"}, namespace="", role="system:discovery"),
            binding("b", {"kind": "Group", "name": "system:serviceaccounts"}, namespace="", role="view"),
            binding("c", {"kind": "ServiceAccount", "name": "cart", "namespace": "shop"}, namespace="", role="edit"),
            binding("d", {"kind": "ServiceAccount", "name": "web", "namespace": "shop"}, namespace="", role="edit"),
        ],
    }

    assert facts("kube.revoke_tokens", world, service_account=ACCOUNT).rights == (
        "ClusterRoleBinding d", "ClusterRole view through the group system:serviceaccounts (ClusterRoleBinding b)",
    )  # fmt: skip
    del world[CLUSTER_ROLE_BINDINGS][1:]
    assert facts("kube.revoke_tokens", world, service_account=ACCOUNT).rights == ()


class Unbound(MemoryKube):
    """May not look at bindings."""

    def list(self, resource: Resource, namespace: str = "", labels: Any = None) -> Any:
        if resource in {ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS}:
            msg = "list bindings: forbidden"
            raise Denied(msg)
        return super().list(resource, namespace, labels)


def test_who_may_not_look_at_bindings_says_so_and_deletes_tokens_all_the_same() -> None:
    world: World = {SERVICE_ACCOUNTS: [{"metadata": meta("web", "sa-1")}], SECRETS: [secret("t", name="web")]}
    action = CATALOG.need("kube.revoke_tokens")
    params, mark = mark_for(action, service_account=ACCOUNT)

    found: Any = action.observe(params, mark, DeclaredReader(MemoryReader(Unbound(world)), action.spec))

    assert (found.rights, [one.name for one in found.tokens]) == (None, ["t"])


# -- block_image -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "spellings"),
    [
        ("quay.io/a/b:1", ["quay.io/a/b:1"]),
        ("localhost:5000/b:1", ["localhost:5000/b:1"]),
        ("a/b:1", ["a/b:1", "docker.io/a/b:1", "index.docker.io/a/b:1"]),
        ("docker.io/a/b:1", ["a/b:1", "docker.io/a/b:1", "index.docker.io/a/b:1"]),
        ("docker.io/library/b:1", ["b:1", "library/b:1", "docker.io/b:1", "docker.io/library/b:1"]),
        ("localhost:5000/b", ["localhost:5000/b", "localhost:5000/b:latest"]),
    ],
)
def test_a_tag_is_blocked_in_all_the_ways_that_it_can_be_written(name: str, spellings: list[str]) -> None:
    assert list(reference(ImageRef(cluster=CLUSTER, name=name), by_tag=True)) == spellings
    assert reference(ImageRef(cluster=CLUSTER, name=name), by_tag=False) == ()


def running(name: str, image: str, image_id: str = "", kind: str = "containers") -> dict[str, Any]:
    statuses = {
        "containers": "containerStatuses", "initContainers": "initContainerStatuses",
        "ephemeralContainers": "ephemeralContainerStatuses",
    }  # fmt: skip
    doc = pod(name, **{kind: [{"name": "c", "image": image}]})
    doc["status"][statuses[kind]] = [{"name": "c", "imageID": image_id}]
    return doc


@pytest.mark.parametrize("kind", ["containers", "initContainers", "ephemeralContainers"])
def test_pods_that_run_the_image_are_found_by_what_they_name_and_by_what_their_runtime_says(kind: str) -> None:
    world: World = {
        PODS: [
            running("named", f"registry.example.com/web@sha256:{HEX}", kind=kind),
            running("mirrored", "mirror.example.com/web:latest", f"mirror.example.com/web@sha256:{HEX}", kind=kind),
            running("another", "registry.example.com/web:1", f"registry.example.com/web@sha256:{'cd' * 32}", kind=kind),
        ]
    }

    found = facts("kube.block_image", world, image=IMAGE)

    assert found.running == ("shop/mirrored", "shop/named")
    assert found.past == ("shop/mirrored",)
    assert found.names == ("mirror.example.com/web:latest",)


def test_a_server_without_admission_policies_is_a_refusal_and_no_endless_wait() -> None:
    class Old(MemoryKube):
        def get(self, resource: Resource, name: str, namespace: str = "") -> Doc | None:
            msg = "not served"
            raise Unsupported(msg)

    action = CATALOG.need("kube.block_image")
    params, mark = mark_for(action, image=IMAGE)

    assert action.observe(params, mark, DeclaredReader(MemoryReader(Old({})), action.spec)).served is False


def test_the_policy_has_only_fields_that_the_api_knows() -> None:
    """The official client drops what its models do not have."""
    from kubernetes.client import (  # noqa: PLC0415 -- used here alone
        ApiClient,
        V1ValidatingAdmissionPolicy,
        V1ValidatingAdmissionPolicyBinding,
    )

    _, mark = mark_for(CATALOG.need("kube.block_image"), image=IMAGE)
    pairs = zip(
        objects(IMAGE, reference(IMAGE, by_tag=True), mark),
        (V1ValidatingAdmissionPolicy, V1ValidatingAdmissionPolicyBinding),
        strict=True,
    )
    for own, kind in pairs:
        body = own.create(mark).body
        made = ApiClient()._ApiClient__deserialize_model(body, kind)  # type: ignore[attr-defined]  # no public way
        assert ApiClient().sanitize_for_serialization(made) == body  # type: ignore[no-untyped-call]  # the client has no types


# -- what irkit makes -------------------------------------------------------------------------------------


def own_quota() -> tuple[Own, Any]:
    _, mark = mark_for(CATALOG.need("kube.quarantine_namespace"), namespace=NAMESPACE)
    spec: dict[str, Any] = {"hard": {"pods": "0"}}
    return Own("quota", CLUSTER, RESOURCE_QUOTAS, own_name(mark), spec, "shop"), mark


def as_made(own: Own, mark: Any) -> dict[str, Any]:
    body: Any = copy.deepcopy(own.create(mark).body)
    body["metadata"]["uid"] = "u-1"
    return dict(body)


def test_what_is_read_back_as_it_was_made_stands() -> None:
    own, mark = own_quota()

    assert read_own(Doc(as_made(own, mark), "x"), own, mark).stands
    assert not read_own(None, own, mark).stands


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"spec": {"hard": {"pods": "10"}}}, ("spec.hard", "another value")),
        ({"spec": {"hard": {"pods": "0", "services": "1"}}}, ("spec.hard", "another value")),
        ({"spec": {}}, ("spec.hard", "nothing")),
        (
            {"spec": {"hard": {"pods": "0"}, "scopes": ["BestEffort"]}},
            ("spec.scopes", "a field that irkit did not set"),
        ),
        ({"spec": {"hard": {"pods": 0.5}}}, ("spec.hard", "another value")),
    ],
)
def test_a_field_that_somebody_added_is_as_much_a_difference_as_one_that_was_changed(
    change: dict[str, Any], differs: tuple[str, str]
) -> None:
    own, mark = own_quota()

    found = read_own(Doc({**as_made(own, mark), **change}, "x"), own, mark)

    assert (found.state, found.differs, found.stands) == ("ours", (differs,), False)


def test_the_case_label_is_part_of_it_and_the_mark_says_whose_it_is() -> None:
    own, mark = own_quota()
    relabelled, foreign = as_made(own, mark), as_made(own, mark)
    relabelled["metadata"]["labels"][CASE_LABEL] = "IR-20260101-aaaa"
    foreign["metadata"]["labels"][MARK_LABEL] = "another"

    assert read_own(Doc(relabelled, "x"), own, mark).differs == ((f'metadata.labels["{CASE_LABEL}"]', "another value"),)
    assert read_own(Doc(foreign, "x"), own, mark).state == "foreign"


# -- quarantine_namespace ---------------------------------------------------------------------------------


def test_a_quarantined_namespace_is_read_back_whole() -> None:
    world: World = {NAMESPACES: [{"metadata": {"name": "shop", "uid": "ns-1"}}]}
    change = plan("kube.quarantine_namespace", world, namespace=NAMESPACE)
    made: dict[Resource, list[Any]] = {}
    for effect in change.effects:
        body = copy.deepcopy(effect.body)
        body["metadata"]["uid"] = "u-1"
        made[effect.resource] = [body]
    made[RESOURCE_QUOTAS][0]["status"] = {"hard": {"pods": "0"}}
    host = pod("host", hostNetwork=True)
    static = pod("static")
    static["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    allow = {"metadata": meta("allow", "np-1"), "spec": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]}}
    busy: World = {**world, **made, PODS: [pod("a"), host, static], SERVICES: [{"metadata": meta("web", "s-1")}]}
    busy[NETWORK_POLICIES] = [*made[NETWORK_POLICIES], allow]

    quiet = facts("kube.quarantine_namespace", {**world, **made}, namespace=NAMESPACE)
    loud = facts("kube.quarantine_namespace", busy, namespace=NAMESPACE)

    assert (quiet.policy.stands, quiet.quota.stands, quiet.enforced, quiet.open) == (True, True, True, ())
    assert (loud.pods, loud.services, loud.unpoliced, loud.static) == (3, 1, ("host",), ("static",))
    assert any("allow: egress" in words for words in loud.open)


def test_the_case_in_the_label_is_the_case_of_the_mark() -> None:
    own, mark = own_quota()
    body: Any = own.create(mark).body

    assert body["metadata"]["labels"] == {CASE_LABEL: CASE, MARK_LABEL: mark.short}
    assert body["metadata"]["name"] == f"irkit-k7f2-{mark.short}"


def test_new_objects_of_admission_are_read_by_name_alone() -> None:
    kube = MemoryKube({})
    action = CATALOG.need("kube.block_image")
    params, mark = mark_for(action, image=IMAGE)

    action.observe(params, mark, DeclaredReader(MemoryReader(kube), action.spec))

    assert [one for one in kube.asked if one[1] != "pods"] == [
        ("get", str(ADMISSION_POLICIES), own_name(mark)), ("get", str(ADMISSION_POLICY_BINDINGS), own_name(mark))
    ]  # fmt: skip
