"""The grammar: what a playbook may say, and the place and remedy of everything else."""

from __future__ import annotations

import pytest

from irkit.errors import PlaybookError
from irkit.model.base import canonical
from irkit.model.playbooks import Expr, Input, Playbook, Step
from irkit.playbook import load_playbook
from tests.unit.playbook.sample import CATALOG, HEAD, book, check, found, load, messages

WHOLE = """\
apiVersion: irkit.dev/v1alpha1
kind: Playbook
metadata:
  name: whole
  title: A whole one
  description: Says everything that can be said
spec:
  inputs:
    pod: {type: pod, description: the suspect}
    hint: {type: text, default: 'no'}
    tries: {type: integer, required: false}
  steps:
    - id: scope
      uses: test.scope
      with: {pod: "${inputs.pod}"}
    - id: each
      uses: test.kill
      needs: [scope]
      for_each: ${steps.scope.siblings}
      timeout: 1h30m
      approval: required
      on_failure: continue
      accept_loss: " they were captured by hand "
      with: {pod: "${item}"}
    - id: tag
      uses: test.tag
      with: {count: "${inputs.tries}", names: [a, 'on'], force: false}
  finally:
    - id: last
      uses: test.tag
      with: {labels: {text: "on"}}
"""


def test_everything_that_can_be_said_is_read() -> None:
    assert messages(WHOLE) == ["input `hint` is not used"]
    playbook = load_playbook(WHOLE.encode(), "whole.yaml", CATALOG)
    assert playbook == Playbook(
        name="whole",
        title="A whole one",
        description="Says everything that can be said",
        inputs=(
            Input(name="pod", type="pod", description="the suspect"),
            Input(name="hint", type="text", default="no", required=False),
            Input(name="tries", type="integer", required=False),
        ),
        steps=(
            Step(id="scope", uses="test.scope", arguments={"pod": Expr(expr=("inputs", "pod"))}, line=13),
            Step(
                id="each", uses="test.kill", arguments={"pod": Expr(expr=("item",))}, needs=("scope",),
                for_each=Expr(expr=("steps", "scope", "siblings")), timeout=5400, approval="required",
                on_failure="continue", accept_loss="they were captured by hand", line=16,
            ),
            Step(
                id="tag", uses="test.tag", line=25,
                arguments={"count": Expr(expr=("inputs", "tries")), "names": ["a", "on"], "force": False},
            ),
            Step(id="last", uses="test.tag", arguments={"labels": {"text": "on"}}, always=True, line=29),
        ),
    )  # fmt: skip


def test_a_playbook_comes_back_from_its_record_as_it_was() -> None:
    playbook = load_playbook(WHOLE.encode(), "whole.yaml", CATALOG)
    assert Playbook.model_validate_json(canonical(playbook.dump())) == playbook


def test_the_title_is_the_name_where_none_is_given() -> None:
    assert load(HEAD).title == "sample"


def test_defaults_are_those_of_the_documentation() -> None:
    step = load(HEAD).step("scope")
    assert (step.timeout, step.approval, step.on_failure, step.needs, step.always) == (
        300,
        "default",
        "stop",
        (),
        False,
    )


# -- the frame ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message", "remedy"),
    [
        ("apiVersion: irkit.dev/v1alpha1", "apiVersion: @@irkit.dev/v9", "`apiVersion` is none", "irkit.dev/v1alpha1"),
        ("kind: Playbook", "kind: @@Runbook", "`kind` is none", "kind: Playbook"),
        ("apiVersion: irkit.dev/v1alpha1\nkind", "@@kind", "`apiVersion` is missing", "irkit.dev/v1alpha1"),
        ("kind: Playbook", "kind: Playbook\n@@spce: 1", "unknown key `spce` in a playbook", "did you mean `spec`?"),
        ("metadata:\n  name: sample\n", "", "`metadata` is missing", "irkit playbook schema"),
        ("name: sample", "name: @@Sample Book", "`metadata.name` is no name", "lower-case"),
        ("name: sample", "@@title: x", "`metadata.name` is missing", "say `metadata.name`"),
        ("name: sample", "name: sample\n  title: @@0123", "`title` must be text", 'quote it: "0123"'),
        ("name: sample", "name: sample\n  @@titel: x", "unknown key `titel` in `metadata`", "did you mean `title`?"),
        ("  inputs:", "  @@when: 1\n  inputs:", "unknown key `when` in `spec`", "known here: inputs, steps, finally"),
    ],
)
def test_the_frame_is_checked(old: str, new: str, message: str, remedy: str) -> None:
    text = HEAD.replace(old, new)
    check(text if "@@" in text else f"@@{text}", message, remedy)


