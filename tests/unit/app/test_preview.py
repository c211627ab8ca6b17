"""The plan: what it shows of an in-memory world, and that it writes nothing anywhere."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from irkit.app.preview import BESIDE, Preview, preview
from irkit.app.runs import App, Ask, Parts
from irkit.engine.guard import Limits
from irkit.errors import Denied, Unreachable, UsageError
from irkit.model.base import Json
from irkit.model.doc import Doc
from irkit.model.effects import Access, Resource
from irkit.model.kube import PODS, RESOURCES
from irkit.model.plans import Impact
from irkit.model.ports import Listing
from irkit.model.refs import ClusterRef, PodRef
from irkit.views.plan import plan_json, plan_lines
from irkit.views.plan_steps import diff_lines, steps_lines
from irkit.views.terminal import cells, paint
from tests.support.shop import CLUSTER, shop

REF = ClusterRef(id=CLUSTER)
KINDS = {resource.kind: resource for resource in RESOURCES}
BOOK = b"""\
apiVersion: irkit.dev/v1alpha1
kind: Playbook
metadata:
  name: book
  title: Book
spec:
  inputs:
    pod:
      type: pod
      description: the pod
  steps:
    - id: scope
      uses: kube.scope_pod
      with:
        pod: ${inputs.pod}
    - id: label
      uses: kube.label_pod
      needs: [scope]
      with:
        pod: ${inputs.pod}
    - id: isolate
      uses: kube.isolate_pod
      needs: [label]
      with:
        pod: ${inputs.pod}
    - id: mark-node
      uses: kube.label_node
      needs: [scope]
      with:
        node: ${steps.scope.node}
