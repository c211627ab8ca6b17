"""JSON Patch, as irkit relies on it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.moments import until
from tests.support.worlds import Answer, World

LABEL = "/metadata/labels/irkit.dev~1case"


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def same_uid(uid: str) -> dict[str, Any]:
    return {"op": "test", "path": "/metadata/uid", "value": uid}


def test_a_patch_changes_what_it_says_and_nothing_else(world: World) -> None:
    for number in range(5):  # a kubelet may write the status in between: then another time
        before = world.pod("one")
        answer = world.patch(f"{world.pods}/one", same_uid(before["metadata"]["uid"]), add(LABEL, f"IR-{number}"))
        assert answer.code == 200
        assert answer.doc["metadata"]["labels"] == {**before["metadata"]["labels"], "irkit.dev/case": f"IR-{number}"}
        assert int(answer.doc["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])
        after = world.pod("one")
        if after == answer.doc and after["status"] == before["status"]:
            break
    assert after == answer.doc
    assert (after["spec"], after["status"]) == (before["spec"], before["status"])


def test_a_failed_test_is_a_422_that_says_nothing(world: World) -> None:
    before = world.pod("one")
    answer = world.patch(f"{world.pods}/one", same_uid("another"), add(LABEL, "IR-1"))
    assert answer.code == 422
    assert answer.doc == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "the server rejected our request due to an error in our request",
        "reason": "Invalid",
        "details": {},
        "code": 422,
    }
    assert world.pod("one") == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/metadata/labels/nobody"},
        {"op": "replace", "path": "/metadata/nothing/here", "value": "x"},
        {"op": "add", "path": "/metadata/nothing/here", "value": "x"},
        {"op": "test", "path": "/metadata/nothing/here", "value": "x"},
        {"op": "test", "path": "/metadata/labels/nobody", "value": "x"},
        {"op": "test", "path": "/metadata/labels/app", "value": None},
        {"op": "invent", "path": "/metadata/labels/app", "value": "x"},
    ],
)
def test_an_operation_that_does_not_apply_is_the_same_422(world: World, operation: dict[str, Any]) -> None:
    before = world.pod("one")
    answer = world.patch(f"{world.pods}/one", operation)
    assert (answer.code, answer.doc["reason"], answer.doc["details"]) == (422, "Invalid", {})
    assert world.pod("one") == before


def test_a_patch_is_applied_whole_or_not_at_all(world: World) -> None:
    before = world.pod("one")
    answer = world.patch(f"{world.pods}/one", add(LABEL, "IR-1"), {"op": "remove", "path": "/metadata/labels/nobody"})
    assert answer.code == 422
    assert world.pod("one") == before


def test_a_test_for_null_holds_where_the_member_is_missing(world: World) -> None:
    answer = world.patch(f"{world.pods}/one", {"op": "test", "path": LABEL, "value": None}, add(LABEL, "IR-1"))
    assert answer.code == 200


def test_a_test_tells_types_apart(world: World) -> None:
    """A node without spec.unschedulable is not one where it is 0 or "false"."""
    for value in (1, "true"):
        container = {"op": "test", "path": "/status/containerStatuses/0/ready", "value": value}
        assert world.patch(f"{world.pods}/one", container).code == 422
    assert (
        world.patch(
            f"{world.pods}/one", {"op": "test", "path": "/status/containerStatuses/0/ready", "value": True}
        ).code
        == 200
    )


def test_a_patch_that_changes_nothing_keeps_the_version(world: World) -> None:
    before = world.pod("one")
    answer = world.patch(f"{world.pods}/one", add("/metadata/labels/app", "one"))
    assert answer.code == 200
    assert answer.doc == before


def test_a_dry_run_shows_the_result_and_keeps_nothing(world: World) -> None:
    before = world.pod("one")
    answer = world.patch(f"{world.pods}/one", add(LABEL, "IR-1"), dryRun="All")
    assert answer.code == 200
    assert answer.doc["metadata"]["labels"]["irkit.dev/case"] == "IR-1"
    assert world.pod("one") == before


def test_a_dry_run_of_some_other_kind_is_refused(world: World) -> None:
    answer = world.patch(f"{world.pods}/one", add(LABEL, "IR-1"), dryRun="Some")
    assert (answer.code, answer.doc["reason"]) == (422, "Invalid")


def test_a_patch_of_what_is_not_there_is_a_404(world: World) -> None:
    assert world.patch(f"{world.pods}/nobody", add(LABEL, "IR-1")).code == 404


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("/metadata/uid", "00000000-0000-4000-8000-000000000000", "metadata.uid"),
    ],
)
def test_identity_is_immutable(world: World, path: str, value: Any, field: str) -> None:
    answer = world.patch(f"{world.pods}/one", {"op": "replace", "path": path, "value": value})
    assert (answer.code, answer.doc["reason"]) == (422, "Invalid")
    assert {cause["field"] for cause in answer.doc["details"]["causes"]} == {field}  # some are told more than once
    assert answer.doc["details"]["causes"][0]["message"].endswith("field is immutable")


def test_a_creation_time_is_kept_and_nobody_is_told(world: World) -> None:
    before = world.pod("one")
    operation = {"op": "replace", "path": "/metadata/creationTimestamp", "value": "2020-01-01T00:00:00Z"}
    answer = world.patch(f"{world.pods}/one", operation)
    assert answer.code == 200
    assert answer.doc["metadata"]["creationTimestamp"] == before["metadata"]["creationTimestamp"]


def test_replacing_what_is_not_there_adds_it(world: World) -> None:
    """RFC 6902 says that it must be there; the API server's library does not ask. Only a `test` before it does."""
    operation = {"op": "replace", "path": "/metadata/labels/nobody", "value": "x"}
    answer = world.patch(f"{world.pods}/one", operation)
    assert answer.code == 200
    assert answer.doc["metadata"]["labels"]["nobody"] == "x"


