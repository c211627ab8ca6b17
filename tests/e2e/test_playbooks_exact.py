"""Shipped playbooks and their undo under exactly the RBAC that irkit writes for them: nothing is denied."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import pytest

from irkit.actions.catalog import Catalog
from irkit.engine.perform import Closed
from irkit.engine.preflight import grants
from irkit.lab.auth import DEFAULT, Identity
from irkit.model.refs import ImageRef, NodeRef, ServiceAccountRef, WorkloadRef
from irkit.playbook import load_playbook, shipped
from irkit.views.permissions import Subject, rbac_objects
from tests.e2e.plays import Play, cluster, make_probeable
from tests.e2e.stage import Stage, verdicts

pytestmark = [pytest.mark.timeout(180), pytest.mark.e2e]
USER = "exact"


def play(stage: Stage, book: str) -> Play:
    """The playbook about something of the shop."""
    ours, home = stage.pods[0], cluster(stage)
    found = stage.control.get("pods", ours.name, "shop")
    assert found is not None
    kinds: dict[str, Callable[[], Play]] = {
        "compromised-serviceaccount": lambda: Play(
            stage, book, "service_account", ServiceAccountRef(cluster=home, namespace="shop", name="default")
        ),
        "exposed-dashboard": lambda: Play(
            stage, book, "workload", WorkloadRef(cluster=home, namespace="shop", name="web", type="Deployment")
        ),
        "malicious-image": lambda: Play(stage, book, "image", ImageRef(cluster=home, name="web:1")),
        "node-suspect": lambda: Play(stage, book, "node", NodeRef(cluster=home, name=found["spec"]["nodeName"])),
        "suspicious-exec": lambda: Play(stage, book, "pod", ours),
        "compromised-pod": lambda: Play(stage, book, "pod", ours),
    }
    return kinds[book]()


@pytest.fixture
def exact(stage: Stage) -> Iterator[Callable[..., None]]:
    """Makes the responder hold the RBAC objects of one playbook and nothing else."""
    make_probeable(stage)

    def hold(book: str, namespace: str = "") -> None:
        known = Catalog.builtin()
        found = grants([load_playbook(*shipped.load(book), known)], known)
        for doc in rbac_objects(found, "irkit-test", Subject("User", USER), namespace):
            stage.control.put(copy.deepcopy(doc))
        stage.control.add_token("responder", Identity(user=USER))

    yield hold
    stage.control.add_token("responder", DEFAULT["responder"])


@pytest.mark.parametrize("book", shipped.names())
def test_nothing_is_denied_and_no_secret_is_read(book: str, stage: Stage, exact: Callable[..., None]) -> None:
    asked = play(stage, book)
    given = asked.ask()  # looked up by whoever is at the keyboard; a run needs no more than the playbook does
    exact(book)

    ticket = stage.app().open_run(given)
    end = stage.advance(ticket)

    assert isinstance(end, Closed)
    assert "failed" not in verdicts(end.run).values()
    assert "failed" not in verdicts(asked.undo(ticket.case)).values()
    audit = stage.control.audit()
    assert [(one["verb"], one["resource"]) for one in audit if one["code"] == 403] == []
    assert [one for one in audit if one["resource"] == "secrets" and one["verb"] == "get"] == []


@pytest.mark.parametrize("book", shipped.names())
def test_in_one_namespace_what_is_clusterwide_is_granted_and_nothing_else_there(
    book: str, stage: Stage, exact: Callable[..., None]
) -> None:
    asked = play(stage, book)
    given = asked.ask()
    exact(book, "shop")

    ticket = stage.app().open_run(given)
    end = stage.advance(ticket)

    assert isinstance(end, Closed)
    denied = {(one["verb"], one["resource"], one["namespace"]) for one in stage.control.audit() if one["code"] == 403}
    failed = {key.partition("[")[0] for key, verdict in verdicts(end.run).items() if verdict == "failed"}
    if book == "node-suspect":  # a node has pods of other namespaces: they are named, and hold nothing up
        assert (failed, denied) == ({"baseline"}, {("get", "pods", "kube-system")})
    else:
        assert (failed, denied) == (set(), set())
    listed = {(one["namespace"], one["code"]) for one in stage.control.audit() if one["verb"] == "list"
              and one["resource"] == "pods"}  # fmt: skip
    assert ("kube-system", 200) in listed  # whether an agent of the VPC CNI was started again is seen here too
    assert "failed" not in verdicts(asked.undo(ticket.case)).values()
