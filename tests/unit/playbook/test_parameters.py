"""Actions and their parameters: every argument has the type that the action's own model wants."""

from __future__ import annotations

import pytest

from tests.unit.playbook.sample import HEAD, book, check, load, messages


def tag(given: str, *, more: str = "needs: [scope]") -> str:
    return book(f"- {{id: a, uses: test.tag, {more}, with: {{{given}}}}}")


# -- actions and names -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uses", "remedy"),
    [
        ("test.scop", "did you mean `test.scope`?"),
        ("cordon", "did you mean `test.cordon`?"),
        ("zzz.zzz", "irkit actions list"),
    ],
)
def test_an_unknown_action_is_named_with_the_nearest(uses: str, remedy: str) -> None:
    check(book(f"- {{id: a, uses: @@{uses}}}"), f'step "a": unknown action {uses}', remedy)


def test_a_step_of_an_unknown_action_is_checked_as_far_as_it_can_be() -> None:
    text = book(
        '- {id: a, uses: x.y, needs: [scope], with: {v: "${inputs.pdo}", w: "${steps.scope.nod}", x: "${inputs.pod}"}}'
    )
    assert messages(text) == [
        'step "a": unknown action x.y',
        "${inputs.pdo}: there is no input `pdo`",
        "${steps.scope.nod}: test.scope has no `nod`",
    ]


def test_an_unknown_parameter_is_named_with_the_nearest() -> None:
    check(tag("@@coutn: 1"), "test.tag has no parameter `coutn`", "did you mean `count`?")
    check(
        book("- {id: a, uses: test.cordon, with: {node: '${steps.scope.node}', @@x: 1}, needs: [scope]}"),
        "`x`",
        "it has: node",
    )


@pytest.mark.parametrize(
    "step",
    ["- {id: a, uses: @@test.cordon}", "- {id: a, uses: @@test.cordon, with: {}}"],
)
def test_a_missing_parameter_is_asked_for(step: str) -> None:
    check(book(step), 'step "a": test.cordon needs parameter `node`', "it wants a node")


def test_a_with_that_cannot_be_read_is_not_missing_too() -> None:
    assert messages(book("- {id: a, uses: test.cordon, with: [x]}")) == ["`with` must be a mapping"]


def test_an_action_with_defaults_needs_no_with() -> None:
    assert load(book("- {id: a, uses: test.tag}")).step("a").arguments == {}


# -- literals ----------------------------------------------------------------------------------------


def test_literals_of_every_kind_are_taken_as_they_are() -> None:
    given = (
        "account: '012345678901', count: 0, mode: hard, force: true, names: [a, 'on', yes], labels: {a: b}, "
        "node: {cluster: {id: 'context:lab'}, name: n}, subject: {kind: Pod, cluster: {id: 'context:lab'}, name: p, namespace: s}"
    )
    step = load(tag(given)).step("a")
    assert step.arguments["account"] == "012345678901"
    assert step.arguments["names"] == ["a", "on", "yes"]


@pytest.mark.parametrize(
    ("given", "message", "remedy"),
    [
        ("count: @@'1'", "parameter `count` wants a whole number", "valid integer"),
        ("count: @@-1", "parameter `count` wants a whole number", "greater than or equal to 0"),
        ("count: @@true", "parameter `count` wants a whole number", "valid integer"),
        ("force: @@yes", "parameter `force` wants true or false", "valid boolean"),
        ("mode: @@medium", "parameter `mode` wants soft or hard", "'soft' or 'hard'"),
        ("names: @@x", "parameter `names` wants a list of text", "valid"),
        ("names: [x, @@[y]]", "parameter `names` wants a list of text (names.1)", "valid string"),
        ("labels: {x: @@{y: z}}", "parameter `labels` wants", "valid string"),
        ("node: @@n", "parameter `node` wants a node", "object"),
        ("node: @@{name: n}", "parameter `node` wants a node (node.cluster)", "Field required"),
        ("node: {cluster: {id: 'context:lab'}, name: @@N!}", "parameter `node` wants a node (node.name)", "pattern"),
        ("node: {cluster: @@{id: prod}, name: n}", "parameter `node` wants a node", "EKS cluster ARN"),
        (
            "node: {cluster: {id: 'context:lab'}, name: n, @@nmae: x}",
            "parameter `node` wants a node (node.nmae)",
            "not permitted",
        ),
        ("account: @@'12'", "parameter `account` wants text", "pattern"),
        ("digest: @@sha256", "parameter `digest` wants text", "pattern"),
    ],
)
def test_a_literal_is_checked_by_the_action_s_own_model(given: str, message: str, remedy: str) -> None:
    check(tag(given), message, remedy)


