"""`when`: what the linter says of a condition, and what it answers when it runs."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.model.playbooks import When
from irkit.playbook.bindings import Missing
from irkit.playbook.conditions import MAX_LENGTH, VERDICTS, holds, objection, plain, variable
from tests.unit.playbook.sample import HEAD, book, check, found, load, messages, pod

INPUTS = HEAD.replace(
    "inputs:\n",
    "inputs:\n    flag: {type: boolean, default: false}\n    count: {type: integer, default: 1}\n    why: {type: text, required: false}\n    other: {type: pod, required: false}\n",
)


def text(condition: str, *, needs: str = "scope", before: str = "", head: str = INPUTS) -> str:
    """A playbook whose step `a` has this condition. Every input is used."""
    uses = '- {id: use, uses: test.note, with: {value: "${inputs.flag}"}}\n- {id: use2, uses: test.note, with: {value: "${inputs.count}"}}\n- {id: use3, uses: test.note, with: {value: "${inputs.why}"}}\n- {id: use4, uses: test.note, with: {value: "${inputs.other}"}}\n'
    step = f"- id: a\n  uses: test.tag\n  needs: [{needs}]\n  when: {condition}\n"
    return book(uses + textwrap.dedent(before) + step, head=head)


def when(condition: str, **more: Any) -> When:
    """The checked condition."""
    step = load(text(condition, **more)).step("a")
    assert step.when is not None
    return step.when


# -- what lints ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("inputs.flag", [("inputs", "flag")]),
        ("inputs.count > 2 && !inputs.flag", [("inputs", "count"), ("inputs", "flag")]),
        ('inputs.pod.namespace == "shop"', [("inputs", "pod", "namespace")]),
        ('inputs.pod.cluster.id.startsWith("arn:")', [("inputs", "pod", "cluster", "id")]),
        ("inputs.why != null && size(inputs.why) > 3", [("inputs", "why")]),
        ("inputs.other == null || inputs.other.name != inputs.pod.name", [("inputs", "other"), ("inputs", "other", "name"), ("inputs", "pod", "name")]),
        ('steps.scope.verdict == "proven"', [("steps", "scope", "verdict")]),
        ('steps.scope.verdict in ["leaky", "failed"]', [("steps", "scope", "verdict")]),
        ("steps.scope.outputs.node != null", [("steps", "scope", "outputs", "node")]),
        ('steps.scope.outputs.node.name == "n"', [("steps", "scope", "outputs", "node", "name")]),
        ("size(steps.scope.outputs.siblings) > 1", [("steps", "scope", "outputs", "siblings")]),
        ('"web" in steps.scope.outputs.siblings.name', [("steps", "scope", "outputs", "siblings", "name")]),
        ('steps.scope.outputs.siblings.name.all(n, n.startsWith("web"))', [("steps", "scope", "outputs", "siblings", "name")]),
        ('steps . scope .\n    verdict == "proven"', [("steps", "scope", "verdict")]),
        ('steps.scope.outputs.mode == "soft"', [("steps", "scope", "outputs", "mode")]),
        ('"steps.scope.verdict" != inputs.pod.name', [("inputs", "pod", "name")]),
    ],
)  # fmt: skip
def test_a_condition_lints_and_keeps_what_it_takes(condition: str, names: list[Any]) -> None:
    quoted = "'" + condition.replace("'", "''") + "'"
    assert when(quoted).names == tuple(names)


def test_a_step_s_dashes_are_underscores() -> None:
    before = "- {id: mark-node, uses: test.look, needs: [scope], with: {pod: '${inputs.pod}'}}\n"
    assert when("steps.mark_node.verdict == 'proven'", needs="mark-node", before=before).names == (
        ("steps", "mark-node", "verdict"),
    )
    check(
        text('@@steps.mark-node.verdict == "proven"', needs="mark-node", before=before).replace("@@steps", "steps@@"),
        "CEL reads steps.mark-… as minus", "write steps.mark_node for step `mark-node`",
    )  # fmt: skip


def test_a_for_each_gives_the_list_of_its_children_s_verdicts() -> None:
    before = (
        "- {id: each, uses: test.look, needs: [scope], for_each: '${steps.scope.siblings}', with: {pod: '${item}'}}\n"
    )
    assert when('steps.each.verdict.exists(v, v != "proven")', needs="each", before=before).names
    assert when("steps.each.outputs.size.exists(n, n > 3)", needs="each", before=before).names
    assert when("'\"n-1\" in steps.each.outputs.node.name'", needs="each", before=before).names
    said = found(text('steps.each.verdict == "proven"', needs="each", before=before))
    assert ["found no matching overload" in one.message for one in said] == [True]


def test_finally_may_ask_about_every_step() -> None:
    tail = "  finally:\n    - {id: z, uses: test.tag, when: 'steps.scope.verdict != \"proven\"'}\n"
    load(book("- {id: a, uses: test.tag}") + tail)


# -- what does not ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "message", "remedy"),
    [
        ('inputs.pod@@.nmae == "x"', "knows no `inputs.pod.nmae`", "did you mean `inputs.pod.name`?"),
        ("inputs@@.cuont > 1", "knows no `inputs.cuont`", "did you mean `inputs.count`?"),
        ('steps.scope.outputs@@.nodde == "x"', "knows no `steps.scope.outputs.nodde`", "steps.scope.outputs.node"),
        ('steps.scop@@.verdict == "proven"', "knows no `steps.scop.verdict`", "did you mean `steps.scope.verdict`?"),
        ("lookup@@(inputs.pod.name)", "knows no `lookup`", "inputs.NAME"),
        ("@@inputs.count", "wants true or false, this is a number", "compare it"),
        ("@@inputs.pod.name", "wants true or false, this is text", "compare it"),
        ("@@inputs.pod", "wants true or false, this is something else", "as in inputs.pod.name == something"),
        ('inputs.count @@== "x"', "no matching overload for '_==_' applied to '(int, string)'",
         "one side is a number, the other text; only text stands in quotes"),
        ("inputs.flag &&@@", "mismatched input", "the language is CEL"),
        ("inputs@@.fast", "knows no `inputs.fast`", "inputs has "),
        ("steps.scope.outputs@@.zz", "knows no `steps.scope.outputs.zz`", "steps.scope.outputs has "),
        ("inputs.flag @@= true", "token recognition error", "compare with =="),
        ("inputs.flag @@=! true", "token recognition error", "not equal is !="),
        ("inputs.flag @@and inputs.flag", "mismatched input 'and'", "and is &&"),
        ("not @@inputs.flag", "mismatched input", "not is !"),
        ("@@${inputs.flag}", "token recognition error", "leave out the ${"),
        ("inputs.flag == @@True", "knows no `True`", "true, false and null"),
        ("len@@(inputs.pod.name) > 1", "knows no `len`", "the length is size(x)"),
        ("sixe@@(inputs.pod.name) > 1", "knows no `sixe`", "did you mean `size`?"),
        ('@@inputs.pod.name == r"x"', "a raw, binary or triple-quoted text", 'quote plainly: "text"'),
        ('@@inputs.pod.name == """x"""', "a raw, binary or triple-quoted text", 'quote plainly: "text"'),
        ("@@inputs.flag // why", "a comment in a condition", "YAML has comments"),
        ("@@size(steps.scope.outputs.siblings.name.map(n, n)) > 1", "`map` builds a list", "ask with exists or all"),
        ("@@size(steps.scope.outputs.siblings.name . filter (n, true)) > 1", "`filter` builds a list", "exists or all"),
        (
            "@@steps.scope.outputs.siblings.name.all(n, steps.scope.outputs.siblings.uid.all(u, u != n))",
            "more than one pass over a list", "one of all",
        ),
        ('@@steps.scope.verdict == "provn"', "no verdict is called `provn`", "did you mean `proven`?"),
        ('@@"faild" != steps.scope.verdict', "no verdict is called `faild`", "did you mean `failed`?"),
        ('@@steps.scope.verdict in ["leaky", "open"]', "no verdict is called `open`", "proven"),
        ("@@steps != null", "`steps` is no value by itself", "steps.ID.verdict"),
        ("@@has(inputs.why)", "`has`, which asks about fields by their presence", "compare with null"),
        ("@@" + "(" * 40 + "inputs.flag" + ")" * 40, "nested deeper than 32 levels", "fewer steps"),
        ("@@" + "inputs.flag && " * 30 + "inputs.flag", "a condition of", f"say it in {MAX_LENGTH}"),
        ("@@true", "`when` is always true", "remove it"),
        ("@@false", "`when` is always false", "remove the step"),
        ("@@''", "`when` is empty", "remove it"),
        ("@@[inputs.flag]", "`when` must be text", "say it"),
    ],
)  # fmt: skip
def test_a_fault_is_told_at_its_place(condition: str, message: str, remedy: str) -> None:
    marked = text(condition)
    if marked.count('"@@') or condition.startswith('@@"'):
        marked = text("@@'" + condition.replace("@@", "") + "'")
    check(marked, message, remedy)


def test_in_quotes_the_place_is_the_value_s() -> None:
    check(text("@@'inputs.pod.nmae == \"x\"'"), "knows no `inputs.pod.nmae`", "did you mean")


def test_what_a_condition_asks_about_must_have_ended() -> None:
    before = "- {id: b, uses: test.tag}\n"
    check(
        text('@@steps.b.verdict == "proven"', before=before), "asks about `b` without needing it", "needs: [scope, b]"
    )
    tail = "  finally:\n    - {id: z, uses: test.tag}\n"
    late = text('@@steps.z.verdict == "proven"') + tail
    check(late, "asks about `z` of `finally`", "under `steps`")
    check(text('steps.a@@.verdict == "proven"'), "knows no `steps.a.verdict`", "")


def test_an_input_that_only_a_condition_takes_is_used() -> None:
    head = HEAD.replace("inputs:\n", "inputs:\n    flag: {type: boolean, default: false}\n")
    load(book("- {id: a, uses: test.tag, when: inputs.flag}", head=head))


def test_a_capture_that_may_be_skipped_allows_no_loss() -> None:
    steps = """
        - {id: capture, uses: test.capture, when: 'inputs.pod.name == "x"', with: {pod: "${inputs.pod}"}}
        - {id: kill, uses: test.kill, needs: [capture], with: {pod: "${inputs.pod}"}}
    """
    assert ["before any capture" in one for one in messages(book(steps))] == [True]
    assert messages(book(steps.replace("when: 'inputs.pod.name == \"x\"', ", ""))) == []


@given(st.text(max_size=80))
def test_any_text_lints_or_is_told_and_nothing_raises(condition: str) -> None:
    escaped = condition.replace("\\", "\\\\").replace('"', '\\"')
    found(text(f'"{"".join(c if c.isprintable() else " " for c in escaped)}"'))


@given(
    st.lists(
        st.sampled_from(
            ["inputs.flag", "&&", "(", ")", "!", "==", "'x'", "[", "]", "?", ":", "{", "}", "size", ".", "1", "-"]
        ),
        max_size=60,
    )
)
def test_any_tokens_lint_or_are_told_and_nothing_raises(tokens: list[str]) -> None:
    found(text('"' + " ".join(tokens) + '"'))


# -- what it answers ------------------------------------------------------------------------------------

SCOPE: dict[str, Any] = {
    "pod": pod(),
    "node": None,
    "siblings": [pod("web-1"), pod("web-2")],
    "gaps": [],
    "either": pod(),
    "title": "t",
    "size": 2,
    "mode": "soft",
}


def ask(condition: str, *, scope: Any = SCOPE, verdicts: Any = None, **inputs: Any) -> bool | Missing:
    """What a condition answers, after the linter read it."""
    checked = when("'" + condition.replace("'", "''") + "'")
    given_ = {"pod": pod(), "flag": False, "count": 1, **inputs}
    return holds(checked, given_, {} if scope is None else {"scope": scope}, verdicts or {"scope": "proven"})


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ("inputs.flag", False),
        ("!inputs.flag && inputs.count == 1", True),
        ('inputs.pod.namespace == "shop"', True),
        ("inputs.why == null", True),
        ("inputs.other == null || inputs.other.name == inputs.pod.name", True),
        ("inputs.other != null", False),
        ("inputs.pod != null", True),
        ("steps.scope.outputs.node == null", True),
        ('steps.scope.outputs.node.name == "n"', False),
        ("size(steps.scope.outputs.siblings) == 2", True),
        ('"web-2" in steps.scope.outputs.siblings.name', True),
        ('steps.scope.outputs.siblings.name.exists_one(n, n == "web-1")', True),
        ('steps.scope.verdict == "proven"', True),
        ('steps.scope.verdict in ["leaky", "failed"]', False),
        ('steps.scope.outputs.title.matches("^(t+)+$")', True),
        ('inputs.flag ? inputs.count > 5 : "a b".contains(" ")', True),
    ],
)  # fmt: skip
def test_it_answers(condition: str, answer: bool) -> None:
    assert ask(condition) is answer


def test_a_step_without_outputs_decides_nothing_by_itself() -> None:
    answer = ask("steps.scope.outputs.size > 1", scope=None)
    assert answer == Missing("a step that it asks about gave no outputs")
    guarded = 'steps.scope.verdict == "proven" && steps.scope.outputs.size > 1'
    assert ask(guarded, scope=None, verdicts={"scope": "failed"}) is False
    assert ask(guarded) is True


def test_what_has_no_result_is_told_without_values() -> None:
    assert ask('inputs.why.startsWith("secret")') == Missing("a value is empty, or of another type than it takes")
    assert ask("1 / (inputs.count - 1) > 0") == Missing("an operation in it has no result")
    many = {**SCOPE, "siblings": [pod(f"p{n}") for n in range(10_001)]}
    assert ask('steps.scope.outputs.siblings.name.all(n, n != "x")', scope=many) == Missing(
        "a list of more than 10,000 items"
    )


@pytest.mark.parametrize("evil", ["shop\0x", "shop\ud800"])
def test_a_text_that_the_library_would_cut_is_no_answer(evil: str) -> None:
    answer = ask('inputs.why == "shop"', why=evil)
    assert answer == Missing("inputs.why holds a character that no condition can compare")


def test_a_literal_with_a_name_in_it_is_no_name() -> None:
    assert ask('inputs.pod.name == "inputs.flag"') is False


def test_variables_and_verdicts_are_what_the_docs_say() -> None:
    assert variable(("steps", "mark-node", "outputs", "x")) == "steps.mark_node.outputs.x"
    assert VERDICTS == ("proven", "leaky", "unproven", "refused", "failed", "skipped")
    assert objection("inputs.flag") == ("", "")


CHECKED = (
    "inputs.flag",
    "inputs.count",
    "inputs.why",
    "inputs.other",
    "inputs.pod",
    "steps.scope.outputs.node",
    "steps.scope.verdict",
    "steps.scope",
    "inputs.x",
)


@pytest.mark.parametrize("form", ["{}", "!{}", "{} != null", "{}==null", " ! {} ", "{} != null ", "!{} == null"])
@pytest.mark.parametrize("name", CHECKED)
def test_what_is_answered_without_the_library_is_linted_as_the_library_does(
    name: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    condition = form.format(name)
    quick = messages(text(repr(condition)))
    for module in ("irkit.playbook.conditions", "irkit.playbook.rules.conditions"):
        monkeypatch.setattr(f"{module}.plain", lambda _text: None)
    assert quick == messages(text(repr(condition)))


@pytest.mark.parametrize("form", ["{}", "!{}", "{} != null", "{} == null"])
@given(
    value=st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(max_size=4)
    | st.lists(st.text(max_size=2), max_size=2)
    | st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=2)
)
def test_what_is_answered_without_the_library_is_what_the_library_answers(form: str, value: Any) -> None:
    quick = holds(When(text=form.format("inputs.x"), names=(("inputs", "x"),)), {"x": value}, {}, {})
    whole = holds(When(text=form.format("inputs.x") + " && true", names=(("inputs", "x"),)), {"x": value}, {}, {})
    assert isinstance(quick, Missing) == isinstance(whole, Missing)
    assert isinstance(quick, Missing) or quick == whole


@pytest.mark.parametrize(
    "condition",
    [
        "inputs.flag && inputs.flag",
        "size(inputs.why) > 1",
        "inputs.flag == true",
        "inputs",
        "null != inputs.why",
        "inputs.why != nullx",
    ],
)
def test_anything_else_is_the_librarys(condition: str) -> None:
    assert plain(condition) is None


def test_nobody_without_a_condition_pays_for_the_library() -> None:
    code = "import sys; from irkit.playbook import load_playbook, shipped; from irkit.actions.catalog import Catalog; load_playbook(*shipped.load('compromised-pod'), Catalog.builtin()); import irkit.engine.decide; print('cel_expr_python' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