@pytest.mark.parametrize("path", ["/metadata/name", "/metadata/namespace"])
def test_an_object_is_not_renamed(world: World, path: str) -> None:
    answer = world.patch(f"{world.pods}/one", {"op": "replace", "path": path, "value": "other"})
    assert (answer.code, answer.doc["reason"]) == (400, "BadRequest")


def test_a_pods_spec_is_immutable(world: World) -> None:
    answer = world.patch(f"{world.pods}/one", {"op": "replace", "path": "/spec/nodeName", "value": "elsewhere"})
    assert (answer.code, answer.doc["reason"]) == (422, "Invalid")
    assert answer.doc["details"]["causes"][0]["field"] == "spec"
    assert answer.doc["details"]["causes"][0]["reason"] == "FieldValueForbidden"


def test_status_is_not_changed_by_a_patch_of_the_object(world: World) -> None:
    before = world.pod("one")
    answer = world.patch(f"{world.pods}/one", {"op": "replace", "path": "/status/phase", "value": "Failed"})
    assert answer.code == 200
    assert answer.doc == before


def test_another_resource_version_is_a_conflict(world: World) -> None:
    answer = world.patch(f"{world.pods}/one", {"op": "replace", "path": "/metadata/resourceVersion", "value": "1"})
    assert (answer.code, answer.doc["reason"]) == (409, "Conflict")
    assert answer.doc["message"] == (
        'Operation cannot be fulfilled on pods "one": the object has been modified; please apply your changes to the '
        "latest version and try again"
    )


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (LABEL, "not a value", "metadata.labels"),
        (LABEL, "x" * 64, "metadata.labels"),
        ("/metadata/labels/bad key", "x", "metadata.labels"),
        ("/metadata/labels/Upper.Prefix~1x", "x", "metadata.labels"),
        ("/metadata/annotations", {"bad key": "x"}, "metadata.annotations"),
        ("/metadata/annotations", {"big": "x" * 262144}, "metadata.annotations"),
    ],
)
def test_labels_and_annotations_are_checked(world: World, path: str, value: Any, field: str) -> None:
    before = world.pod("one")
    answer = world.patch(f"{world.pods}/one", add(path, value))
    assert (answer.code, answer.doc["reason"]) == (422, "Invalid")
    assert answer.doc["details"]["kind"] == "Pod"
    assert answer.doc["details"]["name"] == "one"
    assert {cause["field"] for cause in answer.doc["details"]["causes"]} == {field}  # some are told more than once
    assert world.pod("one") == before


