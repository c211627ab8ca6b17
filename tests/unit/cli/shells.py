"""A shell of a test's own: no configuration but its own, and what stands in place of labs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from irkit.journal.store import FileJournal
from irkit.model import records as r
from irkit.model.base import canonical
from irkit.model.effects import Mark
from irkit.model.plans import Original
from irkit.model.refs import ClusterRef
from tests.support.records import CLUSTER, POD, START, WHO
from tests.support.screens import playbook, wrote

CASE = "IR-20260101-aaaa"


def own_world(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's irkit is seen."""
    for name in [name for name in os.environ if name.startswith("IRKIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.chdir(home)


def lab_folder(folder: Path, *, drill: str = "", case: str = "") -> Path:
    """What a lab that has ended leaves behind; gives its configuration."""
    folder.mkdir(parents=True)
    (folder / "world.json").write_text("{}")
    config = folder / "irkit.yaml"
    config.write_text(f"# LAB\nlab: true\nclusters: [{{id: {CLUSTER.id}}}]\nstate: state\n")
    if drill:
        (folder / "drill").write_text(f"{drill}\n")
    if case:
        open_case(folder / "state", case, lab=True)
    return config


def open_case(state: Path, case: str, *bodies: r.AnyBody, lab: bool = False, cluster: ClusterRef = CLUSTER) -> None:
    """A case with one open run that made one change, and what is given besides."""
    book = playbook(("label", "protect"))
    with FileJournal.open(state / "cases" / case, case, lambda: START) as journal:
        checked = journal.put_blob(canonical(book.dump()))
        journal.append(
            [
                r.CaseOpened(
                    case=case, cluster=cluster, cluster_uid="c", target=POD, generation=1, who=WHO, tool="0", lab=lab
                ),
                r.RunOpened(
                    run="r1", mode="apply", name=book.name, playbook=checked, checked=checked, inputs={}, actions={},
                    who=WHO, tool="0", asked=START,
                ),
                *bodies,
                *_touched(),
            ]
        )  # fmt: skip


def _touched() -> list[r.AnyBody]:
    mark = Mark(within=CLUSTER.id, case=CASE, action="test.protect", scope="s", params="0" * 64)
    name = 'metadata.labels["x"]'
    planned = r.StepPlanned(
        run="r1", step="label", turn=1, action="test.protect", mark=mark, target=POD.key, why="w", effects=("e",),
        impact=(), touches=(r.Touch(target=POD.key, field=name, value="1"),),
    )  # fmt: skip
    kept = r.OriginalKept(
        run="r1", step="label", mark=mark.id, original=Original(target=POD.key, field=name, value=None)
    )
    return [kept, planned, *wrote("label")]
