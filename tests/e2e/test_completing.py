"""Shell completion: what is offered, that nothing slow is loaded for it, and that nothing it meets is an error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]
CASES = ("IR-20261120-k7f2", "IR-20261121-abcd")
LINE = '{{"body":{{"run":"r1","step":"{step}"}},"kind":"{kind}","seq":1}}\n'
PROGRAM = """
import sys
from irkit.cli import main
try:
    main()
finally:
    slow = {"irkit.model.records", "rich", "kubernetes", "jinja2", "cryptography", "cel_expr_python"} & set(sys.modules)
    print("slow:", sorted(slow), file=sys.stderr)
"""


def complete(folder: Path, *words: str, state: str = "state", home: str = "") -> list[str]:
    """What bash would offer for the last of the words."""
    env = {
        "PATH": os.environ["PATH"], "HOME": home or str(folder), "_IRKIT_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["irkit", *words]), "COMP_CWORD": str(len(words)), "PYTHONPATH": os.pathsep.join(sys.path),
    }  # fmt: skip
    if state:
        env["IRKIT_STATE"] = str(folder / state)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stderr == "slow: []\n"
    return done.stdout.split()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for case in CASES:
        (tmp_path / "state" / "cases" / case).mkdir(parents=True)
    (tmp_path / "state" / "cases" / "not-a-case").mkdir()
    (tmp_path / "state" / "cases" / CASES[0] / "journal.jsonl").write_text(
        LINE.format(step="label", kind="step.closed")
        + LINE.format(step="kill", kind="approval.asked")
        + LINE.format(step="done", kind="approval.asked")
        + LINE.format(step="done", kind="step.closed")
        + LINE.format(step="isolate[a-1]", kind="step.planned")
        + LINE.format(step="$(reboot)", kind="step.planned")
        + "torn"
    )
    return tmp_path


@pytest.mark.parametrize("command", ["status", "undo", "takeover", "verify"])
def test_cases_the_newest_first(folder: Path, command: str) -> None:
    assert complete(folder, command, "IR-") == [CASES[1], CASES[0]]


def test_steps_that_wait_come_first_and_only_names_are_offered(folder: Path) -> None:
    assert complete(folder, "approve", CASES[0], "''") == ["kill", "label", "done", "isolate[a-1]"]
    assert complete(folder, "deny", CASES[0], "i") == ["isolate[a-1]"]
    assert complete(folder, "approve", CASES[1], "k") == []
    assert complete(folder, "approve", "../../x", "k") == []


def test_the_state_folder_is_the_command_s_own(folder: Path) -> None:
    (folder / "irkit.yaml").write_text("state: state\n")
    assert complete(folder, "status", "IR-20261120", state="") == [CASES[0]]
    assert complete(folder, "--state", str(folder / "state"), "status", "IR-20261120", state="empty") == [CASES[0]]
    (folder / "irkit.yaml").write_text("nonsense: [")
    assert complete(folder, "status", "IR-", state="") == []


def test_playbooks_and_commands(folder: Path) -> None:
    assert complete(folder, "playbook", "show", "compromised-p") == ["compromised-pod"]
    assert "handover" in complete(folder, "h")
