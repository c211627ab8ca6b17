"""No evidence is lost unsaid: destroying comes after a capture of the same target, or says why not."""

from __future__ import annotations

import pytest

from tests.unit.playbook.sample import book, check, load

KILL = 'uses: test.kill, with: {pod: "${inputs.pod}"}'
CAPTURE = 'uses: test.capture, with: {pod: "${inputs.pod}"}'
LOST = "memory and writable layer are lost here"


def test_destroying_before_any_capture_is_an_error_with_the_remedy() -> None:
    text = book('- {id: kill, uses: @@test.kill, with: {pod: "${inputs.pod}"}}')
    check(text, 'step "kill": uses test.kill before any capture of ${inputs.pod}', LOST)
    check(text, "before any capture", 'capture first, or say accept_loss: "<why>"')


def test_a_capture_that_is_needed_is_enough() -> None:
    load(book(f"- {{id: take, {CAPTURE}}}\n- {{id: kill, needs: [take], {KILL}}}"))
    load(
        book(
            f"- {{id: take, {CAPTURE}}}\n- {{id: b, uses: test.tag, needs: [take]}}\n- {{id: kill, needs: [b], {KILL}}}"
        )
    )


def test_a_capture_beside_it_is_not_enough() -> None:
    check(
        book(f"- {{id: take, {CAPTURE}}}\n- {{id: kill, {KILL.replace('test', '@@test', 1)}}}"),
        "before any capture",
        LOST,
    )


def test_a_capture_behind_it_is_not_enough() -> None:
    check(
        book(f"- {{id: kill, {KILL.replace('test', '@@test', 1)}}}\n- {{id: take, needs: [kill], {CAPTURE}}}"),
        "before",
        LOST,
    )


def test_a_capture_of_another_target_is_not_enough() -> None:
    steps = """
        - {id: take, uses: test.capture, needs: [scope], with: {pod: "${steps.scope.pod}"}}
        - {id: kill, needs: [take], uses: @@test.kill, with: {pod: "${inputs.pod}"}}
    """
    check(book(steps), "before any capture of ${inputs.pod}", LOST)


def test_an_export_is_not_a_capture_and_is_told_so() -> None:
    steps = f"""
        - {{id: export, uses: test.export, with: {{pod: "${{inputs.pod}}"}}}}
        - {{id: kill, needs: [export], {KILL.replace("test", "@@test", 1)}}}
    """
    check(book(steps), "before any capture", "an export of objects is not a capture; capture first")


def test_a_node_is_a_target_as_a_pod_is() -> None:
    drain = '- {id: drain, needs: [%s], uses: %stest.drain, with: {node: "${steps.scope.node}"}}'
    check(book(drain % ("scope", "@@")), "uses test.drain before any capture of ${steps.scope.node}", LOST)
    take = '- {id: take, needs: [scope], uses: test.capture_node, with: {node: "${steps.scope.node}"}}\n'
    load(book(take + drain % ("take", "")))


@pytest.mark.parametrize(
    "steps",
    [
        # The capture itself may fail, and the step goes on.
        "- {id: take, on_failure: continue, CAPTURE}\n- {id: kill, needs: [take], KILL}",
        # The capture may fail; the step between is skipped for that, and the last goes on all the same.
        "- {id: take, CAPTURE}\n- {id: b, uses: test.tag, needs: [take], on_failure: continue}\n- {id: kill, needs: [b], KILL}",
    ],
)
def test_a_capture_that_may_have_failed_is_not_enough(steps: str) -> None:
    text = steps.replace("CAPTURE", CAPTURE).replace("KILL", KILL.replace("test", "@@test", 1))
    check(book(text), "before any capture", LOST)


def test_a_certain_way_beside_an_uncertain_one_is_enough() -> None:
    steps = f"- {{id: take, {CAPTURE}}}\n- {{id: b, uses: test.tag, needs: [take], on_failure: continue}}\n"
    load(book(steps + f"- {{id: kill, needs: [b, take], {KILL}}}"))


def test_items_are_captured_where_both_go_through_the_same_list() -> None:
    take = '- {id: take, uses: test.capture, needs: [scope], for_each: "${steps.scope.siblings}", with: {pod: "${item}"}}\n'
    kill = '- {id: kill, uses: %s, needs: [take], for_each: "${steps.scope.%s}", with: {pod: "${item}"}}'
    load(book(take + kill % ("test.kill", "siblings")))
    check(book(take + kill % ("@@test.kill", "gaps")), "before any capture of ${item}", LOST)


def test_a_literal_target_is_shown_as_what_it_is() -> None:
    where = "{cluster: {id: 'context:lab'}, namespace: shop, name: web}"
    check(book(f"- {{id: kill, uses: @@test.kill, with: {{pod: {where}}}}}"), "before any capture of", LOST)
    take = f"- {{id: take, uses: test.capture, with: {{pod: {where}}}}}\n"
    load(book(take + f"- {{id: kill, needs: [take], uses: test.kill, with: {{pod: {where}}}}}"))


# -- accept_loss -------------------------------------------------------------------------------------


def test_a_loss_that_somebody_accepts_with_a_reason_is_kept_for_the_journal() -> None:
    step = load(book(f"- {{id: kill, accept_loss: the memory was taken by hand, {KILL}}}")).step("kill")
    assert step.accept_loss == "the memory was taken by hand"


@pytest.mark.parametrize("reason", ['""', "'  '"])
def test_a_loss_is_not_accepted_without_a_reason(reason: str) -> None:
    take = f"- {{id: take, {CAPTURE}}}\n"
    text = take + f"- {{id: kill, needs: [take], accept_loss: @@{reason}, {KILL}}}"
    check(book(text), 'step "kill": `accept_loss` without a reason', "say why")


def test_nothing_is_accepted_where_nothing_is_lost() -> None:
    text = book('- {id: a, uses: test.look, accept_loss: @@it is fine, with: {pod: "${inputs.pod}"}}')
    check(text, 'step "a": nothing is lost by test.look', "remove accept_loss")


def test_what_destroys_is_not_waved_through_without_a_reason() -> None:
    kill = f"- {{id: take, {CAPTURE}}}\n- {{id: kill, needs: [take], approval: %snever, {KILL}%s}}"
    check(book(kill % ("@@", "")), "test.kill destroys, and nobody would be asked", "or let it be approved")
    load(book(kill % ("", ", accept_loss: the pod is captured")))
    wipe = '- {id: wipe, uses: test.wipe, approval: @@never, with: {pod: "${inputs.pod}"}}'
    check(book(wipe), "test.wipe destroys, and nobody would be asked", "accept_loss")
    load(book('- {id: wipe, uses: test.wipe, approval: never, accept_loss: x y, with: {pod: "${inputs.pod}"}}'))


def test_never_asking_is_fine_where_nothing_is_destroyed() -> None:
    load(book('- {id: a, uses: test.cordon, needs: [scope], approval: never, with: {node: "${steps.scope.node}"}}'))
