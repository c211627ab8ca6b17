"""What a ValidatingAdmissionPolicy denies, to whom, and how the API says so."""

from __future__ import annotations

import pytest

from tests.contract.policies import BINDINGS, HELD, PODS, Admission, bare, canary, no, rule
from tests.contract.test_deletes import delete, evict
from tests.contract.workloads import is_ready, made, owner, path, ready, workload
from tests.support.moments import until
from tests.support.worlds import World


def test_a_denied_delete_says_which_policy_and_why_and_changes_nothing(world: World, admission: Admission) -> None:
    name = admission(no("oldObject.metadata.name != 'one'", message="kept", reason="Forbidden"), rule("pods", "DELETE"))
    before = world.pod("one")

    answer = delete(world, f"{world.pods}/one")

    said = f"ValidatingAdmissionPolicy '{name}' with binding '{name}' denied request: kept"
    assert (403, "Forbidden") == (answer.code, answer.doc["reason"])
    assert f'pods "one" is forbidden: {said}' == answer.doc["message"]
    assert {"name": "one", "kind": "pods", "causes": [{"message": said}]} == answer.doc["details"]
    assert before["metadata"]["uid"] == world.pod("one")["metadata"]["uid"]
    assert "deletionTimestamp" not in world.pod("one")["metadata"]
    assert 200 == delete(world, f"{world.pods}/two").code


def test_without_a_reason_it_is_a_422_and_without_a_message_the_expression_is_shown(
    world: World, admission: Admission
) -> None:
    admission(no("object == null"), rule("pods", "DELETE", "UPDATE"))
    answer = world.patch(f"{world.pods}/one", {"op": "add", "path": "/metadata/labels/x", "value": "y"})
    assert (422, "Invalid") == (answer.code, answer.doc["reason"])
    assert answer.doc["message"].endswith(f"denied request: failed expression: {PODS}(object == null)")
    assert "x" not in world.pod("one")["metadata"]["labels"]
    assert 200 == delete(world, f"{world.pods}/one").code  # nothing comes after a deletion


def test_an_update_shows_both_what_was_and_what_would_be(world: World, admission: Admission) -> None:
    admission(
        no("!has(oldObject.metadata.labels.held) || has(object.metadata.labels.held)", message="it is held"),
        rule("pods", "UPDATE"),
    )
    held = {"op": "add", "path": "/metadata/labels/held", "value": "yes"}
    assert 200 == world.patch(f"{world.pods}/one", held).code
    answer = world.patch(f"{world.pods}/one", {"op": "remove", "path": "/metadata/labels/held"})
    assert 422 == answer.code
    assert "it is held" in answer.doc["message"]
    assert 200 == world.patch(f"{world.pods}/two", {"op": "remove", "path": "/metadata/labels/tier"}).code


def test_an_eviction_bears_the_pods_name_and_none_of_its_labels(world: World, admission: Admission) -> None:
    admission(
        no("request.name != 'one' || has(object.metadata.labels) || object.kind != 'Eviction'", message="kept"),
        rule("pods/eviction", "CREATE"),
    )
    denied = evict(world, "one")
    assert 422 == denied.code
    assert "deletionTimestamp" not in world.pod("one")["metadata"]
    assert 201 == evict(world, "two").code
    assert 200 == delete(world, f"{world.pods}/one").code  # another operation on another resource


def test_what_a_budget_would_refuse_is_denied_first(world: World, admission: Admission) -> None:
    admission(no("request.name != 'guarded'", reason="Forbidden"), rule("pods/eviction", "CREATE"))
    assert 403 == evict(world, "guarded").code


