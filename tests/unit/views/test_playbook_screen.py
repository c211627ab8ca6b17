"""A playbook's screen: what is to be typed stands whole, and nothing is wider than a terminal."""

from __future__ import annotations

import pytest

from irkit.actions.catalog import Catalog
from irkit.model.playbooks import Input, Playbook
from irkit.playbook import shipped
from irkit.playbook.linter import load_playbook
from irkit.views.playbook_screen import playbook_lines
from irkit.views.terminal import cells, paint


@pytest.mark.parametrize("name", shipped.names())
def test_every_input_of_a_shipped_playbook_can_be_typed_as_it_stands(name: str) -> None:
    catalog = Catalog.builtin()
    book = load_playbook(*shipped.load(name), catalog)
    lines = paint(playbook_lines(book, catalog), colour=False).splitlines()
    typed = [line.split()[1] for line in lines if line.startswith("  -i ")]
    assert typed == [one.name for one in book.inputs]
    assert max(map(cells, lines)) <= 80


def test_a_name_longer_than_its_column_is_whole() -> None:
    made = Input(name="x" * 40, type="text", default="", required=False, description="why " * 30)
    book = Playbook(name="b", title="B", inputs=(made,), steps=())
    lines = paint(playbook_lines(book, Catalog.builtin()), colour=False).splitlines()
    assert any(f"-i {'x' * 40} " in line for line in lines)
    assert max(map(cells, lines)) <= 80