@pytest.mark.parametrize(
    ("given", "message", "quoted"),
    [
        ("account: @@111122223333", "111122223333 without quotes is a number", '"111122223333"'),
        ("account: @@012345678901", "012345678901 without quotes is a number", '"012345678901"'),
        ("account: @@0o17", "0o17 without quotes is a number", '"0o17"'),
        ("account: @@1111_2222", "parameter `account` wants text", ""),
        ("digest: @@1234567890123456", "1234567890123456 without quotes is a number", '"1234567890123456"'),
        ("digest: @@0" + "1" * 63, "without quotes is a number beyond 2^53", '"0111'),
        ("digest: @@12e3", "12e3 without quotes is a number with a fraction", '"12e3"'),
        ("digest: @@" + "1" * 5000, "a number of too many digits", "quote it"),
        ("names: [a, @@1]", "parameter `names.1` wants text, and 1 without quotes is a number", '"1"'),
        ("labels: {a: @@true}", "parameter `labels.a` wants text, and true without quotes is none", '"true"'),
    ],
)
def test_account_ids_and_digests_must_be_quoted(given: str, message: str, quoted: str) -> None:
    check(tag(given), message, quoted)


def test_nothing_may_be_said_of_what_is_optional() -> None:
    assert load(tag("digest: null")).step("a").arguments == {"digest": None}


def test_a_rule_over_several_parameters_holds_where_all_are_known() -> None:
    check(book("- {id: a, uses: test.tag, with: @@{force: true}}"), "a soft tag cannot be forced", "irkit actions show")
    expr = 'force: true, node: "${steps.scope.node}"'
    assert load(tag(expr)).step("a").arguments["force"] is True


# -- expressions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        'node: "${steps.scope.node}"',  # optional: an empty value skips the step when it runs
        'subject: "${inputs.pod}"',
        'subject: "${steps.scope.either}"',
        'mode: "${steps.scope.mode}"',
        'count: "${steps.scope.size}"',
        'pods: "${steps.scope.siblings}"',
        'account: "${steps.scope.title}"',
        'account: "${inputs.pod.name}"',
        'account: "${inputs.pod.uid}"',
        'account: "${steps.scope.mode}"',
        'account: "${steps.scope.either.name}"',
    ],
)
def test_a_value_of_the_wanted_type_is_taken(given: str) -> None:
    load(tag(given, more="needs: [scope]"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('node: @@"${inputs.pod}"', "parameter `node` wants a node, ${inputs.pod} is a pod"),
        ('node: @@"${steps.scope.either}"', "parameter `node` wants a node, ${steps.scope.either} is a pod or a node"),
        (
            'node: @@"${steps.scope.siblings}"',
            "parameter `node` wants a node, ${steps.scope.siblings} is a list of pods",
        ),
        ('pods: @@"${inputs.pod}"', "parameter `pods` wants a list of pods, ${inputs.pod} is a pod"),
        (
            'pods: @@"${steps.scope.gaps}"',
            "parameter `pods` wants a list of pods, ${steps.scope.gaps} is a list of pods",
        ),
        ('mode: @@"${steps.scope.title}"', "parameter `mode` wants soft or hard, ${steps.scope.title} is text"),
        ('count: @@"${steps.scope.title}"', "parameter `count` wants a whole number, ${steps.scope.title} is text"),
        (
            'force: @@"${steps.scope.size}"',
            "parameter `force` wants true or false, ${steps.scope.size} is a whole number",
        ),
        ('account: @@"${steps.scope.size}"', "parameter `account` wants text, ${steps.scope.size} is a whole number"),
    ],
)
def test_a_value_of_another_type_is_refused(given: str, message: str) -> None:
    check(tag(given), message, "give it")


@pytest.mark.parametrize(
    ("given", "message", "remedy"),
    [
        ('node: @@"${inputs.nodee}"', "${inputs.nodee}: there is no input `nodee`", "inputs: pod"),
        ('node: @@"${inputs.pdo}"', "there is no input `pdo`", "did you mean `pod`?"),
        ('node: @@"${inputs.pod.node}"', "${inputs.pod.node}: a pod has no `node`", "it has: "),
        ('account: @@"${inputs.pod.nme}"', "a pod has no `nme`", "did you mean `name`?"),
        ('account: @@"${inputs.pod.name.x}"', "text has no `x`", "nothing to take"),
        ('account: @@"${steps.scope.either.namespace}"', "a pod or a node has no `namespace`", "`name`"),
        ('node: @@"${steps.scpe.node}"', "${steps.scpe.node}: there is no step `scpe`", "did you mean `scope`?"),
        ('node: @@"${steps.scope.nod}"', "test.scope has no `nod`", "did you mean `node`?"),
        ('node: @@"${steps.a.node}"', 'step "a": ${steps.a.node} is its own output', "a step that ran before"),
        ('node: @@"${item}"', "${item} stands only in a step with `for_each`", "for_each"),
    ],
)
def test_a_reference_that_leads_nowhere_is_placed(given: str, message: str, remedy: str) -> None:
    check(tag(given), message, remedy)