"""


class Memory:
    """A cluster in memory that answers reads. It has no way to write."""

    def __init__(self, denied: tuple[str, ...] = (), blocked: bool = False) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.denied = denied
        self.blocked = blocked
        for one in shop().objects:
            meta = one["metadata"]
            self.objects[KINDS[one["kind"]].plural, meta.get("namespace", ""), meta["name"]] = one

    @property
    def reader(self) -> Memory:
        return self

    def get(self, resource: Resource, name: str, namespace: str = "") -> Doc | None:
        if self.blocked:
            msg = "pods cannot be read"
            raise Denied(msg, verb="get", target="pods")
        found = self.objects.get((resource.plural, namespace, name))
        return Doc(found, f"{resource} {name}") if found else None

    def list(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None) -> Listing:
        items = [
            Doc(one, str(resource))
            for (plural, space, _), one in self.objects.items()
            if plural == resource.plural and namespace in {"", space}
            and all(one["metadata"].get("labels", {}).get(key) == value for key, value in (labels or {}).items())
        ]  # fmt: skip
        return Listing(tuple(items), "1", "2026-11-20T03:00:00Z")

    def list_metadata(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Listing:  # fmt: skip
        return self.list(resource, namespace, labels)

    def access(self, wanted: Access, namespace: str = "", name: str = "") -> bool:
        return str(wanted) not in self.denied

    def identity(self) -> str:
        return "u-1"

    def whoami(self) -> str:
        return "responder"


def pod_of(memory: Memory) -> PodRef:
    meta = next(one["metadata"] for key, one in memory.objects.items() if key[0] == PODS.plural and key[1] == "shop")
    return PodRef(cluster=REF, namespace="shop", name=meta["name"], uid=meta["uid"])


def planned(folder: Path, memory: Memory, source: bytes = BOOK, limits: Limits | None = None) -> Preview:
    app = App(folder, "ada", Parts(connect=lambda _cluster, _agent: memory), limits=limits)  # type: ignore[arg-type, return-value]  # reads only, on purpose
    pod = pod_of(memory)
    inputs: dict[str, Json] = {"pod": pod.dump()}
    return preview(app, Ask(pod, source, "book.yaml", inputs, asked="2026-11-20T03:00:00.000000Z"))


def kinds(found: Preview) -> dict[str, str]:
    return {step.key: step.kind for step in found.steps}


def test_every_step_is_looked_at_and_outputs_feed_later_steps(tmp_path: Path) -> None:
    found = planned(tmp_path, Memory())
    assert kinds(found) == {"scope": "settled", "label": "change", "isolate": "change", "mark-node": "change"}
    by_key = {step.key: step for step in found.steps}
    assert by_key["mark-node"].target.startswith("node ")
    assert [effect.type for effect in by_key["label"].effects] == ["kube"]
    assert any(one.after == "IR-00000000-plan" for one in by_key["label"].fields)
    assert found.case == ""
    assert found.missing == ()


def test_nothing_is_written_here_either(tmp_path: Path) -> None:
    planned(tmp_path, Memory())
    assert list(tmp_path.rglob("*")) == []


def test_the_digest_covers_the_calls(tmp_path: Path) -> None:
    one, same, other = planned(tmp_path, Memory()), planned(tmp_path, Memory()), Memory()
    assert one.digest == same.digest
    pod = pod_of(other)
    other.objects["pods", "shop", pod.name]["metadata"]["labels"]["irkit.dev/case"] = "IR-20260101-aaaa"
    assert planned(tmp_path, other).digest != one.digest


def test_missing_permissions_are_named(tmp_path: Path) -> None:
    found = planned(tmp_path, Memory(denied=("create networkpolicies.networking.k8s.io", "patch nodes")))
    assert {str(one) for one in found.missing} == {"create networkpolicies.networking.k8s.io in shop", "patch nodes"}
    assert "create networkpolicies.networking.k8s.io" in paint(plan_lines(found), colour=False)


class Together(Memory):
    """No look is answered before a permission is asked for, and no permission before a look is on its way."""

    def __init__(self) -> None:
        super().__init__(denied=("patch nodes",))
        self.looking = threading.Event()
        self.asking = threading.Event()
        self.alone = False

    def get(self, resource: Resource, name: str, namespace: str = "") -> Doc | None:
        self.looking.set()
        self.alone |= not self.asking.wait(20)
        return super().get(resource, name, namespace)

    def access(self, wanted: Access, namespace: str = "", name: str = "") -> bool:
        self.asking.set()
        self.alone |= not self.looking.wait(20)
        return super().access(wanted, namespace, name)


def test_permissions_are_asked_beside_the_looks_and_the_plan_is_the_same(tmp_path: Path) -> None:
    memory, one_by_one = Together(), Memory(denied=("patch nodes",))
    one_by_one.objects = memory.objects
    found, alone = planned(tmp_path, memory), planned(tmp_path, one_by_one)
    assert not memory.alone
    assert plan_json(found) == plan_json(alone)
    assert [str(one) for one in found.missing] == ["patch nodes"]


class Mute(Memory):
    """Answers no review."""

    def access(self, wanted: Access, namespace: str = "", name: str = "") -> bool:
        msg = "no connection"
        raise Unreachable(msg)


def test_permissions_that_cannot_be_asked_change_nothing_of_the_steps(tmp_path: Path) -> None:
    mute, memory = Mute(), Memory()
    mute.objects = memory.objects
    found, whole = planned(tmp_path, mute), planned(tmp_path, memory)
    assert (found.missing, found.unchecked) == ((), "no connection")
    assert (found.steps, found.digest, found.standing) == (whole.steps, whole.digest, whole.standing)


def test_steps_that_cannot_be_looked_at_hide_no_missing_permission(tmp_path: Path) -> None:
    found = planned(tmp_path, Memory(denied=("get pods",), blocked=True))
    assert kinds(found)["scope"] == "blocked"
    assert [str(one) for one in found.missing] == ["get pods in shop"]


class Counted(Memory):
    """Counts the permissions that are asked for while none of them is answered. The first look gives them time."""

    def __init__(self) -> None:
        super().__init__()
        self.guard = threading.Condition()
        self.asked = 0
        self.over = threading.Event()

    def get(self, resource: Resource, name: str, namespace: str = "") -> Doc | None:
        with self.guard:
            self.guard.wait_for(lambda: self.asked > BESIDE or self.over.is_set(), 0.5)
            self.over.set()
        return super().get(resource, name, namespace)

    def access(self, wanted: Access, namespace: str = "", name: str = "") -> bool:
        with self.guard:
            self.asked += not self.over.is_set()
            self.guard.notify()
        self.over.wait(20)
        return super().access(wanted, namespace, name)


def test_the_looks_have_not_many_permissions_beside_them(tmp_path: Path) -> None:
    memory = Counted()
    planned(tmp_path, memory)
    assert 1 <= memory.asked <= BESIDE


def test_a_protected_namespace_is_refused_and_its_dependants_skipped(tmp_path: Path) -> None:
    found = planned(tmp_path, Memory(), limits=Limits(protected_namespaces=frozenset({"shop"})))
    assert kinds(found)["label"] == "refused"
    assert [step.key for step in found.refused] == ["label"]
    isolate = next(step for step in found.steps if step.key == "isolate")
    assert isolate.kind == "later"
    assert "`label`, which is refused" in isolate.why


def test_what_cannot_be_looked_at_is_blocked_and_what_needs_it_comes_later(tmp_path: Path) -> None:
    found = planned(tmp_path, Memory(blocked=True))
    assert kinds(found)["scope"] == "blocked"
    mark_node = next(step for step in found.steps if step.key == "mark-node")
    assert (mark_node.kind, mark_node.why) == ("later", "known only after scope")


def test_an_approval_is_announced(tmp_path: Path) -> None:
    source = BOOK.replace(b"      needs: [label]\n", b"      needs: [label]\n      approval: required\n")
    found = planned(tmp_path, Memory(), source)
    assert [step.key for step in found.steps if step.approval] == ["isolate"]
    assert "needs an approval by a second person: the playbook asks for it" in " ".join(
        paint(plan_lines(found), colour=False).split()
    )


ASKED = b"""\
    - id: again
      uses: kube.label_pod
      needs: [label]
      when: %s
      with:
        pod: ${inputs.pod}