def test_steps_under_another_name_are_none() -> None:
    told = [(one.message, one.remedy) for one in found(HEAD.replace("  steps:", "  step:")) if not one.warning]
    assert told == [
        ("there are no steps", "say at least one under `steps`"),
        ("unknown key `step` in `spec`", "did you mean `steps`?"),
    ]


@pytest.mark.parametrize("text", ["[]", "text", "1", "null"])
def test_a_file_that_is_no_mapping_is_no_playbook(text: str) -> None:
    assert "a playbook must be a mapping" in messages(text)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("[]", "`steps` is empty"),
        ("{a: 1}", "`steps` must be a list"),
        ("[x]", "a step must be a mapping"),
        ("null", "`steps` must be a list"),
    ],
)
def test_steps_are_a_list_of_mappings(steps: str, message: str) -> None:
    head = HEAD.partition("  steps:")[0]
    assert [one.message for one in found(f"{head}  steps: {steps}\n") if not one.warning] == [message]


def test_there_are_steps() -> None:
    assert "there are no steps" in messages(HEAD.partition("  steps:")[0])


def test_more_than_two_hundred_steps_are_refused() -> None:
    one = "id: s{}\n  uses: test.tag\n"
    many = "".join("- " + one.format(n) for n in range(199))
    assert messages(book(many)) == []
    assert messages(book(many + "- " + one.format(199))) == ["more than 200 steps"]


# -- steps -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "message", "remedy"),
    [
        ("- {@@colour: x, id: a, uses: test.tag}", "unknown key `colour` in a step", "known here: id, uses"),
        ("- {@@neeeds: [scope], id: a, uses: test.tag}", "unknown key `neeeds` in a step", "did you mean `needs`?"),
        ("- @@{uses: test.tag}", "`id` is missing", "say `id`"),
        ("- {id: @@Kill It, uses: test.tag}", "`id` is no name", "lower-case"),
        ("- {id: @@x23456789012345678901234567890123456789012, uses: test.tag}", "`id` is no name", "at most 41"),
        ("- {id: @@scope, uses: test.tag}", "step `scope` stands twice", "the first is in line 9"),
        ("- @@{id: a}", 'step "a" does not say what it uses', "irkit actions list"),
        ("- {id: a, uses: @@12}", "`uses` must be text", 'quote it: "12"'),
        ("- {id: a, uses: test.tag, with: @@[1]}", "`with` must be a mapping", "key: value"),
        ("- {id: a, uses: test.tag, needs: @@scope}", "`needs` must be a list", "needs: [scope]"),
        ("- {id: a, uses: test.tag, needs: [@@1]}", "what a step needs is no name", "lower-case"),
        ("- {id: a, uses: test.tag, approval: @@no}", "`approval` must be one of", "one of default, required, never"),
        (
            "- {id: a, uses: test.tag, on_failure: @@contineu}",
            "`on_failure` must be one of",
            "did you mean `continue`?",
        ),
        ("- {id: a, uses: test.tag, on_failure: @@[stop]}", "`on_failure` must be one of", "one of stop, continue"),
        (
            "- {id: a, uses: test.tag, for_each: @@[1, 2]}",
            "`for_each` must be an expression",
            "${steps.scope.siblings}",
        ),
        ("- {id: a, uses: test.tag, for_each: @@siblings}", "`for_each` must be an expression", "${steps.scope."),
    ],
)
def test_a_step_s_faults_are_placed(step: str, message: str, remedy: str) -> None:
    check(book(step), message, remedy)


def test_what_is_no_text_accepts_no_loss() -> None:
    told = messages(book("- {id: a, uses: test.kill, accept_loss: true, with: {pod: '${inputs.pod}'}}"))
    assert told == ['step "a": uses test.kill before any capture of ${inputs.pod}', "`accept_loss` must be text"]