def test_a_create_is_denied_by_what_variables_find_in_it(world: World, admission: Admission) -> None:
    admission(
        no("!variables.images.exists(one, one == variables.bad)", message="blocked"),
        rule("pods", "CREATE"),
        variables=[
            {"name": "bad", "expression": "'lab.invalid/bad:1'"},
            {"name": "images", "expression": "object.spec.containers.map(one, has(one.image) ? one.image : '')"},
        ],
    )
    for query in ({}, {"dryRun": "All"}):
        answer = world.ask("POST", world.pods, body=bare("bad", "lab.invalid/bad:1"), **query)
        assert 422 == answer.code
        assert "blocked" in answer.doc["message"]
    assert 201 == world.ask("POST", world.pods, body=bare("good"), dryRun="All").code


def test_a_condition_that_does_not_match_leaves_the_policy_out(world: World, admission: Admission) -> None:
    admission(
        no("false"),
        rule("pods", "DELETE"),
        matchConditions=[{"name": "some", "expression": "!(request.name in ['two', 'three'])"}],
    )
    assert 200 == delete(world, f"{world.pods}/two", gracePeriodSeconds=0).code
    assert 422 == delete(world, f"{world.pods}/one").code


@pytest.mark.parametrize(("failure", "code"), [("Fail", 422), ("Ignore", 200)])
def test_an_expression_that_fails_does_what_the_policy_says_of_failures(
    world: World, admission: Admission, failure: str, code: int
) -> None:
    admission(no("oldObject.metadata.annotations['none'] == ''"), rule("pods", "DELETE"), failurePolicy=failure)
    answer = delete(world, f"{world.pods}/one")
    assert code == answer.code
    assert ("resulted in error: " in answer.doc.get("message", "")) == (failure == "Fail")


def test_a_warning_stops_nothing(world: World, admission: Admission) -> None:
    name = admission(
        no("false", message="look out"), rule("pods", "DELETE"), binding={"validationActions": ["Warn"]}, loaded=False
    )
    until("the policy to be taken up", lambda: canary(world).headers.get("Warning"))
    answer = delete(world, f"{world.pods}/one")
    assert 200 == answer.code
    said = f"Validation failed for ValidatingAdmissionPolicy '{name}' with binding '{name}': look out"
    assert f'299 - "{said}"' == answer.headers["Warning"]


def hold(world: World, name: str) -> None:
    held = world.patch(f"{world.pods}/{name}", {"op": "add", "path": "/metadata/labels/held", "value": "yes"})
    assert 200 == held.code


def test_each_parameter_is_judged_by_itself(world: World, admission: Admission) -> None:
    hold(world, "one")
    hold(world, "three")
    held = no("request.name != params.metadata.name", message="held", reason="Forbidden")
    admission(held, rule("pods", "DELETE"), rule("pods/eviction", "CREATE"), **HELD)
    trial = {"deleteOptions": {"dryRun": ["All"]}}
    codes = {"one": 403, "two": 201, "three": 403}
    until("the policy to know them", lambda: {one: evict(world, one, **trial).code for one in codes} == codes)
    assert 403 == evict(world, "one").code
    assert 403 == delete(world, f"{world.pods}/one").code
    assert 403 == delete(world, f"{world.pods}/three").code
    assert 200 == delete(world, f"{world.pods}/two").code


@pytest.mark.parametrize(("action", "code"), [("Allow", 200), ("Deny", 422)])
def test_without_a_parameter_the_binding_says_what_to_do(
    world: World, admission: Admission, action: str, code: int
) -> None:
    admission(None, rule("configmaps", "CREATE"))  # once this one is known, so is one that was made before it
    binding = {"paramRef": {**HELD["binding"]["paramRef"], "parameterNotFoundAction": action}}
    admission(no("false"), rule("pods", "DELETE"), paramKind=HELD["paramKind"], binding=binding, loaded=False)
    if action == "Deny":
        until("the policy to be taken up", lambda: delete(world, f"{world.pods}/one", dryRun=["All"]).code != 200)
    answer = delete(world, f"{world.pods}/one")
    assert code == answer.code
    assert ("no params found for policy binding" in answer.doc.get("message", "")) == (action == "Deny")


