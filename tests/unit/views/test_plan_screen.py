"""The plan at a terminal: a screen of rows first, every target on request; who must agree is said before the question."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from irkit.app.preview import PlannedStep, Preview
from irkit.app.runs import Ask
from irkit.app.standing import Identity, Standing
from irkit.model.plans import Impact
from irkit.model.playbooks import Playbook
from irkit.model.refs import ImageRef
from irkit.views.plan import plan_json, plan_lines
from irkit.views.plan_steps import pick, steps_lines
from irkit.views.terminal import cells, paint
from tests.support.screens import CLUSTER, POD
from tests.unit.views.test_folding import child, patch

STEPS = ("label", "isolate", "cut", "probe", "baseline", "keep", "mark")


def plan(*steps: PlannedStep, **more: Any) -> Preview:
    ask = Ask(POD, b"", "book.yaml", {}, asked="2026-11-20T03:00:00.000000Z")
    book = Playbook(name="book", title="Book", inputs=(), steps=())
    return Preview(more.pop("ask", ask), book, "", steps, (), "", "7c1f09ab" + "0" * 56, **more)


def text(found: Preview) -> str:
    return paint(plan_lines(found), colour=False)


def flat(shown: str) -> str:
    return " ".join(shown.split())


def crowd(count: int) -> list[PlannedStep]:
    impact = (Impact(who="Service web", what="waits"),)
    return [
        replace(one, key=f"{name}[{number}]", impact=impact)
        for name in STEPS
        for number, one in enumerate(child(number) for number in range(count))
    ]


@pytest.mark.parametrize("count", [2, 12, 500])
def test_a_plan_over_many_pods_fits_a_screen(count: int) -> None:
    shown = text(plan(*crowd(count))).splitlines()
    assert len(shown) <= 30
    assert max(cells(line) for line in shown) <= 80


def test_a_crowd_is_named_once_and_counted_after_that() -> None:
    shown = flat(text(plan(*crowd(12))))
    assert "1 label 12 pods of shop: web-0, web-1, web-2, +9: patch 12 pods" in shown
    assert "2 isolate the same 12 pods: what an earlier step does already" in shown
    assert "web-3" not in shown


def test_each_target_and_call_is_there_on_request() -> None:
    found = plan(*crowd(12))
    whole = paint(steps_lines(found), colour=False)
    assert whole.count("patch pods shop/web-11") == len(STEPS)
    assert "(the change of step label: it is made once)" in flat(whole)
    one = paint(steps_lines(found, "isolate"), colour=False)
    assert one.count("patch pods shop/web-11") == 1
    assert " 2  isolate  kube.label_pod: protect" in one
    assert "label" not in {line.strip() for line in one.splitlines()}


def test_another_change_of_the_same_object_is_told_from_the_same_change() -> None:
    first, other = child(1), replace(child(1, effects=(patch("web-1", 2),)), key="mark[uid-1]")
    shown = flat(text(plan(first, other)))
    assert shown.count("patch pods shop/web-1") == 2
    assert "(another change than in step label)" in flat(paint(steps_lines(plan(first, other)), colour=False))


@pytest.mark.parametrize(
    ("typed", "step"), [("1", "label"), ("2", "isolate"), ("isolate", "isolate"), ("0", ""), ("9", ""), ("nope", ""),
                        ("٢", ""), ("9" * 5000, "")],
)  # fmt: skip
def test_a_step_is_picked_by_its_number_or_name(typed: str, step: str) -> None:
    assert pick(plan(*crowd(2)), typed) == step


def test_a_refusal_that_several_steps_share_is_said_once() -> None:
    no = PlannedStep("a", "x", "contain", "refused", "12 targets are more than 10", hint="raise it")
    shown = flat(text(plan(no, replace(no, key="b"), replace(no, key="c", why="another reason"))))
    assert shown.count("12 targets are more than 10") == 1
    assert shown.count("raise it") == 2
    assert "2 b REFUSED: as a" in shown
    assert "3 c REFUSED: another reason" in shown


# -- who must agree --------------------------------------------------------------------------------------


def test_a_second_person_is_asked_for_before_the_question() -> None:
    kill = replace(child(1), key="kill", about="", approval=True, demanded="kube.delete_pod is destructive")
    shown = flat(text(plan(kill)))
    assert "? needs an approval by a second person: kube.delete_pod is destructive" in shown
    assert "Approval kill: needs a second person, who types irkit approve CASE STEP; whoever runs this may not" in shown
    assert "Approval" not in text(plan(replace(kill, approval=False)))


def test_what_is_not_known_yet_may_need_one() -> None:
    later = PlannedStep(
        "tokens", "kube.revoke_tokens", "contain", "later", "known only after scope", approval=True, demanded="it asks"
    )
    assert "? if it changes anything, needs an approval by a second person: it asks" in flat(text(plan(later)))
    assert '"demanded":"it asks"' in plan_json(plan(later))


# -- what it is about ------------------------------------------------------------------------------------


def test_the_target_is_shown_as_it_stands_and_whom_it_acts_as() -> None:
    who = Identity(
        "shop/web",
        "arn:aws:iam::111122223333:role/path/web-role",
        "IRSA",
        (("Deployment shop/web", 11), ("pod shop/x", 1)),
    )
    seen = Standing("Running", "2026-11-14T03:00:00.000000Z", "ip-10-0-3-17", who)
    shown = flat(text(plan(standing=seen)))
    assert f"Target {POD} · uid {POD.uid} · Running 6 d on ip-10-0-3-17" in shown
    told = "Identity service account shop/web · role web-role (IRSA) · also used by 11 pods of Deployment shop/web, pod shop/x"
    assert told in shown


@pytest.mark.parametrize(
    ("who", "told"),
    [
        (Identity("shop/web"), "service account shop/web · no AWS role · no other pod uses it"),
        (Identity("shop/web", how="EKS Pod Identity"), "service account shop/web · EKS Pod Identity · no other pod"),
        (Identity("shop/web", users=None), "nobody could look which other pods use it"),
        (
            Identity("a/b", users=tuple((f"Deployment a/{one}", 2) for one in "abcde")),
            "also used by 2 pods of Deployment a/a, 2 pods of Deployment a/b, 2 pods of Deployment a/c, +2",
        ),
    ],
)
def test_an_identity_says_who_else_would_lose_it(who: Identity, told: str) -> None:
    assert told in flat(text(plan(standing=Standing(identity=who))))


def test_an_identity_that_nobody_may_see_is_not_passed_over() -> None:
    assert "Identity not seen: the API denies it" in flat(text(plan(standing=Standing(unseen="the API denies it"))))
    assert "Identity" not in text(plan())


def test_the_digest_of_an_image_is_shown_once() -> None:
    image = ImageRef(cluster=CLUSTER, name="registry.test/web:1", uid="a" * 64)
    ask = Ask(image, b"", "book.yaml", {}, asked="2026-11-20T03:00:00.000000Z")
    assert text(plan(ask=ask)).count("a" * 64) == 1
