"""One next step, for the reason that there is: never the same for all, and always something that can be typed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

import irkit
from irkit.actions.catalog import Catalog
from irkit.model import records as r
from irkit.model.base import Json
from irkit.model.playbooks import Expr, Input, Playbook, Step
from irkit.model.refs import ImageRef, NamespaceRef, NodeRef, ServiceAccountRef, TargetRef, WorkloadRef
from irkit.views.advice import (
    CAME_THROUGH,
    CHANGED,
    NO_TOOLS,
    OTHER_NAMES,
    UNENFORCED,
    UNTRIED,
    Advice,
    advice_lines,
    advise,
    again_command,
)
from irkit.views.final import final_screen
from irkit.views.outcome import lead
from irkit.views.terminal import cells, paint
from tests.support.screens import CASE, CLUSTER, POD, asked, case_file, closed, ended, parked, records

IRKIT_SOURCE = Path(irkit.__file__).parent
IRKIT = "irkit --state x"
STEPS = (
    ("block", "kube.block_image"), ("isolate", "kube.isolate_pod"), ("cut", "kube.cut_connections"),
    ("probe", "kube.probe_pod"),
)  # fmt: skip
BOOK = Playbook(
    name="compromised-pod", title="x", inputs=(),
    steps=tuple(Step(id=name, uses=uses, arguments={}) for name, uses in STEPS),
)  # fmt: skip
REST = [closed(name, "proven") for name, _ in STEPS]
AGAIN = f"{IRKIT} contain pod shop/web-1"


def advice(folder: Path, *bodies: r.AnyBody, book: Playbook = BOOK, done: bool = True, mode: Any = "apply") -> Any:
    case, _ = case_file(folder, book, [*bodies, *([ended("partial")] if done else [])], mode=mode)
    case.catalog = Catalog.builtin()
    view = case.view(case.state.runs["r1"])
    return advise(case, view, lead(view), IRKIT)


def but(name: str, status: str, why: str, hint: str = "") -> list[r.AnyBody]:
    """Everything is proven but this."""
    return [closed(name, status, why, hint=hint) if one.step == name else one for one in REST]


@pytest.mark.parametrize(
    ("name", "status", "why", "text", "command"),
    [
        ("isolate", "leaky", "allow-web: ingress from anywhere on 8080/TCP", "allow-web still lets traffic", AGAIN),
        ("isolate", "leaky", "allow-web (by pod web-2): egress to 10.0.0.0/8 on any port", "allow-web still", AGAIN),
        ("isolate", "leaky", "somebody changed it since: the label is gone", "audit log says who", AGAIN),
        ("isolate", "leaky", "nothing enforces the policy: VPC CNI", "not enforced here", f"{IRKIT} doctor"),
        ("isolate", "leaky", "connections came through: 8080/TCP", "no policy shows", f"{IRKIT} doctor"),
        ("isolate", "leaky", "a way that nobody thought of", "a way that nobody thought of", f"{IRKIT} check {CASE}"),
        ("cut", "leaky", "2 of 5 TCP connections are still open", "live on", AGAIN),
        ("block", "leaky", "running pods name the same image otherwise: web:1", "deny the tag as well",
         f"{AGAIN} -i by_tag=true"),
        ("probe", "unproven", "no image of irkit's tools is configured (inputs: tools_image in irkit.yaml)", "inputs: {tools_image: IMAGE} in irkit.yaml", f"{AGAIN} -i tools_image=IMAGE"),
        ("isolate", "unproven", "nobody tried a connection (kube.probe_pod does); seen: x", "nobody tried it",
         f"{IRKIT} doctor"),
        ("block", "unproven", "read back: the policy is in place", "no pod tried", f"{IRKIT} check {CASE}"),
        ("isolate", "unproven", "ingress was not tried: the pod declares no TCP port", "Look yourself",
         f"{IRKIT} note {CASE} 'WHAT YOU SAW'"),
        ("isolate", "failed", "no answer within 60 s", "isolate is failed: no answer within 60 s; then", AGAIN),
        ("isolate", "skipped", "label failed", "isolate is skipped: label failed", AGAIN),
    ],
)  # fmt: skip
def test_each_reason_has_its_own_remedy(  # noqa: PLR0917 -- a row of the table
    tmp_path: Path, name: str, status: str, why: str, text: str, command: str
) -> None:
    found = advice(tmp_path, *but(name, status, why))
    assert text in found.text
    assert found.command == command


@pytest.mark.parametrize("words", [NO_TOOLS, UNTRIED, CHANGED, UNENFORCED, CAME_THROUGH, OTHER_NAMES])
def test_what_is_recognised_is_what_irkit_says(words: str) -> None:
    """Whoever says it in other words says so here as well."""
    said = [path for part in ("actions", "engine") for path in (IRKIT_SOURCE / part).rglob("*.py")]
    assert any(words in path.read_text() for path in said)


def test_what_an_action_says_to_do_comes_before_what_is_guessed(tmp_path: Path) -> None:
    found = advice(tmp_path, *but("isolate", "refused", "12 targets", "raise it with --max-targets 12"))
    assert found == Advice("raise it with --max-targets 12; then the same command again", f"{AGAIN} --max-targets 12")


def test_people_and_credentials_come_first(tmp_path: Path) -> None:
    found = advice(tmp_path, *REST[:2], asked("cut"), parked("probe", hint="log in"), done=False)
    assert (found.command, "cut waits for a second person, who is not ada") == (
        f"{IRKIT} approve {CASE} cut",
        found.text,
    )
    found = advice(tmp_path / "b", *REST[:3], parked("probe", hint="log in"), done=False)
    assert found == Advice("log in", f"{IRKIT} resume {CASE}")


def test_a_run_that_is_open_is_gone_on_with(tmp_path: Path) -> None:
    assert advice(tmp_path, *REST[:1], done=False).command == f"{IRKIT} resume {CASE}"


def test_what_keeps_a_run_open_is_named_not_what_has_ended(tmp_path: Path) -> None:
    """An isolation that has ended unproven waits for the probe: it is the probe that has not ended."""
    bodies = [closed("block", "proven"), closed("isolate", "unproven", "nobody tried a connection")]
    found = advice(tmp_path, *bodies, done=False)
    assert found.text == "cut, probe have not ended: go on with the run"
    found = advice(tmp_path / "b", *bodies, closed("cut", "proven"), done=False)
    assert found.text == "probe has not ended: go on with the run"
    assert (
        advice(tmp_path / "c", done=False).text == "block, isolate, cut and 1 more have not ended: go on with the run"
    )
    found = advice(tmp_path / "d", *bodies, closed("cut", "proven"), closed("probe", "proven"), done=False)
    assert found.text == "The run has not ended: go on with the run"


def test_a_policy_that_was_seen_is_named_though_the_try_named_addresses(tmp_path: Path) -> None:
    came = "connections came through: 10.244.1.48:8080"
    seen = closed("isolate", "leaky", "allow-all: ingress from anywhere on any port; allow-all: egress to anywhere")
    found = advice(tmp_path, seen, *but("isolate", "leaky", came))
    assert found == Advice(
        "Policies add up: allow-all still lets traffic through. Change or remove it, then the same command again", AGAIN
    )
    other = seen.model_copy(update={"step": "block"})
    assert "no policy shows" in advice(tmp_path / "b", other, *but("isolate", "leaky", came)).text


def test_the_worst_reason_is_the_one_that_is_answered(tmp_path: Path) -> None:
    bodies = [closed("block", "unproven", "x"), closed("isolate", "leaky", "allow-web: ingress from anywhere on any port"),
              closed("cut", "proven"), closed("probe", "skipped")]  # fmt: skip
    assert "allow-web" in advice(tmp_path, *bodies).text


def test_nothing_is_left_to_do_where_all_is_well(tmp_path: Path) -> None:
    assert advice(tmp_path, *REST) is None
    assert advice_lines(None) == []
    case, _ = case_file(tmp_path / "b", BOOK, [*REST, ended()])
    assert "→" not in paint(final_screen(case, case.view(case.state.runs["r1"])), colour=False)


def test_an_undo_that_stopped_says_why(tmp_path: Path) -> None:
    found = advice(tmp_path, *but("isolate", "failed", "no answer", "settle it"), mode="undo")
    assert found == Advice("settle it", f"{IRKIT} undo {CASE}")


def test_it_stands_under_the_first_words_and_fits(tmp_path: Path) -> None:
    case, view = case_file(
        tmp_path, BOOK, [*but("isolate", "leaky", "allow-web: ingress from anywhere on any port"), ended()]
    )
    case.catalog = Catalog.builtin()
    view = case.view(view.run)
    lines = paint(final_screen(case, view, irkit=IRKIT), colour=False).splitlines()
    assert lines[1].startswith("NOT CONTAINED")
    assert lines[2].startswith("  → Policies add up: allow-web")
    assert f"    {AGAIN}" in lines[:6]
    assert max(map(cells, lines)) <= 80


# -- the command again -----------------------------------------------------------------------------------


def again(folder: Path, target: TargetRef, name: str, inputs: dict[str, Any] | None = None) -> str:
    declared = (
        Input(name="by_tag", type="boolean", default=False, required=False),
        Input(name="why", type="text", default="", required=False),
        Input(name="tools_image", type="text", default="", required=False),
    )
    case, view = case_file(folder, BOOK.model_copy(update={"name": name, "inputs": declared}))
    case.state.target = target
    view.run.inputs.update(inputs or {})
    view.run.name = name
    return again_command(case, view)


@pytest.mark.parametrize(
    ("target", "name", "command"),
    [
        (POD, "compromised-pod", "irkit contain pod shop/web-1"),
        (POD, "suspicious-exec", "irkit contain pod shop/web-1 --playbook suspicious-exec"),
        (POD, "our-own", "irkit contain pod shop/web-1 --playbook FILE"),
        (NodeRef(cluster=CLUSTER, name="n-1"), "node-suspect", "irkit contain node n-1"),
        (ServiceAccountRef(cluster=CLUSTER, namespace="shop", name="web"), "compromised-serviceaccount",
         "irkit contain serviceaccount shop/web"),
        (WorkloadRef(cluster=CLUSTER, namespace="shop", name="web", type="StatefulSet"), "exposed-dashboard",
         "irkit contain workload statefulset/shop/web"),
        (ImageRef(cluster=CLUSTER, name="r.test/web:1", uid="a" * 64), "malicious-image",
         f"irkit contain image r.test/web:1@sha256:{'a' * 64}"),
        (NamespaceRef(cluster=CLUSTER, name="shop"), "ours", "irkit plan ours"),
    ],
)  # fmt: skip
def test_the_same_command_is_typed_as_it_was(tmp_path: Path, target: TargetRef, name: str, command: str) -> None:
    assert again(tmp_path, target, name) == command


def test_inputs_that_were_chosen_are_typed_again_and_quoted(tmp_path: Path) -> None:
    command = again(
        tmp_path, POD, "compromised-pod", {"by_tag": True, "why": "it's $(here)", "tools_image": "configured:1"}
    )
    words = shlex.split(command)
    assert words[4:] == ["-i", "by_tag=true", "-i", "why=it's $(here)"]


def test_a_crowd_that_ended_alike_is_one_row(tmp_path: Path) -> None:
    step = Step(id="isolate", uses="test.contain", arguments={}, for_each=Expr(expr=("inputs", "pods")))
    case, view = case_file(tmp_path, BOOK.model_copy(update={"steps": (step,)}))
    keys = tuple(f"isolate[u-{number}]" for number in range(12))
    items: tuple[Json, ...] = tuple(
        {"kind": "Pod", "namespace": "shop", "name": f"web-{number}"} for number in range(12)
    )
    view.run.children["isolate"] = keys
    view.run.items.update(zip(keys, items, strict=True))
    same = [closed(key, "leaky", "allow-web: ingress from anywhere on any port") for key in keys[:11]]
    case.hear(records([*same, closed(keys[11], "leaky", "another reason"), ended("partial")], start=2))
    shown = " ".join(paint(final_screen(case, case.view(view.run)), colour=False).split())
    assert "isolate 11 pods of shop: web-0, web-1, web-2, +8: leaky: allow-web" in shown
    assert "isolate shop/web-11: leaky: another reason" in shown
