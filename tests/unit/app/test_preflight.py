"""What a run's identity is asked to be allowed: what these inputs need of the playbook, and no less."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from irkit.actions.catalog import Catalog
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
