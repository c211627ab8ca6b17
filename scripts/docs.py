"""Writes what is generated, or with --check says what is stale.

Whole files: docs/actions/*.md, playbooks/playbook.schema.json.
Blocks between markers: the help text in README.md, the table of steps in each runbook.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from irkit.actions.catalog import Catalog
from irkit.playbook import load_playbook
from irkit.playbook.schema import render_schema
from irkit.views.pages import action_page, index_page, step_table

ROOT = Path(__file__).resolve().parents[1]
ACTIONS = ROOT / "docs" / "actions"
PLAYBOOKS = ROOT / "playbooks"
RUNBOOKS = ROOT / "runbooks"
END = "<!-- end -->"


def main(arguments: list[str] | None = None) -> int:
    """Write or check. Exit status 1 if something is stale."""
    parser = argparse.ArgumentParser(prog="scripts.docs", description="Generated pages.")
    parser.add_argument("--check", action="store_true", help="change nothing; name what is stale")
    options = parser.parse_args(arguments)
    old = stale()
    for path, text in old.items():
        name = path.relative_to(ROOT)
        if options.check:
            print(f"stale: {name}")
        elif text is None:
            path.unlink()
            print(f"removed {name}")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    if options.check and old:
        print("run: make docs")
        return 1
    return 0


def stale() -> dict[Path, str | None]:
    """What differs from what it should be: path to the wanted text, or None where nothing is wanted."""
    wanted = dict(generated())
    found: dict[Path, str | None] = {
        path: text for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    return found | {path: None for path in ACTIONS.glob("*.md") if path not in wanted}


def generated() -> Iterator[tuple[Path, str]]:
    """Every generated file, whole, as it should be."""
    catalog = Catalog.builtin()
    specs = [action.spec for action in catalog]
    yield ACTIONS / "README.md", index_page(specs)
    for spec in specs:
        yield ACTIONS / f"{spec.id}.md", action_page(spec)
    yield PLAYBOOKS / "playbook.schema.json", render_schema(catalog)
    readme = ROOT / "README.md"
    yield readme, with_block(readme, "help", f"```\n$ irkit --help\n{help_text()}```")
    for runbook in sorted(RUNBOOKS.glob("*.md")):
        source = PLAYBOOKS / f"{runbook.stem}.yaml"
        playbook = load_playbook(source.read_bytes(), source.name, catalog)
        yield runbook, with_block(runbook, "steps", step_table(playbook, catalog))


def with_block(path: Path, name: str, text: str) -> str:
    """A file's text with the block of this name replaced. Raises ValueError where the markers are not there once."""
    start = f"<!-- generated: {name} -->"
    whole = path.read_text(encoding="utf-8")
    if whole.count(start) != 1:
        msg = f"{path.name}: expected one marker {start}"
        raise ValueError(msg)
    before, _, rest = whole.partition(start)
    _, end, after = rest.partition(END)
    if not end:
        msg = f"{path.name}: {start} has no {END}"
        raise ValueError(msg)
    return f"{before}{start}\n{text}\n{END}{after}"


def help_text() -> str:
    """What `irkit --help` prints on a terminal of 80 columns."""
    plain = {"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1", "TERM": "dumb", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "irkit", "--help"],
        env={**os.environ, **plain},
        capture_output=True,
        text=True,
        check=True,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines()) + "\n"


if __name__ == "__main__":
    sys.exit(main())
