"""What is written down is true: generated pages are fresh, examples lint, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from irkit.actions.catalog import Catalog
from irkit.errors import PlaybookError
from irkit.playbook import load_playbook
from scripts import docs

ROOT = Path(__file__).resolve().parents[2]
MARKDOWN = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("runbooks/**/*.md")]
    if ".venv" not in path.parts
)
FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)|<img[^>]+src=\"([^\"]+)\"")
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def examples() -> list[tuple[str, str]]:
    """Every YAML playbook that a page shows."""
    return [
        (str(path.relative_to(ROOT)), block)
        for path in MARKDOWN
        for block in FENCE.findall(path.read_text())
        if re.search(r"^kind: Playbook$", block, re.MULTILINE)
    ]


def test_what_is_generated_is_fresh() -> None:
    assert [str(path.relative_to(ROOT)) for path in docs.stale()] == [], "run: make docs"


def test_a_stale_page_and_one_too_many_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    actions = tmp_path / "actions"
    actions.mkdir()
    page = next(path for path, _ in docs.generated() if path.name.startswith("kube."))
    (actions / page.name).write_text("old")
    (actions / "kube.gone.md").write_text("an action that is no more")
    monkeypatch.setattr(docs, "ACTIONS", actions)
    found = docs.stale()
    assert found[actions / page.name] == page.read_text()
    assert found[actions / "kube.gone.md"] is None


def test_a_block_without_its_markers_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- generated: steps -->\nold\n<!-- end -->\nafter\n")
    assert docs.with_block(page, "steps", "new") == "<!-- generated: steps -->\nnew\n<!-- end -->\nafter\n"
    for wrong in ("nothing", "<!-- generated: steps -->\nno end"):
        page.write_text(wrong)
        with pytest.raises(ValueError, match=r"page\.md"):
            docs.with_block(page, "steps", "new")


@pytest.mark.parametrize(("name", "text"), examples())
def test_every_documented_playbook_lints(name: str, text: str) -> None:
    assert load_playbook(text.encode(), name, Catalog.builtin()).steps


def test_a_wrong_example_would_be_noticed() -> None:
    with pytest.raises(PlaybookError):
        load_playbook(examples()[0][1].replace("uses: ", "uses: no.such.").encode(), "x", Catalog.builtin())


def test_every_action_has_an_example_page() -> None:
    assert {name for name, _ in examples()} >= {f"docs/actions/{action.spec.id}.md" for action in Catalog.builtin()}


def test_every_playbook_has_its_runbook() -> None:
    playbooks = {path.stem for path in (ROOT / "playbooks").glob("*.yaml") if "\nkind: Playbook\n" in path.read_text()}
    assert {path.stem for path in (ROOT / "runbooks").glob("*.md")} == playbooks
    assert playbooks


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    links = [one or two for one, two in LINK.findall(path.read_text())]
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    named = {
        word
        for path in [*MARKDOWN, ROOT / ".ci" / "run"]
        for line in re.findall(r"(?:^|`)make ((?:[a-z-]+ ?)+)(?=`|$| #| {2}|\n)", path.read_text(), re.MULTILINE)
        for word in line.split()
    }
    assert named <= targets
    assert {"drill", "test"} <= named


def test_the_readme_s_exit_statuses_are_those_that_irkit_knows() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)}
    assert listed == {0, 1, 2, 3, 4, 6, 7, 75, 130}
    assert {int(code) for code in re.findall(r"\b(\d+) [a-z]", docs.help_text().partition("Exit status:")[2])} == listed
