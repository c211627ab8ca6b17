"""The tree drawn atop errors.py is the real one."""

from __future__ import annotations

import re

from irkit import errors

LINE = re.compile(r"^    (?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+) {2,}(?P<text>.+)$")
EXIT = re.compile(r" exit (\d+)$")


def drawn() -> tuple[dict[str, str], dict[str, int]]:
    """Class to parent, and class to exit status where the drawing names one."""
    parents: dict[str, str] = {}
    statuses: dict[str, int] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := LINE.match(line):
            depth = len(match["branch"]) // 4
            above[depth:] = [match["name"]]
            parents[match["name"]] = above[depth - 1] if depth else "Exception"
            if status := EXIT.search(match["text"]):
                statuses[match["name"]] = int(status[1])
    return parents, statuses


def real() -> dict[str, type[errors.IrkitError]]:
    """The exceptions that the module defines."""
    return {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.IrkitError) and value.__module__ == errors.__name__
    }


def test_the_drawing_is_the_class_tree() -> None:
    parents, _ = drawn()
    assert parents == {name: kind.__mro__[1].__name__ for name, kind in real().items()}


def test_the_drawing_s_exit_statuses_are_the_classes_own() -> None:
    _, statuses = drawn()
    kinds = real()
    assert statuses == {name: kinds[name].exit_status for name in statuses}
    assert statuses["JournalCorrupt"] == 7


def test_a_class_without_a_drawn_status_ends_like_its_parent() -> None:
    parents, statuses = drawn()
    kinds = real()
    own = [name for name in kinds if name not in statuses and parents[name] in kinds]
    assert {name: kinds[name].exit_status for name in own} == {name: kinds[parents[name]].exit_status for name in own}
