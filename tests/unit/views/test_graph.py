"""The Mermaid graph of a playbook: what needs what, and that no text of a playbook is syntax."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from irkit.actions.catalog import Catalog
from irkit.model.playbooks import Expr, Playbook, Step, When
from irkit.playbook import load_playbook, shipped
from irkit.views.graph import escaped, mermaid

KNOWN = Catalog.builtin()
LINE = re.compile(
    r"""flowchart\ TD
    |\ \ s\d+(\(\["[^"\[\]{}`<>|]*(<br/>[^"\[\]{}`<>|]*)*"\]\)|\{\{"[^"\[\]{}`|]*"\}\}|\["[^"\[\]{}`|]*"\])
    |\ \ s\d+\ -->(\|"[^"|`<>]*"\|)?\ s\d+
    |\ \ s\d+\ -\.->\ s\d+
    |\ \ classDef\ \w+\ [a-z0-9:,#-]+
    |\ \ class\ [s\d,]+\ \w+""",
    re.VERBOSE,
)


def step(step_id: str, uses: str, *needs: str, **more: object) -> Step:
    return Step(id=step_id, uses=uses, arguments={}, needs=needs, **more)  # type: ignore[arg-type]  # a test's short cut


def graph(*steps: Step) -> list[str]:
    found = mermaid(Playbook(name="p", title="P", inputs=(), steps=steps), KNOWN).splitlines()
    assert [line for line in found if not LINE.fullmatch(line)] == []
    return found


def test_the_shipped_playbooks_are_graphs() -> None:
    for name in shipped.names():
        book = load_playbook(*shipped.load(name), KNOWN)
        found = graph(*book.steps)
        edges = sum(len(one.needs) for one in book.steps)
        assert sum("-->" in line for line in found) == edges
        assert sum(line.startswith("  s") and "->" not in line for line in found) == len(book.steps)


def test_who_is_asked_what_it_goes_through_and_when() -> None:
    found = graph(
        step("look", "kube.scope_pod"),
        step("kill", "kube.delete_pod", "look", accept_loss="x"),
        step("each", "kube.label_pod", "look", for_each=Expr(expr=("steps", "look", "siblings"))),
        step("hide", "kube.isolate_pod", "look", when=When(text='inputs.why == "|x|"')),
        step("alone", "kube.isolate_pod", when=When(text="inputs.flag")),
        step("last", "kube.scope_pod", always=True),
    )
    assert found[1].startswith('  s1(["look: See what a pod is part of')
    assert "needs an approval" in found[2]
    assert found[2].startswith("  s2{{")
    assert "for each of #36;#123;steps.look.siblings#125;" in found[3]
    assert '  s1 -->|"when inputs.why #61;#61; #34;#124;x#124;#34;"| s4' in found
    assert "when inputs.flag" in found[5]
    assert [line for line in found if "-.->" in line] == [f"  s{one} -.-> s6" for one in (2, 3, 4, 5)]
    assert "  class s4,s5 contain" in found
    assert "  class s2 destructive" in found


@given(st.text())
def test_no_text_is_syntax(text: str) -> None:
    shown = escaped(text)
    assert re.fullmatch(r"([A-Za-z0-9 .,:/()_-]|#[0-9]+;)*", shown)
    graph(step("a", "kube.scope_pod", when=When(text=text)))
