from __future__ import annotations

import os
from pathlib import Path

from irkit.engine.locks import Locks


def test_all_or_none_within_a_process(tmp_path: Path) -> None:
    locks = Locks(tmp_path)
    first = locks.take(["pod/1", "node/1"])
    assert first is not None
    assert locks.take(["node/1", "pod/2"]) is None
    second = locks.take(["pod/2"])  # not held although it was wanted together with a held one
    assert second is not None
    first.release()
    third = locks.take(["node/1", "pod/1"])
    assert third is not None
    second.release()
    third.release()


def test_another_process_is_kept_out_until_release(tmp_path: Path) -> None:
    locks = Locks(tmp_path)

    def child_gets_it() -> bool:
        pid = os.fork()
        if pid == 0:
            os._exit(0 if Locks(tmp_path).take(["asg/a"]) is not None else 1)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    held = locks.take(["asg/a"])
    assert held is not None
    with held:
        assert not child_gets_it()
    assert child_gets_it()


def test_releasing_twice_does_not_free_somebody_elses(tmp_path: Path) -> None:
    locks = Locks(tmp_path)
    first = locks.take(["a"])
    assert first is not None
    first.release()
    second = locks.take(["a"])
    assert second is not None
    first.release()
    assert locks.take(["a"]) is None
    second.release()


def test_hostile_names_stay_in_the_folder(tmp_path: Path) -> None:
    held = Locks(tmp_path / "locks").take(["../../etc/passwd", "a\0b"])
    assert held is not None
    assert 2 == len(list((tmp_path / "locks").iterdir()))
    held.release()
