"""The main job, as a user types it: finding in, contained, verified, undone. Every process is a real one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from irkit.cli.program import run
from irkit.lab import process
from irkit.lab.drills import HERE
from irkit.lab.drills.trials import Attacker, Way
from irkit.lab.remote import LabControl

pytestmark = [pytest.mark.timeout(180), pytest.mark.e2e]
ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "findings" / "eksblueprints_privileged_container.getfindings.json"
FINDING = HERE / "compromised-pod" / "finding.json"
CASE = re.compile(r"IR-\d{8}-[a-z2-9]{4}")


@dataclass(slots=True)
class User:
    """Somebody at a shell that is no terminal."""

    home: Path
    config: str = ""

    def type(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8",
            "USER": "ana", "COLUMNS": "80",
        }  # fmt: skip
        if self.config:
            env["IRKIT_CONFIG"] = self.config
        return subprocess.run(
            [sys.executable, "-m", "irkit", *words], env=env, cwd=self.home, input=stdin, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip

    def lab(self, *words: str) -> LabControl:
        """`eval "$(irkit lab up …)"`."""
        up = self.type("lab", "up", *words)
        assert up.returncode == 0, up.stderr
        found = re.fullmatch(r"export IRKIT_CONFIG=(\S+)\n", up.stdout)
        assert found
        self.config = found[1]
        info = process.status(Path(self.config).parent)
        assert info is not None
        return info.control()


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    person = User(tmp_path)
    try:
        yield person
    finally:
        if person.config:
            process.down(Path(person.config).parent)


def respond_and_undo(user: User, finding: Path, status: int, last: str) -> None:
    with user.lab("--from", str(finding)) as control:
        before = {_name(doc): _plain(doc) for doc in control.dump()}
        done = user.type("respond", str(finding), "--yes")
        assert done.returncode == status, done.stderr + done.stdout
        assert last in done.stdout
        assert done.stdout.startswith("LAB")
        case = CASE.findall(done.stdout)[0]
        assert case in user.type("status").stdout
        assert user.type("verify", case).returncode == 0
        undone = user.type("undo", case, "--yes")
        assert undone.returncode == 0, undone.stderr + undone.stdout
        assert "will not be contained any more by kube.isolate_pod" in " ".join(undone.stdout.split())
        assert user.type("verify", case).returncode == 0
        assert before == {_name(doc): _plain(doc) for doc in control.dump()}
        assert [] == control.unserved()


def test_the_shipped_finding_from_end_to_end(user: User) -> None:
    """One of three pods that serve: it is cut off, and that is proven."""
    respond_and_undo(user, FINDING, 0, "Contained in ")


def test_the_real_finding_from_end_to_end(user: User) -> None:
    if not REAL.exists():
        pytest.skip(f"no {REAL.name} beside the checkout")
    """A pod alone, which declares no port: nobody could see whether it is reached."""
    respond_and_undo(user, REAL, 4, "CONTAINMENT UNPROVEN")


def test_the_drill_ends_as_it_should(user: User) -> None:
    done = user.type("drill", "run", "compromised-pod", "--folder", str(user.home / "drill"))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "as expected" in done.stdout
    assert "0 steps told as done that were not" in done.stdout
    report = (user.home / "drill" / "report.html").read_text()
    assert "Contained in " in report
    assert process.status(user.home / "drill") is None  # the lab is down


def pasted(user: User, shown: str) -> list[subprocess.CompletedProcess[str]]:
    """Every command that was printed, as somebody pastes them into one shell, in order."""
    found = []
    for line in shown.splitlines():
        words = line.split()
        if words[:1] in (["Next"], ["End"]):
            words = words[1:] if words[0] == "Next" else words[2:]
        if words[:1] == ["export"]:
            user.config = words[1].partition("=")[2]
        elif words and words[0].rpartition("/")[2] == "irkit":
            found.append(user.type(*words[1:]))
    return found


def test_what_a_drill_prints_works_when_it_is_pasted(user: User) -> None:
    """And an undo in the world that is gone says why, and what to type."""
    done = user.type("drill", "run", "compromised-pod", "--folder", str(user.home / "drill"))
    first, judged = done.stdout.split("DRILL compromised-pod")
    assert "irkit undo" not in first
    results = pasted(user, judged.partition("World ")[0])
    assert [0, 0] == [one.returncode for one in results]
    undo = user.type("undo", CASE.findall(judged)[0])
    assert undo.returncode == 3
    assert "its world is gone: it was that of the drill compromised-pod" in " ".join(undo.stderr.split())
    assert "drill run compromised-pod --keep" in undo.stderr


def test_a_drill_may_keep_its_world(user: User) -> None:
    folder = user.home / "drill"
    done = user.type("drill", "run", "compromised-pod", "--keep", "--folder", str(folder))
    try:
        assert process.status(folder) is not None
        results = pasted(user, done.stdout.rpartition("DRILL compromised-pod")[2])
        assert [0, 0, 3, 0] == [one.returncode for one in results]  # verify, status, undo (planned only), lab down
        assert process.status(folder) is None
    finally:
        process.down(folder)


def test_a_drill_goes_where_the_state_is(user: User) -> None:
    done = user.type("drill", "run", "compromised-pod", "--state", str(user.home / "mine"))
    assert done.returncode == 0, done.stderr
    (report,) = (user.home / "mine" / "drills").glob("*/report.html")
    assert str(report) in done.stdout
    assert not (user.home / ".local").exists()
    results = pasted(user, done.stdout.rpartition("DRILL compromised-pod")[2].partition("World ")[0])
    assert [0, 0] == [one.returncode for one in results]


def test_each_drill_is_a_case_of_its_own(user: User) -> None:
    """Both are about the same pod of the same cluster, and the second world knows nothing of the first."""
    done = [user.type("drill", "run", "compromised-pod", "--state", str(user.home / "mine")) for _ in range(2)]
    assert [0, 0] == [one.returncode for one in done], done[1].stdout + done[1].stderr
    first, second = (set(CASE.findall(one.stdout)) for one in done)
    assert (1, 1, False) == (len(first), len(second), first == second)


def test_a_drill_is_judged_by_what_an_attacker_still_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[bool] = []
    works = Attacker.works

    def stubborn(self: Attacker, ways: Collection[Way]) -> frozenset[Way]:
        seen.append(True)
        return works(self, ways) if len(seen) == 1 else frozenset({"keep its shell"})

    monkeypatch.setattr(Attacker, "works", stubborn)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert 4 == run(["drill", "run", "compromised-pod", "--folder", str(tmp_path / "drill")])
    shown = capsys.readouterr().out
    assert "cut: an attacker can still keep its shell" in shown
    assert "1 step told as done that were not" in shown


def test_a_plan_writes_nothing(user: User) -> None:
    with user.lab("--from", str(FINDING)) as control:
        before = control.dump()
        planned = user.type("plan", "--finding", str(FINDING))
        assert planned.returncode == 0, planned.stderr
        assert "made no write" in planned.stdout
        asked = user.type("respond", str(FINDING))  # no terminal and no --yes: it plans and stops
        assert asked.returncode == 3
        assert before == control.dump()
        writes = [
            one for one in control.audit() if one["verb"] not in {"get", "list"} and "review" not in one["resource"]
        ]
        assert [] == writes
        assert not (Path(user.config).parent / "state" / "cases").exists()


def test_an_arn_never_resolves_to_a_lab_by_itself(user: User) -> None:
    with user.lab("--from", str(FINDING)):
        config, user.config = user.config, ""
        done = user.type("respond", str(FINDING), "--yes")
        user.config = config
        assert done.returncode in {2, 3}
        assert "prod-eu" in done.stderr


def test_the_report_of_a_case_stands_alone(user: User) -> None:
    with user.lab("--from", str(FINDING)):
        case = CASE.findall(user.type("respond", str(FINDING), "--yes").stdout)[0]
        for form in ("html", "md", "json"):
            assert 0 == user.type("report", case, "-o", f"report.{form}").returncode
        html = (user.home / "report.html").read_text()
        assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", html)
        assert "<script" not in html
        assert case == json.loads((user.home / "report.json").read_text())["case"]["id"]


CANARIES = ("canary-env-77f3", "canary-annotation-2c9d", "canary-applied-6b1a", "canary-finding-90ee")


def test_secrets_stay_where_they_were(user: User) -> None:
    """Canaries in env, annotations and the finding; the control shows that irkit's own reads did hold them."""
    finding = json.loads(FINDING.read_text())
    finding["detail"]["service"].setdefault("additionalInfo", {})["value"] = json.dumps({"token": CANARIES[3]})
    path = user.home / "finding.json"
    path.write_text(json.dumps(finding))
    with user.lab("--from", str(path)) as control:
        pod = next(doc for doc in control.dump() if doc["metadata"]["name"] == "web-6c9f7d8b5-x2x4p")
        pod["spec"]["containers"][0]["env"] = [{"name": "API_KEY", "value": CANARIES[0]}]
        pod["metadata"].setdefault("annotations", {}).update(
            {"note": CANARIES[1], "kubectl.kubernetes.io/last-applied-configuration": CANARIES[2]}
        )
        control.put(pod)
        raw = json.dumps(control.get("pods", pod["metadata"]["name"], "shop"))
        assert all(canary in raw for canary in CANARIES[:3])
        seen = [user.type("respond", str(path), "--yes")]
        case = CASE.findall(seen[0].stdout)[0]
        seen.extend(user.type("report", case, "-o", f"report.{form}") for form in ("html", "md", "json"))
        seen.extend(user.type(verb, case) for verb in ("status", "verify"))
        seen.append(user.type("--json", "undo", case, "--yes"))
        reads = [one for one in control.audit() if one["verb"] == "get" and one["name"] == pod["metadata"]["name"]]
        assert reads  # so irkit's own answers held the canaries
    told = "".join(one.stdout + one.stderr for one in seen)
    folder = Path(user.config).parent / "state" / "cases" / case
    places = {str(p): p.read_bytes() for p in (*folder.rglob("*"), *user.home.glob("report.*")) if p.is_file()}
    kept = [name for name in places if "/artefacts/findings/" in name and "manifest" not in name]
    assert 1 == len(kept)
    assert CANARIES[3].encode() in places[kept[0]]  # the finding as received is evidence, for its owner only
    assert 0o600 == os.stat(kept[0]).st_mode & 0o777  # noqa: PTH116 -- the mode bits are the point
    for canary in CANARIES:
        assert canary not in told
        held = [name for name, data in places.items() if canary.encode() in data and name not in kept]
        if canary == CANARIES[1]:  # annotations are evidence: the artefact of the objects keeps them
            held = [name for name in held if "/artefacts/objects/" not in name]
        assert [] == held


def _name(doc: Any) -> str:
    return f"{doc['kind']} {doc['metadata'].get('namespace', '')}/{doc['metadata']['name']}"


def _plain(doc: Any) -> Any:
    copy = json.loads(json.dumps(doc))
    for key in ("managedFields", "resourceVersion", "generation"):
        copy["metadata"].pop(key, None)
    for key in ("labels", "annotations"):
        if not copy["metadata"].get(key):
            copy["metadata"].pop(key, None)
    return copy
