"""What a run's identity is asked to be allowed: what these inputs need of the playbook, and no less."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from irkit.actions.catalog import Catalog
from irkit.app.asks import Ask
from irkit.app.cases import Cases
from irkit.app.clusters import look_around
from irkit.app.preflight import permissions
from irkit.errors import Refused
from irkit.model.base import Json
from irkit.model.effects import Access
from irkit.model.playbooks import Playbook
from irkit.model.refs import ClusterRef, PodRef
from irkit.playbook import load_playbook

POD = PodRef(cluster=ClusterRef(id="context:test"), namespace="shop", name="web-1", uid="u-1")
PATCH = ("patch pods", "shop")
BOOK = """\
apiVersion: irkit.dev/v1alpha1
kind: Playbook
metadata: {name: book, title: Book}
spec:
  inputs:
    pod: {type: pod, description: the pod}
    mark: {type: boolean, description: whether to mark it, default: true}
    note: {type: text, description: something, required: false}
  steps:
    - {id: scope, uses: kube.scope_pod, with: {pod: "${inputs.pod}"}}
    - {id: label, uses: kube.label_pod, needs: [scope], when: WHEN, with: {pod: "${inputs.pod}"}}
"""


class Api:
    """Answers reviews, from any thread."""

    def __init__(self, denied: str = "") -> None:
        self.denied = denied
        self.asked: list[tuple[str, str]] = []
        self.guard = threading.Lock()

    @property
    def reader(self) -> Api:
        return self

    def access(self, wanted: Access, namespace: str = "", name: str = "") -> bool:
        assert name in {"", "kube-system"}
        with self.guard:
            self.asked.append((str(wanted), namespace))
        return str(wanted) != self.denied


def book(when: str, catalog: Catalog) -> Playbook:
    return load_playbook(BOOK.replace("WHEN", f'"{when}"').encode(), "book.yaml", catalog)


def asked(when: str, inputs: dict[str, Json] | None) -> list[tuple[str, str]]:
    catalog, api = Catalog.builtin(), Api()
    kube: Any = api  # reviews are all that is asked of it
    assert permissions(kube, book(when, catalog), catalog, POD, inputs).missing == ()
    return api.asked


@pytest.mark.parametrize(
    ("when", "inputs", "needed"),
    [
        ("inputs.mark", {"mark": True}, True),
        ("inputs.mark", {"mark": False}, False),
        ("inputs.mark", {}, True),  # its default
        ("inputs.mark", {"mark": None}, True),  # as above: nothing was given
        ("inputs.mark", None, True),  # any run of it, and an undo
        ("!inputs.mark", {}, False),
        ("!inputs.mark", {"mark": None}, False),
        ("inputs.note != null", {}, False),
        ("inputs.note != null", {"note": "x"}, True),
        ("inputs.mark && inputs.note == 'x'", {"note": "y"}, False),
        ("steps.scope.verdict == 'proven'", {}, True),  # nobody knows yet
        ("inputs.mark && steps.scope.verdict == 'proven'", {"mark": True}, True),
    ],
)
def test_steps_that_the_inputs_leave_out_need_nothing(
    when: str, inputs: dict[str, Json] | None, needed: bool
) -> None:  # fmt: skip
    found = asked(when, inputs)

    assert (PATCH in found) is needed
    assert ("get pods", "shop") in found  # the others need what they need
    assert ("get namespaces", "") in found


def test_what_a_left_out_step_lacks_refuses_no_run() -> None:
    catalog = Catalog.builtin()
    kube: Any = Api(denied="patch pods")

    permissions(kube, book("inputs.mark", catalog), catalog, POD, {"mark": False}).check("book")
    with pytest.raises(Refused, match=r"patch pods in shop \(label\)"):
        permissions(kube, book("inputs.mark", catalog), catalog, POD, {"mark": True}).check("book")


class Cluster(Api):
    """One that says what it is, too."""

    def __init__(self, uid: str, denied: str = "") -> None:
        super().__init__(denied)
        self.uid = uid

    def identity(self) -> str:
        return self.uid

    def whoami(self) -> str:
        return "ana"


ELSEWHERE = PodRef(cluster=ClusterRef(id="context:other"), namespace="cart", name="web-1", uid="u-2")


@pytest.mark.parametrize(
    ("when", "here", "there"),
    [
        ("inputs.pod.namespace == 'cart'", False, True),  # each is about its own target
        ("inputs.pod.namespace == 'shop'", True, False),
        ("inputs.other != null", True, False),  # an object of the first cluster is none of the others'
        ("inputs.note == 'x'", True, True),
    ],
)
def test_each_cluster_is_asked_for_what_its_own_steps_need(
    tmp_path: Path, when: str, here: bool, there: bool
) -> None:  # fmt: skip
    catalog = Catalog.builtin()
    first, second = Cluster("k-1"), Cluster("k-2")
    source = BOOK.replace("WHEN", f'"{when}"').replace(
        "  steps:", "    other: {type: pod, description: another, required: false}\n  steps:"
    )
    inputs: dict[str, Json] = {"pod": POD.dump(), "note": "x", "other": POD.model_copy(update={"uid": "u-3"}).dump()}
    ask = Ask(POD, source.encode(), "book.yaml", inputs, "2026-11-21T03:00:00Z", beside=(ELSEWHERE,))
    reach: Any = lambda cluster: first if cluster == POD.cluster else second  # noqa: E731 -- they answer all that is asked

    look_around(reach, Cases(tmp_path), catalog, ask, preflight=True)

    assert (PATCH in first.asked) is here
    assert (("patch pods", "cart") in second.asked) is there


def test_what_the_steps_of_a_further_cluster_lack_there_refuses_the_run(tmp_path: Path) -> None:
    first, second = Cluster("k-1"), Cluster("k-2", denied="patch pods")
    source = BOOK.replace("WHEN", "\"inputs.pod.namespace == 'cart'\"").encode()
    ask = Ask(POD, source, "book.yaml", {"pod": POD.dump()}, "2026-11-21T03:00:00Z", beside=(ELSEWHERE,))
    reach: Any = lambda cluster: first if cluster == POD.cluster else second  # noqa: E731 -- as above

    with pytest.raises(Refused, match=r"context:other: .*patch pods in cart \(label\)"):
        look_around(reach, Cases(tmp_path), Catalog.builtin(), ask, preflight=True)