def test_a_label_of_the_wrong_type_is_a_422_about_the_patch(world: World) -> None:
    answer = world.patch(f"{world.pods}/one", add(LABEL, 7))
    assert (answer.code, answer.doc["reason"]) == (422, "Invalid")
    assert answer.doc["details"]["causes"][0]["field"] == "patch"


def test_an_unknown_field_is_dropped_with_a_warning_or_refused_if_strict(world: World) -> None:
    before = world.pod("one")
    lenient = world.patch(f"{world.pods}/one", add("/spec/colour", "red"))
    assert lenient.code == 200
    assert lenient.headers["Warning"] == '299 - "unknown field \\"spec.colour\\""'
    assert world.pod("one") == before
    strict = world.patch(f"{world.pods}/one", add("/spec/colour", "red"), fieldValidation="Strict")
    assert (strict.code, strict.doc["reason"]) == (422, "Invalid")
    assert 'unknown field "spec.colour"' in strict.doc["message"]


def test_an_operations_unknown_member_is_told_or_refused_if_strict(world: World) -> None:
    lenient = world.patch(f"{world.pods}/one", {**add(LABEL, "IR-1"), "vlaue": "IR-2"})
    assert lenient.code == 200
    assert lenient.headers["Warning"] == '299 - "json patch unknown field \\"[0].vlaue\\""'
    strict = world.patch(f"{world.pods}/one", {**add(LABEL, "IR-3"), "vlaue": "x"}, fieldValidation="Strict")
    assert (strict.code, strict.doc["reason"]) == (422, "Invalid")
    assert world.pod("one")["metadata"]["labels"]["irkit.dev/case"] == "IR-1"


