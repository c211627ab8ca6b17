"""The harness's own parts, each by itself: what it starts it can find again and end, and nothing else."""

from __future__ import annotations

import io
import json
import os
import select
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import build, pins, pki
from tests.cluster.apart import only_one, run_apart
from tests.cluster.images import pack
from tests.cluster.layout import HERE, STATE, Layout, Settings
from tests.cluster.processes import Failed, Processes, birth, until

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(state=tmp_path / "state", cache=tmp_path / "cache")
    made.logs.mkdir(parents=True)
    made.pids.mkdir()
    return made


@pytest.fixture
def processes(layout: Layout) -> Iterator[Processes]:
    started = Processes(layout)
    yield started
    started.stop(*started.names(), patience=0)


def started(layout: Layout, processes: Processes, name: str, command: list[str]) -> int:
    assert processes.start(name, command)
    until("its first word", 10, lambda: "up" in (layout.logs / f"{name}.log").read_text())
    pid = processes.pid(name)
    assert pid is not None
    return pid


def test_what_runs_is_not_started_twice(layout: Layout, processes: Processes) -> None:
    pid = started(layout, processes, "one", SLEEP)
    assert not processes.start("one", SLEEP)
    assert processes.pid("one") == pid


def test_it_inherits_no_lock_of_who_started_it(layout: Layout, processes: Processes, tmp_path: Path) -> None:
    """`flock FILE make test-cluster`: what outlives the tests would hold it for ever."""
    lock = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(lock, True)
    try:
        pid = started(layout, processes, "one", SLEEP)
    finally:
        os.close(lock)
    assert "lock" not in {path.resolve().name for path in Path(f"/proc/{pid}/fd").iterdir()}


def test_it_ends_on_request_and_with_force_if_it_will_not(layout: Layout, processes: Processes) -> None:
    pids = [started(layout, processes, "one", SLEEP), started(layout, processes, "two", STUBBORN)]
    processes.stop("one", "two", "three", patience=0.3)
    assert [birth(pid) for pid in pids] == [None, None]
    assert processes.names() == []


def test_a_pid_that_now_is_another_process_is_left_alone(layout: Layout, processes: Processes) -> None:
    pid = started(layout, processes, "mine", SLEEP)
    began = birth(pid)
    assert began is not None
    (layout.pids / "old").write_text(json.dumps([pid, began - 1]))
    assert processes.pid("old") is None
    processes.stop("old")
    assert processes.pid("mine") == pid


def test_a_child_that_ended_does_not_run_even_if_nobody_asked_for_its_status(
    layout: Layout, processes: Processes
) -> None:
    pid = started(layout, processes, "one", SLEEP)
    os.kill(pid, signal.SIGKILL)
    until("its end", 10, lambda: processes.pid("one") is None)
    assert processes.names() == ["one"]


def test_it_runs_as_long_as_any_of_its_threads(layout: Layout, processes: Processes) -> None:
    """As a killed API server does for a moment, with its port still taken."""
    leader_ends = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(600,)).start()"
    leader_ends += "; print('up', flush=True); ctypes.CDLL(None).syscall(60, 0)"
    if os.uname().machine != "x86_64":
        leader_ends = leader_ends.replace("syscall(60", "syscall(93")
    pid = started(layout, processes, "one", [sys.executable, "-c", leader_ends])
    until("the end of its first thread", 10, lambda: ") Z " in Path(f"/proc/{pid}/stat").read_text())
    assert processes.pid("one") == pid
    processes.stop("one", patience=0)
    assert birth(pid) is None


def test_waiting_in_vain_says_for_what_and_how_the_log_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRKIT_TEST_PATIENCE", "1")
    (tmp_path / "log").write_text("first\n" * 50 + "last words\n")
    with pytest.raises(Failed, match=r"(?s)not in time: rain; .*last words"):
        until("rain", 0.1, lambda: False, logs=tmp_path / "log")


def test_an_image_has_the_same_bytes_whenever_it_is_packed(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"/bin/a": b"a", "/bin/b": "a", "/tmp/": ""}
    pack(tmp_path / "one.tar", ["x/y:1", "x/z:1"], files, ["/bin/a"])
    time.sleep(0.01)
    pack(tmp_path / "two.tar", ["x/y:1", "x/z:1"], files, ["/bin/a"])
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as archive:
        manifest = json.loads(_content(archive, "manifest.json"))
        with tarfile.open(fileobj=io.BytesIO(_content(archive, "layer.tar"))) as layer:
            found = [(one.name, one.mode, one.linkname) for one in layer]
    assert manifest[0]["RepoTags"] == ["x/y:1", "x/z:1"]
    assert found == [("bin/a", 0o755, ""), ("bin/b", 0o755, "a"), ("tmp", 0o1777, "")]


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    found = archive.extractfile(name)
    assert found is not None
    return found.read()


