"""Snapshots: a reset world goes on exactly as the first one did."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.lab.seed import Seed
from irkit.lab.server import LabServer
from irkit.lab.world import World as Store
from irkit.model.kube import NAMESPACES, PODS
from tests.support.worlds import World

POLICY: dict[str, Any] = {"metadata": {"generateName": "deny-"}, "spec": {"podSelector": {}}}
STEPS = st.lists(st.sampled_from(["label", "policy", "delete", "edit"]), max_size=5)


def play(world: World, lab: LabServer, steps: list[str]) -> None:
    for step in steps:
        if step == "label":
            world.patch(f"{world.pods}/bare", {"op": "add", "path": "/metadata/labels/n", "value": str(len(steps))})
        elif step == "policy":
            world.ask("POST", world.policies, body=POLICY)
        elif step == "delete":
            world.ask("DELETE", f"{world.pods}/wide", gracePeriodSeconds=0)
        else:
            lab.control.merge("nodes", lab.control.dump()[0]["spec"]["nodeName"], {"metadata": {"labels": {"x": "y"}}})


def without_times(dump: list[dict[str, Any]]) -> str:
    for doc in dump:
        doc["metadata"].pop("managedFields", None)
    return json.dumps(dump, sort_keys=True)


def test_the_same_steps_after_a_reset_make_the_same_world(world: World, lab: LabServer) -> None:
    """uids, resourceVersions and generated names included; only the clock differs."""

    def timeless() -> str:
        dump = lab.control.dump()
        for doc in dump:
            doc["metadata"]["creationTimestamp"] = ""
        return without_times(dump)

    steps = ["policy", "label", "delete", "edit", "policy"]
    play(world, lab, steps)
    first = timeless()
    lab.control.reset()
    assert timeless() != first
    play(world, lab, steps)
    assert timeless() == first


@pytest.mark.timeout(60)
def test_a_reset_undoes_anything(serving: LabServer) -> None:
    @given(STEPS)
    def check(steps: list[str]) -> None:
        serving.control.reset()
        before = json.dumps(serving.control.dump(), sort_keys=True)
        serving.control.snapshot("then")
        store = serving.api.world
        for step in steps:
            with store.lock:
                if step == "delete":
                    serving.control.put(
                        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "n", "namespace": "shop"}}
                    )
                    serving.control.delete("pods", "n", "shop")
                else:
                    serving.control.merge("pods", "bare", {"metadata": {"labels": {step: "x"}}}, "shop")
        serving.control.reset("then")
        assert json.dumps(serving.control.dump(), sort_keys=True) == before

    check()


def test_every_write_is_a_new_version_of_its_own(world: World) -> None:
    seen = []
    for number in range(3):
        answer = world.patch(f"{world.pods}/bare", {"op": "add", "path": "/metadata/labels/n", "value": str(number)})
        seen.append(int(answer.doc["metadata"]["resourceVersion"]))
    assert seen == sorted(set(seen))
    created = world.ask("POST", world.policies, body=POLICY).doc["metadata"]
    assert int(created["resourceVersion"]) > seen[-1]


def test_a_world_is_the_same_for_the_same_seed_and_not_for_another(seed: Seed) -> None:
    def uids(number: int) -> list[str]:
        docs = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("a", "b")]
        return [doc["metadata"]["uid"] for doc in Store(number, docs).dump()]

    assert uids(1) == uids(1)
    assert not set(uids(1)) & set(uids(2))
    assert len(set(uids(1))) == 2


def test_what_was_there_from_the_start_has_its_makers(lab: LabServer) -> None:
    managers = {}
    for doc in lab.control.dump():
        meta = doc["metadata"]
        managers[doc["kind"], meta["name"].split("-")[0]] = [
            (each["manager"], each.get("subresource", "")) for each in meta["managedFields"]
        ]
        assert {each["time"] for each in meta["managedFields"]} <= {meta["creationTimestamp"]}
    assert managers["Pod", "bare"] == [("kubectl-create", ""), ("kubelet", "status")]
    assert managers["Pod", "web"] == [("kube-controller-manager", ""), ("kubelet", "status")]
    assert managers["Service", "web"] == [("kubectl-create", ""), ("kube-controller-manager", "status")]
    assert managers["ConfigMap", "settings"] == [("kubectl-create", "")]


def test_what_was_handed_in_stays_the_callers(seed: Seed) -> None:
    doc = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}
    store = Store(1, [doc])
    assert doc == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}
    entry = store.get(NAMESPACES, "", "a")
    assert entry is not None
    entry.copy()["metadata"]["name"] = "b"
    assert store.get(NAMESPACES, "", "a") is entry
    assert entry.doc["metadata"]["name"] == "a"


def test_a_dying_pod_that_was_replaced_is_not_buried() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n"}}
    store = Store(1, [pod])
    entry = store.get(PODS, "n", "a")
    assert entry is not None
    store.let_die(PODS, entry, 0)
    store.remove(PODS, "n", "a")
    store.put(PODS, {**pod, "metadata": {**pod["metadata"], "uid": "another"}})  # type: ignore[dict-item]
    store.bury()
    assert store.get(PODS, "n", "a") is not None
