"""Signals, the lab's verbs, and reading what was typed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.app.runs import Ticket
from irkit.cli import lab
from irkit.cli.context import Context
from irkit.cli.loop import _interruptible
from irkit.cli.named import parse_target
from irkit.errors import UsageError
from irkit.model.refs import ClusterRef, NodeRef, PodRef

ROOT = Path(__file__).parents[3]
CLUSTER = ClusterRef(id="context:it")
TICKET = Ticket("IR-20260101-aaaa", "r1")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_stops_in_order_and_says_how_to_go_on(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    stop = threading.Event()
    with _interruptible(stop, TICKET):
        os.kill(os.getpid(), number)
        assert stop.wait(5)
    shown = capfd.readouterr().err
    assert "irkit resume IR-20260101-aaaa" in shown
    assert "irkit undo IR-20260101-aaaa" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "once more: leaves at once" in shown
    assert signal.getsignal(number) is before


@pytest.mark.timeout(30)
def test_the_second_signal_leaves_at_once() -> None:
    code = (
        "import os, signal, threading, time\n"
        "from irkit.app.runs import Ticket\n"
        "from irkit.cli.loop import _interruptible\n"
        "with _interruptible(threading.Event(), Ticket('IR-20260101-aaaa', 'r1')):\n"
        "    os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGINT); time.sleep(20)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 130


def test_a_missing_lab_extra_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonpatch", None)
    with pytest.raises(UsageError, match="jsonpatch") as caught:
        lab.load_lab()
    assert caught.value.hint == "pip install 'irkit[lab]'"


def test_the_lab_that_the_configuration_selects_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "world.json").write_text("{}")
    monkeypatch.setenv("IRKIT_CONFIG", str(tmp_path / "irkit.yaml"))
    assert lab.default_folder(Context()) == tmp_path
    monkeypatch.setenv("IRKIT_CONFIG", str(tmp_path / "elsewhere" / "irkit.yaml"))
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    monkeypatch.delenv("IRKIT_STATE", raising=False)
    assert lab.default_folder(Context()) == Path("/state/irkit/lab")


def test_names_become_references() -> None:
    assert parse_target("pod", "shop/web-1", CLUSTER) == PodRef(cluster=CLUSTER, namespace="shop", name="web-1")
    assert parse_target("node", "ip-10-0-0-1.ec2.internal", CLUSTER) == NodeRef(
        cluster=CLUSTER, name="ip-10-0-0-1.ec2.internal"
    )


@pytest.mark.parametrize(
    ("kind", "text"),
    [("pod", "web"), ("pod", "/web"), ("pod", "a/b/c"), ("pod", "A/b"), ("pod", "a/b\n"), ("node", "a/b"), ("node", ""),
     ("workload", "a/b")],
)  # fmt: skip
def test_what_is_no_name_is_a_usage_error(kind: str, text: str) -> None:
    with pytest.raises(UsageError):
        parse_target(kind, text, CLUSTER)


@given(st.sampled_from(["pod", "node", "namespace", "serviceaccount"]), st.text(max_size=300))
def test_any_text_is_a_reference_or_a_usage_error(kind: str, text: str) -> None:
    try:
        found: Any = parse_target(kind, text, CLUSTER)
    except UsageError:
        return
    assert found.path == text
