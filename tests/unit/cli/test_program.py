"""How an invocation of irkit begins and ends: options anywhere, errors with a next step, no heavy imports for help."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from irkit.cli import program
from irkit.cli.context import colourful
from irkit.cli.failures import error_lines, report_failure
from irkit.cli.program import hoist, run
from irkit.errors import (
    CredentialsExpired,
    Denied,
    IrkitError,
    JournalCorrupt,
    PlaybookError,
    Refused,
    Unreachable,
    UsageError,
)
from irkit.playbook import shipped
from irkit.views.terminal import paint

ROOT = Path(__file__).parents[3]
HEAVY = (
    "pydantic",
    "structlog",
    "kubernetes",
    "boto3",
    "botocore",
    "rich",
    "jinja2",
    "cryptography",
    "urllib3",
    "yaml",
)


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("IRKIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.timeout(30)
def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from irkit.cli.program import run; status = run(['--help']);"
        f"print(status, [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stderr.strip() == "0 []"
    assert "respond" in done.stdout


@pytest.mark.timeout(30)
def test_the_module_runs_and_hands_on_the_exit_status(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "irkit", "status", "IR-nope"], capture_output=True, text=True, check=False,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("irkit: 'IR-nope' is not a case id\n       ")


@pytest.mark.timeout(60)
def test_the_console_script_spends_no_time_on_cycles_and_plugins(tmp_path: Path) -> None:
    """What is imported is not searched again and again, nor at the end; a plugin in the environment hooks no model."""
    plugin = tmp_path / "plugin"
    (plugin / "hook-1.dist-info").mkdir(parents=True)
    (plugin / "hook-1.dist-info" / "METADATA").write_text("Name: hook\nVersion: 1\n", encoding="utf-8")
    (plugin / "hook-1.dist-info" / "entry_points.txt").write_text("[pydantic]\nhook = hook:it\n", encoding="utf-8")
    (plugin / "hook.py").write_text("raise SystemExit('a plugin was loaded')\n", encoding="utf-8")
    code = (
        "import atexit, gc, sys; from irkit.cli import COLLECT_AFTER, main;"
        "atexit.register(lambda: print(gc.get_threshold()[0] == COLLECT_AFTER, gc.get_freeze_count() > 1000));"
        "sys.argv = ['irkit', 'playbook', 'lint', 'compromised-pod']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{plugin}"},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "True True"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["status", "--json"], ["--json", "status"]),
        (["respond", "f", "--context", "lab", "--yes"], ["--context", "lab", "respond", "f", "--yes"]),
        (["plan", "--state=/x", "book"], ["--state=/x", "plan", "book"]),
        (["note", "C", "--", "--json"], ["note", "C", "--", "--json"]),
        (["--debug", "status"], ["--debug", "status"]),
        (["status", "--config"], ["status", "--config"]),
        (["respond", "f", "--max-targets", "20"], ["--max-targets", "20", "respond", "f"]),
    ],
)
def test_global_options_may_stand_behind_the_command(typed: list[str], meant: list[str]) -> None:
    assert hoist(typed) == meant


@pytest.mark.parametrize(
    "arguments",
    [
        ["bogus"], ["respond"], ["respond", "/nonexistent"], ["status", "--nope"], ["status", "IR-20260101-aaaa"],
        ["contain", "pod", "a/b"], ["contain", "pod", "a", "--context", "x"], ["approve", "IR-20260101-aaaa", "x"],
        ["--config", "/nonexistent", "status"], ["plan"], ["playbook", "show", "no-such"], ["actions", "show", "nope"],
        ["report", "IR-20260101-aaaa", "-o", "x.exe"], ["status", "../../etc"], ["verify", "../../etc"],
        ["--max-targets", "0", "status"], ["respond", "\x1b[2J"],
    ],
)  # fmt: skip
def test_wrong_usage_is_two_with_a_next_step_and_no_traceback(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("irkit: ")
    assert len(shown.err.splitlines()) >= 2
    assert "Traceback" not in shown.err
    assert "\x1b" not in shown.err


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--version"], "irkit "),
        (["status"], "No cases."),
        (["config", "show"], "state"),
        (["playbook", "list"], "compromised-pod"),
        (["actions", "list"], "kube.isolate_pod"),
        (["actions", "show", "kube.isolate_pod"], "kube.isolate_pod"),
        (["playbook", "show", "compromised-pod"], "kube.isolate_pod"),
        (["playbook", "lint", "compromised-pod"], "no errors"),
        (["keys"], "BEGIN PUBLIC KEY"),
    ],
)
def test_what_needs_no_cluster_works_without_one(
    arguments: list[str], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 0
    assert wanted in capsys.readouterr().out


# -- errors -------------------------------------------------------------------------------------------


def test_an_error_says_what_happened_what_was_done_and_what_to_type() -> None:
    text = paint(error_lines(Refused("context is another cluster", hint="use --cluster prod")), colour=False)
    assert text == ("irkit: refused: context is another cluster\n       nothing was changed · use --cluster prod\n")


def test_a_long_hint_is_not_broken() -> None:
    hint = "irkit respond finding.json --cluster " + "a" * 120
    assert f"       {hint}\n" in paint(error_lines(UsageError("x", did="y", hint=hint)), colour=False)


def test_a_playbooks_diagnostics_are_shown_whole() -> None:
    error = PlaybookError("it does not lint", ("a.yaml:1:2: wrong\n    1 | x\n      | ^ mend",))
    text = paint(error_lines(error), colour=False)
    assert "a.yaml:1:2: wrong\n    1 | x\n      | ^ mend\n" in text


NETWORK = "look at this machine's network (VPN, proxy) and at the server that the kubeconfig names; then the same command again"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Unreachable("x"), NETWORK),
        (CredentialsExpired("x", hint="log in again"), "log in again; then the same command again"),
        (Unreachable("x", hint="start it"), "start it; then the same command again"),
        (Denied("x", hint="grant it"), "grant it"),
    ],
)  # fmt: skip
def test_an_api_that_is_out_of_reach_has_a_next_step(error: IrkitError, told: str) -> None:
    assert " ".join(paint(error_lines(error), colour=False).split()) == f"irkit: x {told}"


def test_a_hint_that_is_a_command_stands_alone() -> None:
    """With the path that this irkit was started by, where it is not on the user's own."""
    text = paint(error_lines(Unreachable("x", hint="irkit lab status")), colour=False)
    assert re.fullmatch(r"irkit: x (\S*/)?irkit lab status", " ".join(text.split()))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("x"), 2), (Refused("x"), 3), (JournalCorrupt("x"), 7), (Unreachable("x"), 75),
        (IrkitError("x"), 1), (ValueError("secret"), 1), (OSError(28, "secret"), 1),
    ],
)  # fmt: skip
def test_every_error_has_its_exit_status(
    error: Exception, status: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(program, "app", fail)
    assert run([]) == status
    assert "Traceback" not in capsys.readouterr().err


def test_an_unexpected_error_shows_its_type_and_never_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_failure(ValueError("token=hunter2"), debug=False, colour=False) == 1
    shown = capsys.readouterr().err
    assert shown == (
        "irkit itself failed: ValueError (use --debug for the traceback)\n       what stands: irkit status\n"
    )


def test_debug_shows_the_traceback_neutralised(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        msg = "x\x1b[2J"
        raise ValueError(msg)

    try:
        fail()
    except ValueError as error:
        report_failure(error, debug=True, colour=False)
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "\x1b" not in shown


def test_an_interrupt_is_130_and_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shipped, "names", interrupted)
    assert run(["playbook", "list"]) == 130
    assert capsys.readouterr().err.startswith("irkit: interrupted\n       what stands: ")


@pytest.mark.parametrize("no_colour", ["1", ""])
def test_no_color_is_respected(no_colour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setenv("TERM", "xterm")
    assert colourful(Terminal()) is (no_colour == "")  # type: ignore[arg-type]  # asked for isatty alone
