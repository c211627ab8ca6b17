"""The lab as a process: found through its folder, ended through it, and never mistaken for another process."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from irkit.errors import ConfigError, IrkitError, Refused, Unreachable
from irkit.lab import process
from irkit.lab.behaviour import TOOLS
from irkit.lab.process import LabInfo
from irkit.lab.seed import Seed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


@pytest.fixture
def running(tmp_path: Path, seed: Seed) -> Iterator[LabInfo]:
    folder = tmp_path / "lab"
    yield process.up(folder, seed)
    process.down(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_to_ask_whether_a_lab_lives_imports_none_of_it() -> None:
    """Every command in a lab asks: the simulated cluster itself would be a tenth of a plan's time."""
    code = (
        "import sys; from pathlib import Path; from irkit.lab import process; print(process.status(Path('nowhere')),"
        "*(name in sys.modules for name in ('irkit.lab.api', 'irkit.lab.network', 'irkit.lab.world')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == ["None", "False", "False", "False"]


def test_a_lab_is_found_and_ended_through_its_folder(running: LabInfo) -> None:
    folder = Path(running.folder)
    assert process.status(folder) == running
    with running.control() as control:
        assert len(control.dump()) > 30
        assert control.tokens().keys() == {"responder", "admin", "viewer"}
    assert process.down(folder)
    assert process.birth(running.pid) != running.started
    assert process.status(folder) is None
    assert not process.down(folder)
    assert running.config.exists()  # its cases can still be read
    with running.control() as control, pytest.raises(Unreachable):
        control.dump()


def test_its_files_select_it_and_are_the_owners(running: LabInfo) -> None:
    config = running.config.read_text(encoding="utf-8")
    assert config.startswith("# LAB\n")
    assert yaml.safe_load(config) == {
        "lab": True,
        "clusters": [{"id": running.cluster, "kubeconfig": str(running.kubeconfig), "context": running.context}],
        "state": str(running.state),
        "inputs": {"tools_image": TOOLS},
    }
    for name in ("lab.json", "kubeconfig", "world.json"):
        assert mode(Path(running.folder, name)) == 0o600
    assert mode(Path(running.folder)) == 0o700
    assert running.control_token not in repr(running)


def test_the_official_client_reaches_it_by_its_kubeconfig(running: LabInfo) -> None:
    from kubernetes import client, config  # noqa: PLC0415 -- slow

    loaded = client.Configuration()
    config.load_kube_config(str(running.kubeconfig), running.context, loaded)  # type: ignore[no-untyped-call]
    with client.ApiClient(loaded) as api:
        pods = client.CoreV1Api(api).list_namespaced_pod("shop", label_selector="app=web")
        assert len(pods.items) == 3
        review = client.AuthenticationV1Api(api).create_self_subject_review(client.V1SelfSubjectReview())
        assert review.to_dict()["status"]["user_info"]["username"] == "irkit-responder"


def test_it_outlives_its_maker(tmp_path: Path, seed: Seed) -> None:
    """The maker is killed as hard as can be; the world stands."""
    folder = tmp_path / "lab"
    source = tmp_path / "seed.json"
    source.write_text(json.dumps(seed.to_json()), encoding="utf-8")
    code = (
        "import json, os, pathlib, signal\n"
        "from irkit.lab import process\n"
        "from irkit.lab.seed import Seed\n"
        f"seed = Seed.from_json(json.loads(pathlib.Path({str(source)!r}).read_text()))\n"
        f"process.up(pathlib.Path({str(folder)!r}), seed)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert made.returncode == -signal.SIGKILL
    try:
        info = process.status(folder)
        assert info is not None
        assert os.getsid(info.pid) != os.getsid(0)
        with info.control() as control:
            assert control.get("pods", "bare", "shop") is not None
    finally:
        assert process.down(folder)


def test_two_labs_in_one_folder_are_refused(running: LabInfo, seed: Seed) -> None:
    with pytest.raises(Refused, match="runs in"):
        process.up(Path(running.folder), seed)
    with running.control() as control:
        assert control.unserved() == []


def test_a_configuration_that_is_no_labs_is_not_overwritten(tmp_path: Path, seed: Seed) -> None:
    config = tmp_path / "irkit.yaml"
    config.write_text("clusters: []\n", encoding="utf-8")
    with pytest.raises(Refused, match="is not a lab's configuration"):
        process.up(tmp_path, seed)
    assert config.read_text(encoding="utf-8") == "clusters: []\n"


def test_a_folder_that_cannot_be_is_a_config_error(tmp_path: Path, seed: Seed) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be written"):
        process.up(tmp_path / "file" / "lab", seed)


def test_a_lab_that_fails_says_its_last_words(tmp_path: Path) -> None:
    broken = Seed(cluster="c", objects=({"apiVersion": "v1", "kind": "Gizmo", "metadata": {"name": "a"}},))
    with pytest.raises(IrkitError, match=r"did not start: .*Gizmo") as caught:
        process.up(tmp_path / "lab", broken)
    assert "lab.log" in caught.value.hint
    assert process.status(tmp_path / "lab") is None


def test_a_reused_pid_is_not_ended(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        info = {
            "folder": str(tmp_path), "url": "", "control_url": "", "control_token": "", "pid": other.pid,
            "started": "1", "cluster": "",
        }  # fmt: skip
        (tmp_path / "lab.json").write_text(json.dumps(info), encoding="utf-8")
        assert process.status(tmp_path) is None
        assert not process.down(tmp_path)
        time.sleep(0.05)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
    assert process.birth(other.pid) == ""


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json", '{"pid": 1}'])
def test_a_spoilt_record_is_no_lab(tmp_path: Path, text: str) -> None:
    (tmp_path / "lab.json").write_text(text, encoding="utf-8")
    assert process.status(tmp_path) is None
    assert not process.down(tmp_path)
