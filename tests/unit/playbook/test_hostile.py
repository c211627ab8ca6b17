"""Any bytes at all: a playbook is refused by diagnostics, never by a traceback, and nothing in it is echoed raw."""

from __future__ import annotations

import textwrap
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from irkit.errors import PlaybookError
from irkit.model.base import canonical
from irkit.playbook import lint, load_playbook
from irkit.playbook.diagnostics import MAX_SHOWN
from irkit.playbook.reading import MANY
from tests.unit.playbook.sample import CATALOG, HEAD, found
from tests.unit.playbook.test_language import WHOLE

WORDS = [
    "apiVersion", "irkit.dev/v1alpha1", "kind", "Playbook", "metadata", "name", "spec", "inputs", "steps", "finally",
    "id", "uses", "with", "needs", "for_each", "timeout", "approval", "never", "on_failure", "continue", "accept_loss",
    "test.scope", "test.kill", "test.tag", "pod", "node", "scope", "item", "${inputs.pod}", "${steps.scope.node}",
    "${item}", "${", "type", "default", "0o17", "012345678901", "1e999", ".nan", "true", "~", "[]", "{}", "expr",
]  # fmt: skip


def clean(data: bytes) -> None:
    """Whatever the bytes, this holds."""
    told = lint(data, "x\x1b.yaml", CATALOG)
    assert len(told) <= MAX_SHOWN + 1
    for one in told:
        text = str(one)
        assert all(char.isprintable() or char == "\n" for char in text)
        assert len(text) < 2000
        assert one.line >= 1
        assert one.column >= 1
    if any(not one.warning for one in told):
        with pytest.raises(PlaybookError) as caught:
            load_playbook(data, "x.yaml", CATALOG)
        assert caught.value.diagnostics
    else:
        canonical(load_playbook(data, "x.yaml", CATALOG).dump())  # it can be journaled


@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    clean(data)


@given(st.text(max_size=200))
def test_random_text(text: str) -> None:
    clean(text.encode(errors="surrogatepass"))


@given(st.text(alphabet="[]{}:,-?&*!|>'\"%@`# \n\tab0\\", max_size=80))
def test_random_syntax(text: str) -> None:
    clean(text.encode())


LEAF = st.sampled_from(WORDS) | st.text(max_size=8) | st.integers() | st.booleans() | st.none() | st.floats()
TREE = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)


def as_yaml(value: Any) -> bytes:
    """JSON is YAML, but for what JSON cannot spell."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # integers beyond 64 bits, lone surrogates
        return repr(value).encode(errors="surrogatepass")


@given(TREE)
def test_random_trees(value: Any) -> None:
    clean(as_yaml(value))


@given(st.sampled_from(["metadata", "inputs", "steps", "finally", "step", "with", "needs", "input"]), TREE)
def test_any_value_at_any_place(where: str, value: Any) -> None:
    step: dict[str, Any] = {"id": "a", "uses": "test.tag"}
    spec: dict[str, Any] = {"inputs": {"pod": {"type": "pod"}}, "steps": [step]}
    document: dict[str, Any] = {
        "apiVersion": "irkit.dev/v1alpha1", "kind": "Playbook", "metadata": {"name": "x"}, "spec": spec
    }  # fmt: skip
    if where == "metadata":
        document["metadata"] = value
    elif where == "input":
        spec["inputs"]["pod"] = value
    elif where == "step":
        spec["steps"].append(value)
    elif where in {"with", "needs"}:
        step[where] = value
    else:
        spec[where] = value
    clean(as_yaml(document))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_good_playbook_with_a_piece_changed(data: st.DataObject) -> None:
    lines = WHOLE.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[number])))
    end = data.draw(st.integers(at, min(len(lines[number]), at + 12)))
    piece = data.draw(st.sampled_from([*WORDS, "\t", "  ", ": ", "- ", "&a ", "*a", "!x ", "'", '"', "\x00", "\u2028"]))
    lines[number] = lines[number][:at] + piece + lines[number][end:]
    clean("\n".join(lines).encode())


# -- by name -----------------------------------------------------------------------------------------

ESCAPES = "\\e[2J\\e]0;owned\\a\\u202e"


@pytest.mark.parametrize(
    "place",
    [
        HEAD.replace("name: sample", f'name: "{ESCAPES}"'),
        HEAD.replace("apiVersion:", f'"{ESCAPES}": 1\napiVersion:'),
        HEAD.replace("test.scope", f'"{ESCAPES}"'),
        HEAD.replace("id: scope", f'id: "{ESCAPES}"'),
        HEAD.replace("{pod: ", f'{{"{ESCAPES}": '),
        HEAD.replace("${inputs.pod}", f"${{inputs.{ESCAPES}}}"),
        HEAD.replace("${inputs.pod}", f"${{{ESCAPES}}}"),
        HEAD.replace("id: scope", f'needs: ["{ESCAPES}"], id: scope'),
        HEAD.replace("type: pod", f'type: "{ESCAPES}"'),
    ],
)
def test_escapes_in_any_name_are_neutralised(place: str) -> None:
    assert found(place)
    clean(place.encode())


@pytest.mark.parametrize("where", ["name: {}", "title: {}", "description: {}"])
def test_a_huge_scalar_is_cut_where_it_is_shown(where: str) -> None:
    clean(HEAD.replace("name: sample", where.format("x" * 200_000)).encode())


@pytest.mark.timeout(30)
def test_a_file_of_nothing_but_faults_is_answered_in_part() -> None:
    keys = ", ".join(f"k{n}: 1" for n in range(10_000))
    told = [one.message for one in found(f"{HEAD}    - {{id: a, uses: test.tag, with: {{{keys}}}}}\n")]
    assert len(told) == MANY
    told = [one.message for one in found(f"{{{keys}}}")]
    assert f"{10_000 - MANY} more unknown keys in a playbook" in told
    assert len(told) < 2 * MANY
    assert len(found(HEAD + "    - 1\n" * 5000)) == MAX_SHOWN + 1


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "step",
    [
        "{{id: s{n}, uses: test.tag, needs: [{all}]}}",
        "{{id: s{n}, uses: test.cordon, needs: [{all}], with: {{node: '${{steps.s0.node}}'}}}}",
        "{{id: s{n}, uses: test.kill, needs: [{before}], with: {{pod: '${{inputs.pod}}'}}}}",
    ],
)
def test_two_hundred_steps_that_all_need_each_other_are_answered(step: str) -> None:
    names = [f"s{n}" for n in range(198)]
    steps = "\n".join("- " + step.format(n=n, all=", ".join(names), before=", ".join(names[:n])) for n in range(198))
    clean((HEAD + textwrap.indent(steps, "    ")).encode()[: 256 * 1024])


@pytest.mark.timeout(30)
def test_a_file_of_the_largest_size_is_answered() -> None:
    clean((HEAD + "    - {id: a, uses: test.tag, with: {names: [" + "x, " * 30_000 + "x]}}\n").encode()[: 256 * 1024])
