from __future__ import annotations

import os
from pathlib import Path

import pytest

from irkit.app.cases import Cases
from irkit.errors import UsageError
from irkit.journal.store import FileJournal
from irkit.model import records as r
from tests.support.records import CLUSTER, OTHER, POD, START, WHO

ANOTHER = POD.model_copy(update={"uid": "00000000-0000-4000-8000-000000000001"})


def open_case(cases: Cases, case: str, *bodies: r.AnyBody) -> None:
    with FileJournal.open(cases.folder(case), case, lambda: START) as journal:
        journal.append(
            [
                r.CaseOpened(case=case, cluster=CLUSTER, cluster_uid="c", target=POD, generation=1, who=WHO, tool="0"),
                *bodies,
            ]
        )


def test_one_target_has_one_open_case_whatever_the_day(tmp_path: Path) -> None:
    cases = Cases(tmp_path)
    first = cases.allocate(POD, START)
    open_case(cases, first.case)
    assert first == cases.allocate(POD, "2026-11-22T00:00:01.000000Z")
    assert first == cases.find(POD)


def test_the_same_name_with_another_uid_is_another_target(tmp_path: Path) -> None:
    cases = Cases(tmp_path)
    assert cases.allocate(POD, START).case != cases.allocate(ANOTHER, START).case


def test_a_closed_case_is_followed_by_another_generation(tmp_path: Path) -> None:
    cases = Cases(tmp_path)
    first = cases.allocate(POD, START)
    open_case(cases, first.case, r.CaseClosed(who=OTHER, why="done"))
    assert cases.find(POD) is None
    second = cases.allocate(POD, START)
    assert (2, True) == (second.generation, second.case != first.case)


def test_a_case_whose_opener_died_before_it_wrote_is_taken_up(tmp_path: Path) -> None:
    cases = Cases(tmp_path)
    first = cases.allocate(POD, START)
    assert first == cases.allocate(POD, START)
    assert [] == cases.all()  # nothing to show yet


def test_ids_that_collide_never_merge_cases(tmp_path: Path) -> None:
    cases = Cases(tmp_path)
    letters = iter(["aaaa", "aaaa", "bbbb"])
    first = cases.allocate(POD, START, lambda: next(letters))
    second = cases.allocate(ANOTHER, START, lambda: next(letters))
    assert ("IR-20261121-aaaa", "IR-20261121-bbbb") == (first.case, second.case)


def test_twenty_processes_allocate_one_case(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    gate, go = os.pipe()
    children = []
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            os.close(go)
            os.read(gate, 1)  # all at once, when the parent closes its end
            os.write(writes, Cases(tmp_path).allocate(POD, START).case.encode() + b"\n")
            os._exit(0)
        children.append(pid)
    os.close(go)
    os.close(gate)
    os.close(writes)
    assert [0] * 20 == [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    with os.fdopen(reads) as pipe:
        found = pipe.read().split()
    assert (20, 1) == (len(found), len(set(found)))


@pytest.mark.parametrize("name", ["../../etc", "IR-20261121-k7f2/../x", "", "IR-20261121-K7F2", "IR-20261121-k7f2\n"])
def test_what_is_no_case_id_never_becomes_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        Cases(tmp_path).folder(name)


def test_an_unknown_case_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no case"):
        Cases(tmp_path).load("IR-20261121-k7f2")
