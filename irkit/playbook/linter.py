"""From bytes to a checked playbook: the tree, the grammar, then the rules."""

from __future__ import annotations

from irkit.actions.catalog import Catalog
from irkit.errors import PlaybookError
from irkit.model.playbooks import Playbook
from irkit.playbook.diagnostics import Diagnostic, Problems
from irkit.playbook.language import Grammar
from irkit.playbook.rules import check
from irkit.playbook.yamltree import read_tree


def lint(data: bytes, name: str, catalog: Catalog) -> tuple[Diagnostic, ...]:
    """Everything that is wrong or doubtful, in the order of the file. Any bytes may be given; never raises."""
    return _check(data, name, catalog)[1].all


def load_playbook(data: bytes, name: str, catalog: Catalog) -> Playbook:
    """The checked playbook; `name` is what to call the file.

    Raises PlaybookError with every diagnostic, rendered, where one of them is an error.
    """
    playbook, problems = _check(data, name, catalog)
    if playbook is None or problems.errors:
        found = problems.all
        count = sum(not one.warning for one in found)
        msg = f"playbook {name} does not lint: {count} error{'s' if count > 1 else ''}"
        raise PlaybookError(msg, tuple(str(one) for one in found), hint="irkit playbook schema, irkit actions list")
    return playbook


def _check(data: bytes, name: str, catalog: Catalog) -> tuple[Playbook | None, Problems]:
    problems = Problems(name, data)
    tree = read_tree(data, problems)
    if tree is None:
        return None, problems
    grammar = Grammar(problems)
    playbook = grammar.playbook(tree)
    conditions = check(playbook, catalog, grammar.places, problems)
    steps = tuple(
        step.model_copy(update={"when": conditions[step.id]}) if step.id in conditions else step
        for step in playbook.steps
    )
    return playbook.model_copy(update={"steps": steps}), problems