def test_the_same_need_twice_is_a_warning() -> None:
    check(book("- {id: a, uses: test.tag, needs: [scope, @@scope]}"), "twice", "once is enough", warning=True)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("90s", 90), ("90m", 5400), ("1h30m", 5400), ("24h", 86400), ("1h1m1s", 3661)]
)
def test_durations_have_units(text: str, seconds: int) -> None:
    assert load(book(f"- {{id: a, uses: test.tag, timeout: {text}}}")).step("a").timeout == seconds


@pytest.mark.parametrize(
    "text", ["90", "'90'", "1.5h", "1h 30m", "-1m", "5x", "1d", "ms", "''", "~", "1e3s", "9999999h", "[1s]"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    check(
        book(f"- {{id: a, uses: test.tag, timeout: @@{text}}}"), "`timeout` must be a duration with its unit", "1h30m"
    )


@pytest.mark.parametrize("text", ["0s", "25h", "86401s", "999999h"])
def test_a_timeout_is_bounded(text: str) -> None:
    check(book(f"- {{id: a, uses: test.tag, timeout: @@{text}}}"), "`timeout` must be from 1s to 24h", "90s")


# -- values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "'pod ${inputs.pod}'",
        "'${inputs.pod} '",
        "'${inputs.pod}${inputs.pod}'",
        "'${'",
        "'${inputs.pod'",
        "'$${inputs.pod}'",
    ],
)
def test_there_is_no_templating_inside_text(text: str) -> None:
    check(
        book(f"- {{id: a, uses: test.capture, with: {{pod: @@{text}}}}}"),
        "must be the whole value",
        "no text templating",
    )


@pytest.mark.parametrize(
    "text",
    ["${}", "${pod}", "${inputs}", "${steps.scope}", "${env.HOME}", "${inputs.}", "${inputs.pod.}", "${inputs..pod}", "${1+1}",
     "${inputs.pod | upper}", "${inputs.pod[0]}", "${ inputs.pod }"],
)  # fmt: skip
def test_an_expression_names_an_input_an_output_or_the_item(text: str) -> None:
    check(book(f"- {{id: a, uses: test.capture, with: {{pod: @@'{text}'}}}}"), "leads nowhere", "write ${inputs.NAME}")


def test_an_expression_stands_for_a_whole_parameter() -> None:
    told = book("- {id: a, uses: test.tag, with: {names: [x, @@'${inputs.pod}']}}")
    check(told, "`${` inside a larger value", "an expression stands for a whole parameter")


def test_an_object_that_looks_like_a_journaled_expression_is_refused() -> None:
    told = book("- {id: a, uses: test.tag, with: {labels: @@{expr: [inputs, pod]}}}")
    check(told, "an object whose only key is `expr`", "the journal means ${...} by that")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1.5", "1.5 without quotes is a number with a fraction"),
        ("1234e5", "1234e5 without quotes is a number with a fraction"),
        (".inf", ".inf without quotes is a number with a fraction"),
        ("9007199254740992", "9007199254740992 without quotes is a number beyond 2^53"),
        ("-99999999999999999999", "-99999999999999999999 without quotes is a number beyond 2^53"),
    ],
)
def test_a_number_that_no_record_can_hold_is_refused(text: str, message: str) -> None:
    check(book(f"- {{id: a, uses: test.tag, with: {{count: @@{text}}}}}"), message, f'quote it: "{text}"')
    text = HEAD.replace("inputs:", f"inputs:\n    n: {{type: integer, default: @@{text}}}")
    check(text + '    - {id: n, uses: test.tag, with: {count: "${inputs.n}"}}\n', message, "quote it")


def test_a_key_that_no_record_can_hold_is_refused() -> None:
    check(book("- {id: a, uses: test.tag, with: {labels: {@@ä: x}}}"), "a key that is not ASCII", "ASCII keys only")


