"""How a fault is shown: place, line, caret, remedy; never a control character, never a flood."""

from __future__ import annotations

from irkit.playbook.diagnostics import MAX_SHOWN, WIDTH, Problems, suggest


def shown(data: bytes, line: int, column: int, remedy: str = "do so") -> str:
    problems = Problems("a.yaml", data)
    problems.add((line, column), "wrong", remedy)
    return str(problems.all[0])


def test_the_line_is_shown_with_a_caret_under_the_place() -> None:
    assert shown(b"a: 1\n  b: 2\n", 2, 6) == "a.yaml:2:6: wrong\n    2 |   b: 2\n      |      ^ do so"


def test_a_warning_says_that_it_is_one() -> None:
    problems = Problems("a.yaml", b"a: 1")
    problems.add((1, 1), "doubtful", warning=True)
    assert str(problems.all[0]) == "a.yaml:1:1: warning: doubtful\n    1 | a: 1\n      | ^"
    assert not problems.errors


def test_what_comes_from_the_file_cannot_steer_a_terminal() -> None:
    problems = Problems("a\x1b[2J.yaml", "k: \x1b]0;x\x07\u202e\n".encode())
    problems.add((1, 1), "bad `\x1b[31m`", "not \x9b")
    text = str(problems.all[0])
    assert all(char.isprintable() or char == "\n" for char in text)
    assert text.count("\n") == 2


def test_a_tab_is_one_column_wide_under_the_caret() -> None:
    assert shown(b"\ta: 1", 1, 2).splitlines()[1:] == ["    1 |  a: 1", "      |  ^ do so"]


def test_a_long_line_is_cut_around_the_place() -> None:
    _, line, caret = shown(b"x" * 5000 + b"HERE" + b"y" * 5000, 1, 5001).splitlines()
    assert len(line) == len("    1 | ") + WIDTH
    assert line[caret.index("^") :].startswith("HERE")


def test_lines_are_counted_as_yaml_counts_them() -> None:
    data = "a: 1\rb: 2\r\nc: 3\u2028d: 4\x0be: 5\n".encode()
    assert shown(data, 4, 1).splitlines()[1] == "    4 | d: 4\N{REPLACEMENT CHARACTER}e: 5"


def test_a_place_behind_the_last_line_has_no_excerpt() -> None:
    assert shown(b"a: '", 9, 1) == "a.yaml:9:1: wrong\n      do so"


def test_faults_come_in_the_order_of_the_file_and_each_once() -> None:
    problems = Problems("a.yaml", b"a\nb\n")
    for line in (2, 1, 2):
        problems.add((line, 1), "wrong")
    assert [one.line for one in problems.all] == [1, 2]


def test_a_file_full_of_faults_does_not_flood() -> None:
    problems = Problems("a.yaml", b"\n" * 500)
    for line in range(1, 401):
        problems.add((line, 1), "wrong")
    assert len(problems.all) == MAX_SHOWN + 1
    assert problems.all[-1].message == f"{400 - MAX_SHOWN} more problems are not shown"


def test_an_error_that_is_not_shown_still_counts() -> None:
    problems = Problems()
    for line in range(1, MAX_SHOWN + 1):
        problems.add((line, 1), "doubtful", warning=True)
    assert not problems.errors
    problems.add((1, 2), "wrong")
    assert problems.errors
    assert not problems.all[-1].warning


def test_a_near_word_is_suggested_and_a_far_one_is_not() -> None:
    assert suggest("titel", ["title", "name"], "see") == "did you mean `title`?"
    assert suggest("x" * 100_000, ["title", "name"], "see") == "see"
