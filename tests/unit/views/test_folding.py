"""A crowd is one row: who, how many, what is called once for all; nothing that differs is said of all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from irkit.app.preview import PlannedStep
from irkit.model.effects import KubeCall, Store
from irkit.model.kube import NETWORK_POLICIES, NODES, PODS
from irkit.model.plans import Impact, Verdict
from irkit.views.folding import call_summary, folds, merged, some

CLUSTER = "arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu"


def patch(name: str, body: Any = 1) -> KubeCall:
    return KubeCall(
        name="label", keep=(), cluster=CLUSTER, verb="patch", resource=PODS, namespace="shop", object=name,
        body=[{"op": "add", "path": "/x", "value": body}],
    )  # fmt: skip


def policy() -> KubeCall:
    return KubeCall(
        name="policy", keep=(), cluster=CLUSTER, verb="create", resource=NETWORK_POLICIES, namespace="shop",
        object="irkit-1", body={"kind": "NetworkPolicy"},
    )  # fmt: skip


def store(name: str, size: int) -> Store:
    return Store(name="store", key=f"objects/{name}.jsonl", sha256="0" * 64, size=size, media_type="x/y", spool=name)


def child(number: int, **more: Any) -> PlannedStep:
    name = f"shop/web-{number}"
    given: dict[str, Any] = {"why": f"pod {name} lacks a label", "effects": (patch(f"web-{number}"),), **more}
    return PlannedStep(
        f"label[uid-{number}]", "kube.label_pod", "protect", given.pop("kind", "change"), given.pop("why"),
        f"pod {name}", about=name, **given,
    )  # fmt: skip


def test_twelve_children_that_do_the_same_are_one_row() -> None:
    ((fold,),) = folds([child(number) for number in range(12)])
    assert (fold.name, fold.crowd) == ("label", "12 pods")
    assert fold.whom == "12 pods of shop: web-0, web-1, web-2, +9"
    assert fold.step.why == "the pod lacks a label"
    assert call_summary(fold) == ["patch 12 pods"]


def test_steps_without_children_stay_as_they_are_and_in_order() -> None:
    one = PlannedStep("scope", "kube.scope_pod", "read", "settled", "seen", "pod shop/web-1")
    other = replace(one, key="mark", kind="change", effects=(patch("web-1"),))
    found = folds([one, child(1), child(2), other])
    assert [[fold.name for fold in group] for group in found] == [["scope"], ["label"], ["mark"]]
    assert found[0][0].step is one
    assert found[0][0].about == ()


def test_children_that_differ_are_rows_of_their_own() -> None:
    done = {"kind": "settled", "effects": (), "why": "it has the label", "verdict": Verdict.proven("read back")}
    leaky = {**done, "verdict": Verdict.leaky("by x")}
    refused = {"kind": "refused", "effects": (), "why": "it is protected", "hint": "unprotect it"}
    ((acting, settled, open_, no),) = folds(
        [child(1), child(2, **done), child(3, **leaky), child(4, **refused), child(5), child(6, **done)]
    )
    assert [fold.about for fold in (acting, settled, open_, no)] == [
        ("shop/web-1", "shop/web-5"), ("shop/web-2", "shop/web-6"), ("shop/web-3",), ("shop/web-4",),
    ]  # fmt: skip
    assert (no.step.hint, no.whom) == ("unprotect it", "shop/web-4")


def test_what_is_done_already_is_one_row_though_each_has_its_own_record() -> None:
    done = [
        child(
            number,
            kind="settled",
            effects=(),
            why=f"kept as probes/{number}.json",
            verdict=Verdict.unproven("not tried"),
        )
        for number in range(12)
    ]
    proven = [replace(one, verdict=Verdict.proven(f"stored whole, sha256 {one.key}")) for one in done]
    assert [len(group) for group in folds(proven)] == [1]
    ((fold,),) = folds(done)
    assert (fold.whom.partition(":")[0], fold.step.why) == ("12 pods of shop", "it is so already")


def test_one_that_needs_more_calls_is_not_hidden_among_the_others() -> None:
    both = child(2, effects=(policy(), patch("web-2")))
    found = folds([child(1), both, child(3)])
    assert [[fold.about for fold in group] for group in found] == [[("shop/web-1", "shop/web-3"), ("shop/web-2",)]]


def test_a_call_that_all_of_them_share_is_said_once_and_in_full() -> None:
    ((fold,),) = folds([child(number, effects=(policy(), patch(f"web-{number}"))) for number in range(3)])
    assert call_summary(fold) == ["create networkpolicies shop/irkit-1", "patch 3 pods"]


def test_evidence_is_added_up() -> None:
    ((fold,),) = folds([child(number, effects=(store(str(number), 1024),)) for number in range(3)])
    assert call_summary(fold) == ["store 3 artefacts (3.0 KiB)"]
    ((one,),) = folds([child(1, effects=(store("a", 1024),))])
    assert call_summary(one) == ["store artefact objects/a.jsonl (1.0 KiB)"]


def test_whoever_feels_the_same_is_named_once() -> None:
    cut = "cut off too"
    found = merged(
        [
            Impact(who="pod web-1", what=cut, warn=True),
            Impact(who="Service web", what="waits", count=1),
            *(Impact(who=f"pod web-{number}", what=cut, count=1, warn=True) for number in (1, 2, 3, 4)),
        ]
    )
    assert [(one.who, one.what, one.count, one.warn) for one in found] == [
        ("pod web-1, web-2, web-3, +1", cut, 4, True), ("Service web", "waits", 1, False),
    ]  # fmt: skip


def test_a_warning_is_not_merged_into_what_is_none() -> None:
    same = [Impact(who="a", what="waits"), Impact(who="b", what="waits", warn=True)]
    assert [one.warn for one in merged(same)] == [False, True]


def test_names_of_several_kinds_are_all_said_in_full() -> None:
    assert some(["pod a", "node b"]) == "pod a, node b"
    assert some(["node a", "node b"]) == "node a, b"
    assert some(["a", "b", "c"]) == "a, b, c"
    assert some(["a", "b", "c", "d"]) == "a, b, c, +1"


def test_a_crowd_of_several_namespaces_or_kinds_says_so() -> None:
    far = replace(child(2), target="pod kube-dns/dns", about="kube-dns/dns")
    ((fold,),) = folds([child(1), far])
    assert fold.whom == "2 pods: shop/web-1, kube-dns/dns"
    node = replace(child(2), target="node n-1", about="n-1", effects=(patch("web-2"),))
    ((mixed,),) = folds([child(1), node])
    assert mixed.crowd == "2 targets"


def test_calls_on_other_kinds_are_counted_by_their_kind() -> None:
    cordon = patch("n-1").model_copy(update={"resource": NODES, "namespace": ""})
    ((fold,),) = folds([child(1, effects=(patch("web-1"), cordon)), child(2, effects=(patch("web-2"), cordon))])
    assert call_summary(fold) == ["patch 2 pods", "patch nodes n-1"]
