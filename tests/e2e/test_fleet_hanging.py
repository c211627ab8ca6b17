"""Many pods of which more hang than irkit has threads: evidence that nobody gets holds up no containment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from irkit.app import clock
from irkit.app.runs import Ask
from irkit.engine.guard import Limits
from irkit.engine.perform import Closed
from irkit.lab import process
from irkit.model.refs import ClusterRef, NamespaceRef
from tests.e2e.plays import by_step
from tests.e2e.stage import Stage
from tests.support.moments import held
from tests.support.shop import shop

pytestmark = [pytest.mark.timeout(180), pytest.mark.e2e]

MANY = 20
"""More than a run has threads for a cluster."""
BOOK = """\
apiVersion: irkit.dev/v1alpha1
kind: Playbook
metadata: {name: hanging, title: Keep and mark all pods of a namespace}
spec:
  inputs: {namespace: {type: namespace}}
  steps:
    - {id: scope, uses: kube.scope_namespace, with: {namespace: "${inputs.namespace}"}}
    - id: baseline
      uses: kube.export_objects
      needs: [scope]
      for_each: ${steps.scope.pods}
      timeout: 1s
      on_failure: continue
      with: {pod: "${item}"}
    - id: label
      uses: kube.label_pod
      needs: [baseline]
      for_each: ${steps.scope.pods}
      timeout: 25s
      with: {pod: "${item}"}
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Stage]:
    folder = tmp_path / "lab"
    info = process.up(folder, shop(replicas=MANY - 1))
    try:
        with info.control() as control:
            yield Stage(info, control, tmp_path / "state", limits=Limits(max_targets=MANY))
            assert [] == control.unserved()
    finally:
        process.down(folder)


def test_looks_that_hang_take_no_thread_from_what_comes_after_them(fleet: Stage) -> None:
    (uid,) = [
        one["metadata"]["uid"]
        for one in fleet.control.dump()
        if one["kind"] == "Namespace" and one["metadata"]["name"] == "shop"
    ]
    target = NamespaceRef(cluster=ClusterRef(id=fleet.lab.cluster), name="shop", uid=uid)
    app = fleet.app(read_seconds=60)
    asked = Ask(target, BOOK.encode(), "hanging.yaml", {"namespace": target.dump()}, clock.now())

    with held(fleet.control, verb="list", resource="events", count=0):
        end = fleet.advance(app.open_run(asked), app)

    assert isinstance(end, Closed)
    assert by_step(end.run) == {"scope": {"proven"}, "baseline": {"failed"}, "label": {"proven"}}