def test_settings_are_read_as_they_were_written(tmp_path: Path) -> None:
    chosen = Settings(established="cut", refuse="drop", agent=False, nodes=3, fake_nodes=7)
    chosen.save(tmp_path / "settings")
    assert Settings.load(tmp_path / "settings") == chosen
    assert Settings.load(tmp_path / "missing") is None


def test_a_second_start_keeps_the_keys_and_adds_those_of_a_new_node(layout: Layout) -> None:
    pki.write_all(layout, [layout.node(1)])
    before = {path.name: path.read_bytes() for path in layout.pki.iterdir()}
    pki.write_all(layout, [layout.node(1), layout.node(2)])
    after = {path.name: path.read_bytes() for path in layout.pki.iterdir()}
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"node-2.crt", "node-2.key", "node-2.kubeconfig"}
    assert sorted(pki.tokens(layout)) == ["admin", "attacker", "responder", "workload"]


def test_no_secret_can_be_read_by_others(layout: Layout) -> None:
    pki.write_all(layout, [layout.node(1)])
    secret = [path for path in layout.pki.iterdir() if path.suffix in {".key", ".csv", ".kubeconfig"}]
    assert {path.stat().st_mode & 0o777 for path in [*secret, layout.kubeconfig]} == {0o600}


def test_the_same_versions_are_pinned_for_go_and_for_python() -> None:
    """go.mod names Kubernetes once as itself and once for each of its published parts."""
    text = (HERE / "go" / "go.mod").read_text()
    parts = [line.split() for line in text.splitlines() if " => " in line]
    assert f"k8s.io/kubernetes v{pins.KUBERNETES}" in text
    assert len(parts) > 30
    assert {part[-1] for part in parts} == {f"v0.{pins.KUBERNETES.partition('.')[2]}"}
    wanted = next(line for line in text.splitlines() if line.startswith("go ")).split()[1]
    assert tuple(map(int, wanted.split(".")[:2])) == pins.GO_LEAST


def test_what_was_built_from_other_sources_is_built_again(tmp_path: Path) -> None:
    made: list[str] = []
    for wanted in ("one", "one", "two"):
        build._once(tmp_path / "stamp", wanted, lambda wanted=wanted: made.append(wanted))
    assert made == ["one", "two"]


def test_without_a_cluster_status_says_so(tmp_path: Path) -> None:
    environment = os.environ | {"IRKIT_CLUSTER_STATE": str(tmp_path), "PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, "-m", "tests.cluster", "status"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "cluster: down\n", "")


def test_a_second_cluster_that_runs_is_not_taken_for_the_remains_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv(STATE, str(tmp_path / "state"))
    its = tmp_path / "state-apart" / "etcd"
    its.mkdir(parents=True)

    with only_one(tmp_path / "state-apart"), pytest.raises(Failed, match="a second cluster runs already"):
        run_apart(["false"])

    assert its.is_dir()


def test_what_runs_in_a_second_cluster_holds_it_after_its_starter_s_end(tmp_path: Path) -> None:
    with only_one(tmp_path / "state") as held:
        process = subprocess.Popen(["sleep", "60"], pass_fds=[held])
    try:
        with pytest.raises(Failed), only_one(tmp_path / "state"):
            pass
    finally:
        process.kill()
        process.wait()

    with only_one(tmp_path / "state"):
        pass


def test_what_changes_the_whole_cluster_waits_for_other_runs_but_not_for_its_own(tmp_path: Path) -> None:
    program = """
import sys
from tests.cluster.turns import TURNS
with TURNS.shared():
    print("shared", flush=True)
    sys.stdin.readline()
    with TURNS.alone(), TURNS.alone():
        print("alone", flush=True)
        sys.stdin.readline()
    print("shared again", flush=True)
    sys.stdin.readline()
"""
    environment = os.environ | {"IRKIT_CLUSTER_CACHE": str(tmp_path), "PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, "-c", program]
    pipe = subprocess.PIPE

    def run() -> subprocess.Popen[str]:
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    with run() as one, run() as two:
        assert (said(one), said(two)) == ("shared", "shared")
        go_on(one)
        assert silent(one)  # waits for the other
        go_on(two)  # whoever waits has given up its share, so that they do not wait for each other
        first, second = (one, two) if not silent(one) else (two, one)
        assert said(first) == "alone"
        assert silent(second)
        go_on(first)
        assert said(first) == "shared again"
        assert silent(second)
        go_on(first)  # and ends
        assert said(second) == "alone"
        go_on(second)
        assert said(second) == "shared again"


def silent(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    return select.select([process.stdout], [], [], 0.5)[0] == []


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
