"""Order by `needs`: every step can begin, and what it uses is there by then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.playbook.rules.subject import closure
from tests.unit.playbook.sample import book, check, found, load, messages


def chain(**needs: str) -> str:
    return book("\n".join(f"- {{id: {name}, uses: test.tag, needs: [{needed}]}}" for name, needed in needs.items()))


def test_an_unknown_need_is_placed_at_its_own_item() -> None:
    check(chain(a="scope, @@scop"), 'step "a": it needs `scop`, and there is no such step', "did you mean `scope`?")
    check(chain(a="@@nothing-like-it"), "there is no such step", "steps: scope, a")


def test_a_step_does_not_need_itself() -> None:
    check(chain(a="@@a"), 'step "a": it needs itself and can never begin', "remove it")


def test_what_needs_a_step_with_a_fault_of_its_own_is_not_blamed() -> None:
    text = book("- {id: a_b, uses: test.tag}\n- {id: b, uses: test.tag, needs: [scope]}")
    assert messages(text) == ["`id` is no name"]
    assert messages(text.replace("[scope]", "[a-b]"))[1] == 'step "b": it needs `a-b`, and there is no such step'


def test_a_circle_is_told_as_a_path_at_its_first_step() -> None:
    check(chain(a="@@c", b="a", c="b"), 'step "a": steps need each other: a -> c -> b -> a', "break the circle")


def test_what_waits_for_a_circle_is_not_part_of_it() -> None:
    check(chain(before="b", a="@@b", b="a", after="before"), "steps need each other: a -> b -> a", "break")


def test_every_circle_is_told() -> None:
    text = chain(a="b", b="a", c="d", d="e", e="c", f="a, c")
    assert messages(text) == [
        'step "a": steps need each other: a -> b -> a',
        'step "c": steps need each other: c -> d -> e -> c',
    ]


def test_a_diamond_is_no_circle() -> None:
    load(chain(a="scope", b="a", c="a", d="b, c"))


def test_a_long_circle_is_found_and_shown_in_part() -> None:
    steps = {f"s{n}": f"s{(n + 1) % 190}" for n in range(190)}
    (told,) = found(chain(**steps))
    assert "s0 -> s1 -> s2" in told.message
    assert len(told.message) < 300


EDGES = st.dictionaries(st.sampled_from("abcdefg"), st.lists(st.sampled_from("abcdefgh")), max_size=7)


@given(EDGES)
def test_what_a_step_reaches_is_what_walking_finds(edges: dict[str, list[str]]) -> None:
    def walk(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [one for one in edges[start] if one in edges]
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo.extend(one for one in edges[name] if one in edges)
        return seen

    assert closure(edges) == {name: walk(name) for name in edges}


# -- values ------------------------------------------------------------------------------------------


def test_a_value_is_taken_only_after_its_step() -> None:
    text = book('- {id: a, uses: test.cordon, with: {node: @@"${steps.scope.node}"}}')
    check(text, 'step "a": uses ${steps.scope.node} without needing `scope`', "say needs: [scope]")
    other = '- {id: b, uses: test.tag}\n- {id: a, uses: test.cordon, needs: [b], with: {node: @@"${steps.scope.node}"}}'
    check(book(other), "without needing `scope`", "say needs: [b, scope]")


def test_a_need_of_a_need_is_enough() -> None:
    steps = '- {id: b, uses: test.tag, needs: [scope]}\n- {id: a, uses: test.cordon, needs: [b], with: {node: "${steps.scope.node}"}}'
    load(book(steps))


def test_the_list_of_a_for_each_is_a_value_too() -> None:
    text = '- {id: a, uses: test.look, for_each: @@"${steps.scope.siblings}", with: {pod: "${item}"}}'
    check(book(text), "uses ${steps.scope.siblings} without needing `scope`", "say needs: [scope]")


# -- finally -----------------------------------------------------------------------------------------


def last(steps: str, *, main: str = "") -> str:
    return book(main) + "  finally:\n" + f"    {steps}\n"


def test_finally_comes_after_all_steps_and_may_use_them() -> None:
    load(last('- {id: z, uses: test.cordon, with: {node: "${steps.scope.node}"}}'))
    load(last('- {id: z, uses: test.cordon, needs: [scope], with: {node: "${steps.scope.node}"}}'))


def test_steps_of_finally_need_each_other_as_all_do() -> None:
    first = '- {id: y, uses: test.look, with: {pod: "${inputs.pod}"}}\n    '
    load(last(first + '- {id: z, uses: test.cordon, needs: [y], with: {node: "${steps.y.node}"}}'))
    text = last(first + '- {id: z, uses: test.cordon, with: {node: @@"${steps.y.node}"}}')
    check(text, "without needing `y`", "say needs: [y]")


def test_no_step_can_wait_for_finally() -> None:
    text = last("- {id: z, uses: test.tag}", main="- {id: a, uses: test.tag, needs: [@@z]}")
    check(text, 'step "a": it can never begin: it needs `z` of `finally`', "run after all others")


def test_no_step_can_use_what_finally_gives() -> None:
    main = '- {id: a, uses: test.cordon, with: {node: @@"${steps.z.node}"}}'
    text = last('- {id: z, uses: test.look, with: {pod: "${inputs.pod}"}}', main=main)
    check(text, 'step "a": ${steps.z.node} comes from `finally`, which runs after all other steps', "under `steps`")


@pytest.mark.parametrize("where", ["steps", "finally"])
def test_an_id_is_one_step_s_in_both(where: str) -> None:
    step = "- {id: @@scope, uses: test.tag}"
    check(book(step) if where == "steps" else last(step), "step `scope` stands twice", "the first is in line 9")
