"""One wave looks once: what is asked of the API, and what each step is told."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.clients.snapshot import CROWD, SnapshotReader
from irkit.errors import Denied, IrkitError, Unreachable
from irkit.model.doc import Doc
from irkit.model.effects import Access, Resource
from irkit.model.kube import NODES, PODS, SECRETS, SERVICES
from irkit.model.ports import Listing
from tests.support.kube_objects import item, pod_list
from tests.support.wire import Heard, Say, say, status_object
from tests.unit.clients.conftest import Start


class Cluster:
    """A cluster whose objects may change while it is looked at. Counts what it is asked."""

    def __init__(self, *pods: tuple[str, dict[str, str]]) -> None:
        self.pods = dict(pods)
        self.asked: list[str] = []
        self.fail: dict[str, IrkitError] = {}
        self.gate: threading.Event | None = None
        self._guard = threading.Lock()

    def _note(self, what: str) -> None:
        with self._guard:
            self.asked.append(what)
        if self.gate is not None:
            self.gate.wait(5)
        if (error := self.fail.get(what.partition(" ")[0])) is not None:
            raise error

    def get(self, resource: Resource, name: str, namespace: str = "") -> Doc | None:
        self._note(f"get {resource} {namespace}/{name}")
        return self._doc(name) if name in self.pods else None

    def list(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None) -> Listing:
        self._note(f"list {resource} {namespace} {dict(labels or {})}")
        chosen = [name for name, own in self.pods.items() if (labels or {}).items() <= own.items()]
        return Listing(tuple(self._doc(name) for name in chosen), "7", "now")

    def list_metadata(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Listing:  # fmt: skip
        self._note(f"metadata {resource} {namespace} {dict(labels or {})} {dict(fields or {})}")
        return Listing(tuple(self._doc(name) for name in self.pods), "7", "now")

    def access(self, wanted: Access, namespace: str = "", name: str = "") -> bool:
        self._note(f"access {wanted} {namespace}/{name}")
        return True

    def _doc(self, name: str) -> Doc:
        return Doc({"metadata": {"name": name, "labels": self.pods[name]}}, f"pods {name}")


def _names(listing: Listing) -> list[str]:
    return [one.text("metadata", "name") for one in listing.items]


def test_each_thing_is_asked_for_once() -> None:
    cluster = Cluster(("a", {}))
    reader = SnapshotReader(cluster)

    first, again = reader.get(PODS, "a", "shop"), reader.get(PODS, "a", "shop")
    reader.list(SERVICES, "shop")
    reader.list(SERVICES, "shop")
    reader.access(Access(group="", resource="pods", verb="get"), "shop")
    reader.access(Access(group="", resource="pods", verb="get"), "shop")

    assert first is again
    assert cluster.asked == ["get pods shop/a", "list services shop {}", "access get pods shop/"]


def test_absence_is_remembered_too() -> None:
    cluster = Cluster()
    reader = SnapshotReader(cluster)

    assert reader.get(PODS, "a", "shop") is None
    cluster.pods["a"] = {}
    assert reader.get(PODS, "a", "shop") is None


def test_the_same_name_elsewhere_is_another_object() -> None:
    cluster = Cluster(("a", {}))
    reader = SnapshotReader(cluster)
    reader.get(PODS, "a", "shop")
    reader.get(PODS, "a", "bank")
    reader.get(SERVICES, "a", "shop")

    assert len(cluster.asked) == 3


def test_a_new_wave_looks_anew() -> None:
    cluster = Cluster(("a", {"v": "1"}))
    SnapshotReader(cluster).get(PODS, "a", "shop")
    cluster.pods["a"] = {"v": "2"}

    found = SnapshotReader(cluster).get(PODS, "a", "shop")

    assert found is not None
    assert found.labels("metadata", "labels") == {"v": "2"}


@pytest.mark.parametrize(
    ("crowd", "expected"), [(CROWD - 1, ["get pods shop/a", "get pods shop/b"]), (CROWD, ["list pods shop {}"])]
)
def test_a_crowd_is_served_from_one_list(crowd: int, expected: list[str]) -> None:
    cluster = Cluster(("a", {}), ("b", {}))
    reader = SnapshotReader(cluster, crowd)

    for name in ("a", "b"):
        assert reader.get(PODS, name, "shop") is not None

    assert cluster.asked == expected


def test_in_a_crowd_who_is_not_in_the_list_is_not_there() -> None:
    cluster = Cluster(("a", {}))
    reader = SnapshotReader(cluster, CROWD)

    assert reader.get(PODS, "gone", "shop") is None
    assert cluster.asked == ["list pods shop {}"]


def test_secrets_are_never_read_in_bulk() -> None:
    cluster = Cluster(("a", {}))

    SnapshotReader(cluster, 500).get(SECRETS, "a", "shop")

    assert cluster.asked == ["get secrets shop/a"]


def test_who_may_get_but_not_list_is_served_one_by_one() -> None:
    cluster = Cluster(("a", {}))
    cluster.fail["list"] = Denied("no list")
    reader = SnapshotReader(cluster, CROWD)

    assert reader.get(NODES, "a") is not None
    assert reader.get(NODES, "a") is not None

    assert cluster.asked == ["list nodes  {}", "get nodes /a"]


def test_labels_are_matched_against_a_list_that_is_there() -> None:
    cluster = Cluster(("a", {"app": "web", "x": "1"}), ("b", {"app": "db"}), ("c", {}))
    reader = SnapshotReader(cluster)
    reader.list(PODS, "shop")

    assert _names(reader.list(PODS, "shop", {"app": "web"})) == ["a"]
    assert _names(reader.list(PODS, "shop", {"app": "web", "x": "2"})) == []
    assert _names(reader.list(PODS, "shop", {})) == ["a", "b", "c"]
    assert cluster.asked == ["list pods shop {}"]


def test_without_a_whole_list_the_server_selects() -> None:
    cluster = Cluster(("a", {"app": "web"}))
    reader = SnapshotReader(cluster)

    reader.list(PODS, "shop", {"app": "web"})
    reader.list(PODS, "shop", {"app": "web"})

    assert cluster.asked == ["list pods shop {'app': 'web'}"]


def test_what_was_listed_is_not_asked_for_again() -> None:
    cluster = Cluster(("a", {}))
    reader = SnapshotReader(cluster)
    reader.list(PODS, "shop")

    assert reader.get(PODS, "a", "shop") is not None
    assert cluster.asked == ["list pods shop {}"]


def test_an_error_is_the_waves_answer() -> None:
    cluster = Cluster()
    cluster.fail["get"] = Unreachable("dead")
    reader = SnapshotReader(cluster)

    for _ in range(3):
        with pytest.raises(Unreachable, match="dead"):
            reader.get(PODS, "a", "shop")

    assert len(cluster.asked) == 1


def test_threads_wait_for_the_one_that_asks() -> None:
    cluster = Cluster(("a", {}))
    cluster.gate = threading.Event()
    reader = SnapshotReader(cluster)
    found: list[Doc | None] = []
    threads = [threading.Thread(target=lambda: found.append(reader.get(PODS, "a", "shop"))) for _ in range(12)]
    for thread in threads:
        thread.start()
    cluster.gate.set()
    for thread in threads:
        thread.join()

    assert len(cluster.asked) == 1
    assert len(set(map(id, found))) == 1


_LABELS = st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=3)


@given(st.lists(_LABELS, max_size=6), _LABELS)
def test_local_selection_is_what_the_server_would_have_selected(
    pods: list[dict[str, str]], wanted: dict[str, str]
) -> None:
    cluster = Cluster(*((f"p{index}", labels) for index, labels in enumerate(pods)))
    whole = SnapshotReader(cluster)
    whole.list(PODS, "shop")

    assert _names(whole.list(PODS, "shop", wanted)) == _names(cluster.list(PODS, "shop", wanted))


def test_five_hundred_looks_are_one_list_over_the_wire(start: Start) -> None:
    names = [f"p{index}" for index in range(600)]

    def told(heard: Heard) -> Say:
        if "continue" in heard.target:
            return say(200, pod_list(*(item(name) for name in names[500:])))
        return say(200, pod_list(*(item(name) for name in names[:500]), token="t"))

    server, kube = start(told)
    reader = SnapshotReader(kube.reader, len(names))

    assert all(reader.get(PODS, name, "shop") is not None for name in names)
    assert len(server.heard) == 2


def test_a_denied_list_over_the_wire_falls_back_to_gets(start: Start) -> None:
    def told(heard: Heard) -> Say:
        if "limit=" in heard.target:
            return say(403, status_object(403, "Forbidden", "no list"))
        return say(200, {"kind": "Pod", "apiVersion": "v1", **item(heard.target.rpartition("/")[2])})

    server, kube = start(told)
    reader = SnapshotReader(kube.reader, CROWD)

    assert [reader.get(PODS, name, "shop") is not None for name in ("a", "b")] == [True, True]
    assert len(server.heard) == 3


def test_metadata_is_asked_for_once_a_wave_and_is_never_taken_from_whole_objects() -> None:
    cluster = Cluster(("a", {}))
    snapshot = SnapshotReader(cluster, crowd=CROWD)

    snapshot.list(SECRETS, "shop")
    for _ in range(2):
        snapshot.list_metadata(SECRETS, "shop", {"x": "y"})
    snapshot.list_metadata(SECRETS, "shop")
    snapshot.list_metadata(SECRETS, "shop", fields={"type": "t"})

    assert cluster.asked == [
        "list secrets shop {}",
        "metadata secrets shop {'x': 'y'} {}",
        "metadata secrets shop {} {}",
        "metadata secrets shop {} {'type': 't'}",
    ]


def test_what_is_made_of_a_list_is_worked_out_once_for_all_who_look() -> None:
    reader = SnapshotReader(Cluster(("a", {"case": "1"}), ("b", {})), crowd=CROWD)
    worked: list[str] = []

    def names(listing: Listing, prefix: str) -> list[str]:
        worked.append(prefix)
        return [prefix + name for name in _names(listing)]

    seen = [reader.list(PODS, "shop", {"case": "1"}).derive(names, "x-") for _ in range(3)]
    other = reader.list(PODS, "shop", {"case": "1"}).derive(names, "y-")

    assert (seen, other, worked) == ([["x-a"]] * 3, ["y-a"], ["x-", "y-"])
    assert SnapshotReader(Cluster(("a", {}))).list(PODS, "shop").derive(names, "x-") == ["x-a"]
    assert worked == ["x-", "y-", "x-"]  # another wave's list is another list