"""


@pytest.mark.parametrize(
    ("when", "kind", "why"),
    [
        ('inputs.pod == null && steps.label.verdict == "failed"', "later", "not needed: `when: inputs.pod == null &&"),
        ('inputs.pod != null || steps.label.verdict == "failed"', "change", "pod "),
        ('steps.label.verdict == "failed"', "change", 'only if then `steps.label.verdict == "failed"`: pod '),
    ],
)
def test_a_condition_is_told_as_far_as_it_is_decided(tmp_path: Path, when: str, kind: str, why: str) -> None:
    found = planned(tmp_path, Memory(), BOOK + ASKED % when.encode())
    again = next(step for step in found.steps if step.key == "again")
    assert (again.kind, again.why[: len(why)]) == (kind, why)


def test_what_only_might_be_needed_is_refused_by_nothing_of_now(tmp_path: Path) -> None:
    """The steps before it change what would be in its way: a word such as REFUSED would end the plan's reading."""
    guarded = Limits(protected_namespaces=frozenset({"shop"}))
    steps = BOOK[: BOOK.index(b"    - id: label")] + BOOK[BOOK.index(b"    - id: mark-node") :]
    source = (
        steps.replace(b"mark-node", b"mark") + ASKED.replace(b"[label]", b"[mark]") % b'steps.mark.verdict == "proven"'
    )
    found = planned(tmp_path, Memory(), source, guarded)
    again = next(step for step in found.steps if step.key == "again")
    assert (again.kind, again.hint) == ("later", "")
    assert 'only if then `steps.mark.verdict == "proven"`; as things are now it could not: ' in again.why
    assert found.refused == ()


def test_wrong_inputs_are_a_usage_error(tmp_path: Path) -> None:
    memory = Memory()
    app = App(tmp_path, "ada", Parts(connect=lambda _cluster, _agent: memory))  # type: ignore[arg-type, return-value]  # as above
    with pytest.raises(UsageError, match="pod"):
        preview(app, Ask(pod_of(memory), BOOK, "book.yaml", {}, asked="2026-11-20T03:00:00.000000Z"))


def test_the_screen_fits_and_says_what_stays_unproven(tmp_path: Path) -> None:
    found = planned(tmp_path, Memory())
    text = paint(plan_lines(found), colour=False)
    assert max(cells(line) for line in text.splitlines()) <= 80
    assert "Unproven  isolate" in text
    assert f"{found.digest[:4]} {found.digest[4:8]}" in text
    assert "irkit.dev/case" in paint(diff_lines(found), colour=False)
    assert found.digest in plan_json(found)
    assert "IR-00000000-plan" not in paint(diff_lines(found), colour=False).replace("+ IR-00000000-plan", "")


# -- what a plan says twice, and that it says the same ---------------------------------------------------


def test_two_plans_of_an_unchanged_world_have_one_digest_and_a_changed_one_another(tmp_path: Path) -> None:
    """The bytes of an export differ from one reading to the next, though nothing is decided by them."""
    export = BOOK + b"    - id: baseline\n      uses: kube.export_objects\n      with:\n        pod: ${inputs.pod}\n"
    world = Memory()
    pod = world.objects["pods", "shop", pod_of(world).name]
    first = planned(tmp_path, world, export)
    pod["status"]["message"] = "another minute"
    second = planned(tmp_path, world, export)
    stores = [one for found in (first, second) for step in found.steps for one in step.effects if one.type == "store"]
    assert len({one.sha256 for one in stores}) == 2
    assert first.digest == second.digest
    node = world.objects["nodes", "", pod["spec"]["nodeName"]]
    node["metadata"].setdefault("labels", {})["irkit.dev/case"] = "IR-20260101-aaaa"
    assert planned(tmp_path, world, export).digest != first.digest


def test_the_same_object_patched_by_two_steps_says_why(tmp_path: Path) -> None:
    found = planned(tmp_path, Memory())
    shown = " ".join(paint(steps_lines(found), colour=False).split())
    patch = f"+ patch pods {pod_of(Memory()).path}"
    assert shown.count(patch) == 2
    assert f"{patch} (the change of step label: it is made once)" in shown
    steps = [replace(step, effects=_spoilt(step.effects)) if step.key == "isolate" else step for step in found.steps]
    shown = " ".join(paint(steps_lines(replace(found, steps=tuple(steps))), colour=False).split())
    assert f"{patch} (another change than in step label)" in shown


def _spoilt(effects: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(one.model_copy(update={"body": []}) if one.verb == "patch" else one for one in effects)


def test_containment_says_who_feels_it(tmp_path: Path) -> None:
    found = planned(tmp_path, Memory())
    isolate = next(step for step in found.steps if step.key == "isolate")
    alone = "feels it; nobody else was found who would"
    for impact, said in (((), True), ((Impact(who="Service web", what="waits"),), False)):
        shown = paint(plan_lines(replace(found, steps=(replace(isolate, impact=impact),))), colour=False)
        assert (f"{isolate.target} {alone}" in " ".join(shown.split())) is said


def test_a_diff_shows_no_made_up_case(tmp_path: Path) -> None:
    shown = paint(diff_lines(planned(tmp_path, Memory())), colour=False)
    assert "IR-00000000-plan" not in shown
    assert "+ (new case)" in shown