def test_every_kind_of_input_has_its_type() -> None:
    text = HEAD.replace(
        "inputs:", "inputs:\n    node: {type: node}\n    count: {type: integer}\n    force: {type: boolean}"
    )
    text = text.replace("force: {", "names: {type: text}\n    force: {")
    given = 'node: "${inputs.node}", count: "${inputs.count}", force: "${inputs.force}", account: "${inputs.names}"'
    load(text + f"    - {{id: a, uses: test.tag, with: {{{given}}}}}\n")


# -- for_each ----------------------------------------------------------------------------------------


def each(for_each: str, pod: str, *, after: str = "") -> str:
    first = f"- {{id: each, uses: test.look, needs: [scope], for_each: {for_each}, with: {{pod: {pod}}}}}"
    return book(f"{first}\n{after}")


def test_the_item_has_the_type_of_the_list_s_items() -> None:
    load(each('"${steps.scope.siblings}"', '"${item}"'))
    load(each('"${steps.scope.gaps}"', '"${item}"'))
    told = "parameter `node` wants a node, ${item} is a pod"
    text = (
        each('"${steps.scope.siblings}"', '"${item}"')
        .replace("test.look", "test.cordon")
        .replace('pod: "${item}', 'node: @@"${item}')
    )
    check(text, told, "give it a node")
    check(each('"${steps.scope.siblings}"', '@@"${item.name}"'), "wants a pod, ${item.name} is text", "give it a pod")
    check(
        each('"${steps.scope.siblings}"', '@@"${item.nme}"'), "${item.nme}: a pod has no `nme`", "did you mean `name`?"
    )


@pytest.mark.parametrize(
    ("given", "message", "remedy"),
    [
        (
            '@@"${steps.scope.node}"',
            "`for_each` wants a list, ${steps.scope.node} is a node",
            "${steps.scope.siblings}",
        ),
        ('@@"${inputs.pod}"', "`for_each` wants a list, ${inputs.pod} is a pod", "lists here: "),
        ('@@"${inputs.pods}"', "there is no input `pods`", "did you mean `pod`?"),
        ('@@"${item}"', "${item} stands only in a step with `for_each`", "for_each"),
    ],
)
def test_for_each_goes_through_a_list(given: str, message: str, remedy: str) -> None:
    check(each(given, '"${inputs.pod}"'), message, remedy)


def test_the_outputs_of_a_for_each_are_lists() -> None:
    twice = '- {id: b, uses: test.cordon, needs: [each], for_each: "${steps.each.node}", with: {node: "${item}"}}'
    load(each('"${steps.scope.siblings}"', '"${item}"', after=twice))
    once = '- {id: b, uses: test.cordon, needs: [each], with: {node: @@"${steps.each.node}"}}'
    told = "parameter `node` wants a node, ${steps.each.node} is a list of nodes"
    check(each('"${steps.scope.siblings}"', '"${item}"', after=once), told, "give it a node")


def test_a_field_is_not_taken_out_of_a_list() -> None:
    name = '- {id: b, uses: test.note, needs: [each], with: {value: @@"${steps.each.node.name}"}}'
    told = "${steps.each.node.name}: a list of nodes has no `name`"
    check(each('"${steps.scope.siblings}"', '"${item}"', after=name), told, "nothing to take")
    listed = (
        '- {id: b, uses: test.note, needs: [each], for_each: @@"${steps.each.node.name}", with: {value: "${item}"}}'
    )
    check(each('"${steps.scope.siblings}"', '"${item}"', after=listed), told, "nothing to take")


def test_lists_of_lists_give_lists() -> None:
    twice = '- {id: b, uses: test.tag, needs: [each], for_each: "${steps.each.siblings}", with: {pods: "${item}"}}'
    load(each('"${steps.scope.siblings}"', '"${item}"', after=twice))


def test_a_for_each_over_nothing_to_list_says_so() -> None:
    text = HEAD.replace("test.scope", "test.export")
    steps = '    - {id: b, uses: test.capture, for_each: @@"${inputs.pod}", with: {pod: "${item}"}}\n'
    check(text + steps, "`for_each` wants a list", "no step gives a list")
