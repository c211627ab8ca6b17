"""Bytes to a tree: bounds, refusals and places. Hostile files must end in a diagnostic, never in a crash."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from irkit.playbook.diagnostics import Problems
from irkit.playbook.yamltree import MAX_BYTES, MAX_DEPTH, Node, read_tree


def read(data: bytes | str) -> tuple[Any, list[tuple[int, int, str]]]:
    raw = data.encode() if isinstance(data, str) else data
    problems = Problems("f.yaml", raw)
    tree = read_tree(raw, problems)
    return (None if tree is None else tree.plain()), [(one.line, one.column, one.message) for one in problems.all]


def one_fault(data: bytes | str) -> tuple[int, int, str]:
    _, faults = read(data)
    assert len(faults) == 1, faults
    return faults[0]


def test_scalars_follow_the_core_schema_of_yaml_1_2() -> None:
    text = "{a: on, b: no, c: yes, d: true, e: 0o17, f: 017, g: ~, h: 'true', i: 1:30, j: 2026-11-21, k: 0x1F, l: =}"
    assert read(text) == (
        {
            "a": "on", "b": "no", "c": "yes", "d": True, "e": 15, "f": 17, "g": None, "h": "true", "i": "1:30",
            "j": "2026-11-21", "k": 31, "l": "=",
        },
        [],
    )  # fmt: skip


def test_a_key_is_the_text_that_was_written() -> None:
    assert read("{on: 1, 1: 2, null: 3, <<: {a: 4}}") == ({"on": 1, "1": 2, "null": 3, "<<": {"a": 4}}, [])


def test_every_node_and_key_knows_its_place() -> None:
    problems = Problems()
    tree = read_tree(b"a:\n  - x\n  - {b: 1}\n", problems)
    assert tree is not None
    assert (tree.at, tree.keys) == ((1, 1), {"a": (1, 1)})
    items = tree.value["a"].value
    assert [one.at for one in items] == [(2, 5), (3, 5)]
    assert items[1].keys == {"b": (3, 6)}
    assert items[1].value["b"] == Node(1, (3, 9), text="1")


def test_what_was_quoted_is_told_from_what_was_not() -> None:
    tree = read_tree(b"[0123, '0123', \"0123\"]", Problems())
    assert tree is not None
    assert [(one.value, one.text) for one in tree.value] == [(123, "0123"), ("0123", ""), ("0123", "")]


def test_a_byte_order_mark_does_not_move_the_places() -> None:
    tree = read_tree("\ufeffa: 1".encode(), Problems())
    assert tree is not None
    assert tree.value["a"].at == (1, 4)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"a: 1\nb: \xff", (2, 1, "the file is not UTF-8")),
        ("a: 1\nb: x\x1b[31m", (2, 5, "character U+001B is not allowed in YAML")),
        ("a: \x00", (1, 4, "character U+0000 is not allowed in YAML")),
        ("", (1, 1, "the file is empty")),
        ("# nothing\n", (1, 1, "the file is empty")),
        ("a: 1\n---\nb: 2\n", (2, 1, "a second document")),
        ("a: &x 1", (1, 4, "anchor &x")),
        ("a: !!binary aGk=", (1, 4, "tag tag:yaml.org,2002:binary")),
        ("a: !!python/object:os.system x", (1, 4, "tag tag:yaml.org,2002:python/object:os.system")),
        ("a: 1\na: 2\n", (2, 1, "key `a` stands twice")),
        ("a:\n  b: 1\n  'b': 2\n", (3, 3, "key `b` stands twice")),
        ("? [a]\n: 1\n", (1, 3, "a key that is not text")),
        ("a: " + "9" * 5000, (1, 4, "a number of too many digits")),
        ("a: 'x", (1, 6, "the file is not YAML: found unexpected end of stream")),
        ("a: b: c", (1, 5, "the file is not YAML: mapping values are not allowed in this context")),
        ('a: "\\ud800"', (1, 7, "the file is not YAML: found invalid Unicode character escape code")),
    ],
)
def test_what_is_refused_is_named_with_its_place(data: bytes | str, fault: tuple[int, int, str]) -> None:
    assert one_fault(data) == fault


@pytest.mark.parametrize(
    ("text", "at"),
    [("a:\n\t- b\n", (2, 1)), ("a:\n  - b\n\t- c\n", (3, 1)), ("\ta: b", (1, 1)), ("a:\n \tb: 1", (2, 2))],
)
def test_a_tab_in_the_indentation_is_called_one(text: str, at: tuple[int, int]) -> None:
    assert one_fault(text) == (*at, "a tab where YAML wants spaces")


def test_a_tab_elsewhere_is_not_blamed() -> None:
    assert read("a: b\tc") == ({"a": "b\tc"}, [])
    assert one_fault("a: b\tc: d")[2].startswith("the file is not YAML")
    assert one_fault("a: ]\n\tb")[2].startswith("the file is not YAML")


def test_an_alias_is_refused_where_it_stands_and_never_expanded() -> None:
    tree, faults = read("a: &x [1]\nb: *x\nc: *x\n")
    assert tree is None
    assert [one[2] for one in faults] == ["anchor &x", "alias *x", "alias *x"]


@pytest.mark.parametrize("text", ["a: &x 1", "a: &x [1]", "a: !x {b: 1}"])
def test_nothing_is_built_of_a_file_that_names_or_types_its_nodes(text: str) -> None:
    assert read(text)[0] is None


def test_a_bomb_of_aliases_costs_nothing() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9) if n else 'x'}]" for n in range(30))
    tree, faults = read(levels)
    assert tree is None
    assert faults


def test_size_is_bounded_before_anything_is_read() -> None:
    assert one_fault(b"\xff" * (MAX_BYTES + 1)) == (1, 1, "the file is larger than 256 KiB")
    assert read(b"# " + b"x" * (MAX_BYTES - 3) + b"\n")[1] == [(1, 1, "the file is empty")]


def test_depth_is_bounded() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH)[1] == []
    assert one_fault("[" * (MAX_DEPTH + 1)) == (1, MAX_DEPTH + 1, "nested deeper than 32 levels")


@pytest.mark.parametrize("unit", ["[", "{a: ", "- ", "? ", "[{a: "])
def test_nesting_that_ends_the_process_in_a_composing_loader_is_a_diagnostic(unit: str) -> None:
    # In a process of its own: what is guarded against is a stack overflow in C, which no test could report.
    program = (
        "import sys\n"
        "from irkit.playbook.diagnostics import Problems\n"
        "from irkit.playbook.yamltree import read_tree\n"
        "problems = Problems()\n"
        f"assert read_tree({unit!r}.encode() * 40000, problems) is None\n"
        "sys.stdout.write(problems.all[0].message)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "nested deeper than 32 levels")