# -- inputs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message", "remedy"),
    [
        ("n: {type: @@pdo}", "`type` must be one of", "did you mean `pod`?"),
        ("@@n: {description: x}", "input `n` has no `type`", "one of pod, node"),
        ("n: @@pod", "input `n` must be a mapping", "key: value"),
        ("n: {type: text, @@defualt: x}", "unknown key `defualt` in input `n`", "did you mean `default`?"),
        ("n: {type: text, required: @@yes}", "`required` must be true or false", "YAML 1.2 knows no yes"),
        ("n: {type: text, description: @@[x]}", "`description` must be text", "say it"),
        ("n: {type: text, default: @@0123}", "the default of input `n` must be text", 'quote it: "0123"'),
        ("n: {type: integer, default: @@'1'}", "the default of input `n` must be a whole number", "must be"),
        ("n: {type: boolean, default: @@1}", "the default of input `n` must be true or false", "must be"),
        ("n: {type: pod, default: @@shop/web}", "the default of input `n` must be a pod", "must be a pod"),
        ("n: {type: node, default: @@{name: n}}", "must be a node: cluster: Field required", "must be a node"),
        ("n: {type: text, default: @@'${inputs.pod}'}", "`${` inside a larger value", "an expression stands for"),
    ],
)
def test_an_input_s_faults_are_placed(given: str, message: str, remedy: str) -> None:
    used = '    - {id: n, uses: test.note, with: {value: "${inputs.n}"}}\n'
    check(HEAD.replace("    pod: {", f"    {given}\n    pod: {{") + used, message, remedy)


def test_an_input_s_name_is_checked() -> None:
    text = HEAD.replace("    pod: {", "    @@Big: {type: text}\n    pod: {")
    check(text, "`Big` is no name of an input", "lower-case letters, digits, underscores")


def test_what_uses_an_input_with_a_fault_of_its_own_is_not_blamed() -> None:
    text = HEAD.replace("    pod: {", "    Big: {type: text}\n    pod: {")
    used = '    - {id: n, uses: test.note, with: {value: "${inputs.Big}"}}\n'
    assert messages(text + used) == ["`Big` is no name of an input"]


def test_an_input_that_nobody_uses_is_a_warning_and_does_not_stop_a_run() -> None:
    text = HEAD.replace("inputs:", "inputs:\n    @@spare: {type: text}")
    check(text, "input `spare` is not used", "remove it, or use ${inputs.spare}", warning=True)
    assert load_playbook(text.replace("@@", "").encode(), "x", CATALOG).inputs[0].name == "spare"


def test_a_fault_is_reported_once_and_hides_no_other() -> None:
    text = book("""
        - {id: Bad Id, uses: test.tag}
        - {id: a, uses: test.tag, needs: [Bad-Id, b], timeout: 5}
        - {id: b, uses: test.nothing, with: {pod: "${inputs.pdo}"}}
        - {id: c, uses: test.cordon, needs: [scope], with: {node: "${steps.scope.pod}", nodes: 1}}
    """)
    assert messages(text) == [
        "`id` is no name",
        "what a step needs is no name",
        "`timeout` must be a duration with its unit",
        'step "b": unknown action test.nothing',
        "${inputs.pdo}: there is no input `pdo`",
        'step "c": parameter `node` wants a node, ${steps.scope.pod} is a pod',
        'step "c": test.cordon has no parameter `nodes`',
    ]


def test_what_is_read_wrongly_is_not_called_missing_too() -> None:
    text = HEAD.replace("pod: {type: pod}", "pod: {type: pdo}")
    assert messages(text) == [
        "`type` must be one of pod, node, namespace, serviceaccount, workload, image, podaddress, text, integer, boolean"
    ]


def test_what_uses_a_step_with_a_fault_of_its_own_is_not_blamed() -> None:
    text = book('- {id: Look, uses: test.look}\n- {id: b, uses: test.cordon, with: {node: "${steps.Look.node}"}}')
    assert messages(text) == ["`id` is no name"]


def test_a_playbook_that_does_not_lint_carries_all_diagnostics() -> None:
    text = book("- {id: a, uses: test.nothing}\n- {id: b, uses: test.tag, timeout: 5}")
    with pytest.raises(PlaybookError) as caught:
        load_playbook(text.encode(), "bad.yaml", CATALOG)
    assert caught.value.message == "playbook bad.yaml does not lint: 2 errors"
    assert caught.value.exit_status == 2
    assert caught.value.did == "nothing was run"
    assert [one.partition(" ")[0] for one in caught.value.diagnostics] == ["bad.yaml:10:21:", "bad.yaml:11:40:"]