def test_without_a_binding_a_policy_denies_nothing_and_from_then_on_nothing_more(
    world: World, admission: Admission
) -> None:
    name = admission(no("false"), rule("pods", "DELETE"))
    assert 422 == delete(world, f"{world.pods}/one").code
    assert 200 == delete(world, f"{BINDINGS}/{name}").code
    until("the binding to be forgotten", lambda: canary(world).code == 201)
    assert 200 == delete(world, f"{world.pods}/one").code


def test_it_sees_who_asks_and_the_namespace(world: World, admission: Admission) -> None:
    admission(
        no(
            "'system:authenticated' in request.userInfo.groups && request.userInfo.username != '' &&"
            f" namespaceObject.metadata.name == '{world.namespace}' && request.namespace == namespaceObject.metadata.name"
            " && !has(namespaceObject.metadata.deletionTimestamp) && request.operation == 'DELETE' &&"
            " request.kind.kind == 'Pod' && request.resource.version == 'v1' && request.name != 'one'"
        ),
        rule("pods", "DELETE"),
    )
    assert 422 == delete(world, f"{world.pods}/one").code
    assert 200 == delete(world, f"{world.pods}/two").code


def test_other_namespaces_and_other_objects_are_none_of_it(world: World, admission: Admission) -> None:
    here = {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}
    rules = [rule("pods", "DELETE")]
    admission(no("false"), matchConstraints={"resourceRules": rules, "namespaceSelector": here}, loaded=False)
    some = {"matchLabels": {"tier": "front"}}
    match = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}},
        "objectSelector": some,
        "resourceRules": [*rules, rule("configmaps", "CREATE")],
        "excludeResourceRules": [rule("pods", "DELETE", resourceNames=["two"])],
    }
    admission(no("false"), matchConstraints=match, loaded=False)
    until("the policies to be taken up", lambda: delete(world, f"{world.pods}/one", dryRun=["All"]).code == 422)
    assert 200 == delete(world, f"{world.pods}/two").code
    assert 200 == delete(world, f"{world.pods}/three").code


def test_controllers_are_denied_too_and_try_again(world: World, admission: Admission) -> None:
    made(world.ask("POST", path(world, "replicasets"), body=workload("ReplicaSet", "set", 2)))
    kept = ready(world, 2, "app=set")
    name = admission(no("!oldObject.metadata.name.startsWith('set-')"), rule("pods", "DELETE"))
    scaled = world.patch(path(world, "replicasets", "set"), {"op": "replace", "path": "/spec/replicas", "value": 0})
    assert 200 == scaled.code
    seen = until(
        "the controller to have seen it",
        lambda: [
            one
            for one in [world.get(path(world, "replicasets", "set")).doc]
            if one["status"].get("observedGeneration") == one["metadata"]["generation"]
        ],
    )
    assert 2 == seen[0]["status"]["replicas"]
    assert all(is_ready(world.pod(one["metadata"]["name"])) for one in kept)
    assert 200 == delete(world, f"{BINDINGS}/{name}").code
    ready(world, 0, "app=set")
    until("its pods to go", lambda: not world.get(world.pods, labelSelector="app=set").doc["items"])


def test_no_controller_makes_what_is_denied(world: World, admission: Admission) -> None:
    name = admission(no("!has(object.metadata.generateName)"), rule("pods", "CREATE"))
    own = made(world.ask("POST", path(world, "replicasets"), body=workload("ReplicaSet", "set", 1)))
    until(
        "the controller to have tried",
        lambda: world.get(path(world, "replicasets", "set")).doc["status"].get("observedGeneration"),
    )
    assert [] == world.get(world.pods, labelSelector="app=set").doc["items"]
    assert 200 == delete(world, f"{BINDINGS}/{name}").code
    assert {own["metadata"]["uid"]} == {owner(one) for one in ready(world, 1, "app=set")}