def test_a_patch_of_an_unknown_type_is_a_415(world: World) -> None:
    answer = world.ask("PATCH", f"{world.pods}/one", body=[], kind="text/plain")
    assert (answer.code, answer.doc["reason"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize("body", [b"{}", b"not json", b'["x"]', b'[{"op": "add", "path": 7}]'])
def test_what_is_no_patch_is_a_400(world: World, body: bytes) -> None:
    answer = world.ask("PATCH", f"{world.pods}/one", body=body, kind="application/json-patch+json")
    assert (answer.code, answer.doc["reason"]) == (400, "BadRequest")


def test_the_last_label_takes_the_map_along(world: World) -> None:
    """An empty map is not stored, so a patch that adds a label has to be ready for labels that are not there."""
    for key in ("app",):
        world.patch(f"{world.pods}/three", {"op": "remove", "path": f"/metadata/labels/{key}"})
    assert "labels" not in world.pod("three")["metadata"]
    assert world.patch(f"{world.pods}/three", add("/metadata/labels/x", "y")).code == 422
    assert world.patch(f"{world.pods}/three", add("/metadata/labels", {"x": "y"})).code == 200


def test_managed_fields_say_who_changed_what(world: World) -> None:
    answer = world.patch(f"{world.pods}/one", add(LABEL, "IR-1"))
    (mine,) = [each for each in answer.doc["metadata"]["managedFields"] if each["manager"] == "irkit"]
    assert (mine["operation"], mine["apiVersion"], mine["fieldsType"]) == ("Update", "v1", "FieldsV1")
    assert mine["fieldsV1"] == {"f:metadata": {"f:labels": {"f:irkit.dev/case": {}}}}
    named = world.patch(f"{world.pods}/one", add(LABEL, "IR-2"), fieldManager="somebody")
    owners = [each["manager"] for each in named.doc["metadata"]["managedFields"] if "irkit.dev/case" in str(each)]
    assert owners == ["somebody"]


def manager(doc: dict[str, Any], name: str) -> tuple[int, dict[str, Any]]:
    """Where the manager's entry is, and what it owns; -1 where it has none."""
    held = enumerate(doc["metadata"]["managedFields"])
    found = [(at, each["fieldsV1"]) for at, each in held if each["manager"] == name]
    return found[0] if found else (-1, {})


def without_status(doc: dict[str, Any]) -> dict[str, Any]:
    """The object less what a kubelet may write of it at any time."""
    entries = [each for each in doc["metadata"]["managedFields"] if each.get("subresource") != "status"]
    meta = {**doc["metadata"], "managedFields": entries, "resourceVersion": ""}
    return {**doc, "metadata": meta, "status": {}}


def about_manager(world: World, name: str, *ops: dict[str, Any]) -> Answer:
    """Patch the manager's entry, which is at AT: again where another one wrote meanwhile, as that moves the entries."""

    def tried() -> Answer | None:
        doc = world.pod("one")
        at = manager(doc, name)[0]
        same = {"op": "test", "path": "/metadata/resourceVersion", "value": doc["metadata"]["resourceVersion"]}
        answer = world.patch(
            f"{world.pods}/one", same, *({**op, "path": op["path"].replace("AT", str(at))} for op in ops)
        )
        moved = answer.code != 200 and world.pod("one")["metadata"]["resourceVersion"] != same["value"]
        return None if moved else answer

    answer: Answer = until("nobody to write in between", tried)
    return answer


def test_a_patch_that_removes_a_managers_entry_takes_its_ownership_away(world: World) -> None:
    world.patch(f"{world.pods}/one", add(LABEL, "IR-1"))

    answer = about_manager(world, "irkit", {"op": "remove", "path": "/metadata/managedFields/AT"})

    assert answer.code == 200
    assert manager(answer.doc, "irkit") == (-1, {})
    after = world.pod("one")
    assert without_status(after) == without_status(answer.doc)
    assert after["metadata"]["labels"]["irkit.dev/case"] == "IR-1"
    assert "irkit.dev/case" not in str(after["metadata"]["managedFields"])


def test_a_patch_that_rewrites_a_managers_entry_leaves_it_the_rest(world: World) -> None:
    first = world.patch(f"{world.pods}/one", add(LABEL, "IR-1"), add("/metadata/labels/mine", "too")).doc
    _, held = manager(first, "irkit")
    assert held == {"f:metadata": {"f:labels": {"f:irkit.dev/case": {}, "f:mine": {}}}}
    where = "/metadata/managedFields/AT/fieldsV1"
    rest: dict[str, Any] = {"f:metadata": {"f:labels": {"f:irkit.dev/case": {}}}}

    answer = about_manager(
        world, "irkit",
        {"op": "test", "path": "/metadata/managedFields/AT/manager", "value": "irkit"},
        {"op": "test", "path": where, "value": held},
        {"op": "replace", "path": where, "value": rest},
    )  # fmt: skip

    assert answer.code == 200
    assert manager(answer.doc, "irkit")[1] == rest


def test_a_patch_that_changes_a_field_too_owns_it_all_the_same(world: World) -> None:
    """The server gives a changed field to its writer, whatever the patch says of managers."""
    world.patch(f"{world.pods}/one", add(LABEL, "IR-1"))
    remove = {"op": "remove", "path": "/metadata/managedFields/AT"}

    answer = about_manager(world, "irkit", add(LABEL, "IR-2"), remove)

    assert manager(answer.doc, "irkit")[1] == {"f:metadata": {"f:labels": {"f:irkit.dev/case": {}}}}


def test_a_client_that_knows_no_managers_takes_none_away(world: World) -> None:
    before = world.pod("one")["metadata"]["managedFields"]
    assert before

    answer = world.patch(f"{world.pods}/one", {"op": "remove", "path": "/metadata/managedFields"})

    assert answer.code == 200
    assert answer.doc["metadata"]["managedFields"] == before


def test_a_cordon_is_stored_only_while_it_holds(world: World) -> None:
    (node, *_) = [item["metadata"]["name"] for item in world.get("/api/v1/nodes").doc["items"]]
    path = f"/api/v1/nodes/{node}"
    before = world.get(path).doc
    assert "unschedulable" not in before["spec"]
    on = world.patch(path, add("/spec/unschedulable", True))
    assert (on.code, on.doc["spec"]["unschedulable"]) == (200, True)
    off = world.patch(path, {"op": "replace", "path": "/spec/unschedulable", "value": False})
    assert off.code == 200
    assert "unschedulable" not in off.doc["spec"]
    again = world.patch(path, add("/spec/unschedulable", False))
    assert "unschedulable" not in again.doc["spec"]
