"""From bytes to a checked playbook: the tree, the grammar, then the rules."""

from __future__ import annotations

from irkit.actions.catalog import Catalog
from irkit.errors import PlaybookError
from irkit.model.playbooks import Playbook
from irkit.playbook.diagnostics import Diagnostic, Problems
from irkit.playbook.language import Grammar
from irkit.playbook.order import check_order
from irkit.playbook.types import check_types
from irkit.playbook.yamltree import read_tree


def lint(data: bytes, catalog: Catalog) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with a playbook, in the order of the file. Any bytes may be given."""
    return _check(data, catalog)[1].all


def load_playbook(data: bytes, name: str, catalog: Catalog) -> Playbook:
    """The checked playbook. Raises PlaybookError with every diagnostic, rendered, where it does not lint."""
    playbook, problems = _check(data, catalog)
    if playbook is None or problems.errors:
        msg = f"playbook {name} does not lint"
        raise PlaybookError(msg, rendered(problems.all, data, name), hint=f"irkit playbook lint {name}")
    return playbook


def rendered(found: tuple[Diagnostic, ...], data: bytes, name: str) -> tuple[str, ...]:
    """Diagnostics as people read them, with the lines that they are about."""
    source = data.decode(errors="replace").splitlines()
    return tuple(one.render(name, source) for one in found)


def _check(data: bytes, catalog: Catalog) -> tuple[Playbook | None, Problems]:
    problems = Problems()
    tree = read_tree(data, problems)
    if tree is None:
        return None, problems
    grammar = Grammar(problems)
    playbook = grammar.playbook(tree)
    if playbook is not None:
        check_types(playbook, catalog, grammar.places, problems)
        check_order(playbook, catalog, grammar.places, problems)
    return playbook, problems