def outlive(world: World, admission: Admission) -> tuple[str, str]:
    """A pod whose owner is gone, and the policy that keeps it, by name."""
    made(world.ask("POST", path(world, "replicasets"), body=workload("ReplicaSet", "set", 1)))
    (kept,) = ready(world, 1, "app=set")
    name = admission(no("!oldObject.metadata.name.startsWith('set-')"), rule("pods", "DELETE"))
    assert 200 == delete(world, path(world, "replicasets", "set"), propagationPolicy="Background").code
    until("the owner to go", lambda: world.get(path(world, "replicasets", "set")).code == 404)
    return kept["metadata"]["name"], name


def test_the_garbage_collector_is_denied_too_and_tries_again(world: World, admission: Admission) -> None:
    kept, name = outlive(world, admission)
    assert is_ready(world.pod(kept))
    assert 200 == delete(world, f"{BINDINGS}/{name}").code
    until("its pod to go", lambda: not world.get(world.pods, labelSelector="app=set").doc["items"])


def test_what_is_sent_to_a_subresource_is_judged_as_what_it_is(world: World, admission: Admission) -> None:
    made(world.ask("POST", path(world, "deployments"), body=workload("Deployment", "set", 1)))
    ready(world, 1, "app=set")
    few = (
        "object.kind == 'Scale' && oldObject.spec.replicas == 1 && request.subResource == 'scale'"
        " ? object.spec.replicas < 3 : true"
    )
    said = "'no ' + string(object.spec.replicas) + ' for ' + request.name"
    both = {"expression": f"request.resource.resource != 'deployments' || ({few})", "messageExpression": said}
    admission(both, rule("deployments/scale", "UPDATE", group="apps"))
    where = f"{path(world, 'deployments', 'set')}/scale"
    answer = world.patch(where, {"op": "replace", "path": "/spec/replicas", "value": 3})
    assert 422 == answer.code
    assert answer.doc["message"].endswith("denied request: no 3 for set")
    assert 200 == world.patch(where, {"op": "replace", "path": "/spec/replicas", "value": 2}).code


def test_an_object_is_judged_as_it_would_be_stored(world: World, admission: Admission) -> None:
    whole = (
        "has(object.metadata.uid) && has(object.metadata.creationTimestamp) && object.status.phase == 'Pending'"
        " && object.metadata.name.startsWith('gen-') && request.name == object.metadata.name"
    )
    admission(no(f"!({whole})", reason="Forbidden"), rule("pods", "CREATE"))
    body = bare("x")
    body["metadata"] = {"generateName": "gen-"}
    answer = world.ask("POST", world.pods, body=body)
    assert 403 == answer.code
    assert answer.doc["message"].startswith('pods "gen-')
    assert 201 == world.ask("POST", world.pods, body=bare("other"), dryRun="All").code


def test_a_pod_that_ends_already_may_be_asked_to_end_again(world: World, admission: Admission) -> None:
    assert 200 == delete(world, f"{world.pods}/one", gracePeriodSeconds=30).code
    admission(no("false"), rule("pods", "DELETE"))
    assert delete(world, f"{world.pods}/one", gracePeriodSeconds=30).code in {200, 404}  # nobody is asked any more


def test_an_eviction_of_nothing_is_judged_first(world: World, admission: Admission) -> None:
    admission(no("object.metadata.namespace != request.namespace"), rule("pods/eviction", "CREATE"))
    answer = world.ask(
        "POST", f"{world.pods}/none/eviction",
        body={"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "none"}},
    )  # fmt: skip
    assert 422 == answer.code


def test_without_an_owner_a_pod_is_nobodys_garbage(world: World, admission: Admission) -> None:
    kept, name = outlive(world, admission)
    where = f"{world.pods}/{kept}"
    assert 200 == world.patch(where, {"op": "remove", "path": "/metadata/ownerReferences"}).code
    assert 200 == delete(world, f"{BINDINGS}/{name}").code
    until("the binding to be forgotten", lambda: canary(world).code == 201)
    assert is_ready(world.pod(kept))
