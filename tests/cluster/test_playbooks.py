"""Every shipped playbook on a real cluster, typed by a responder who holds its generated RBAC and nothing else.

Each runs to its end, what it did is looked at through the API as another identity and from inside the network, and
undo gives back the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from irkit.playbook import shipped
from tests.cluster.images import BUSYBOX
from tests.cluster.live import Cluster
from tests.cluster.scenes import ACCOUNT, CANARY, TOKEN, Done, Json, Shop, beside, case_of, held, open_shop, refused

MARK = "irkit.dev/case"
UNNAMED = {"selfsubjectaccessreviews", "selfsubjectreviews"}  # may we: asked before there is a case
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Play:
    """A playbook as it is typed, and what is expected of it.

    `words` are what follows `contain`; `asks` the steps that a second person agrees to, in their order. `verdicts` are
    those of steps that are not simply proven; `not_undone` the objects that undo cannot bring back, by kind and name,
    `by_chance` those that a controller may take afterwards, and `kept` the kinds of which new ones stay.
    """

    book: str
    words: Callable[[Shop], tuple[str, ...]]
    looks: Callable[[Shop, str], None]
    asks: tuple[str, ...] = ()
    verdicts: Mapping[str, set[str]] = field(default_factory=dict)
    status: int = 0
    not_undone: Callable[[Shop], set[tuple[str, str]]] = lambda _shop: set()
    by_chance: Callable[[Shop], set[tuple[str, str]]] = lambda _shop: set()
    kept: frozenset[str] = frozenset()
    before: Callable[[Shop], None] = lambda _shop: None


# -- what the API and the network say afterwards -----------------------------------------------------------------------


def cut_off(shop: Shop, case: str, *pods: Json) -> None:
    """These bear the case's label, a policy of irkit's denies them everything, and nothing passes."""
    denied = [
        one["spec"] for one in shop.cluster.list_of("NetworkPolicy", shop.namespace)
        if one["metadata"]["name"].startswith("irkit-")
    ]  # fmt: skip
    selector = {"matchLabels": {MARK: case}}
    assert [{"podSelector": selector, "policyTypes": ["Ingress", "Egress"]}] == denied
    assert {case} == {shop.again(one)["metadata"]["labels"][MARK] for one in pods}
    there = [(one, shop.client(off=one["spec"]["nodeName"])) for one in pods]
    assert {False} == shop.reached([*there, *((other, one) for one, other in there)])


def untouched(shop: Shop, *pods: Json) -> None:
    """These bear no label of irkit's, and are reached."""
    for one in pods:
        assert MARK not in shop.again(one)["metadata"]["labels"]
        there = [other for other in shop.clients if other["metadata"]["uid"] != one["metadata"]["uid"]]
        free = [other for other in there if MARK not in shop.again(other)["metadata"]["labels"]]
        assert all(shop.reaches(other, one) for other in free)


def node_is_held(shop: Shop, case: str) -> None:
    node = shop.cluster.get("Node", shop.node)
    assert node["spec"]["unschedulable"]
    assert case == node["metadata"]["labels"][MARK]


def entered(shop: Shop, case: str) -> None:
    cut_off(shop, case, shop.target)
    untouched(shop, shop.web[1], *shop.clients)
    assert shop.again(shop.target)["metadata"]["ownerReferences"]  # nothing was released


def compromised(shop: Shop, case: str) -> None:
    cut_off(shop, case, shop.target)
    untouched(shop, shop.web[1], *shop.clients)
    node_is_held(shop, case)
    meta = shop.again(shop.target)["metadata"]
    assert "app" not in meta["labels"]
    assert "ownerReferences" not in meta
    web = shop.cluster.ready(shop.namespace, 2, app="web")
    (new,) = [one for one in web if one["metadata"]["uid"] != shop.web[1]["metadata"]["uid"]]
    assert shop.node != new["spec"]["nodeName"]
    with pytest.raises(AssertionError, match=case):  # protected: even from the admin
        shop.cluster.kubectl("delete", "pod", "-n", shop.namespace, meta["name"], "--wait=false")


def replaced(shop: Shop, case: str) -> None:
    cut_off(shop, case, shop.target)
    web = shop.cluster.ready(shop.namespace, 2, app="web")
    assert set() == {one["metadata"]["uid"] for one in web} & {one["metadata"]["uid"] for one in shop.web}


def stolen(shop: Shop, case: str) -> None:
    (us,) = shop.cluster.list_of("ServiceAccount", shop.namespace)[-1:]
    assert ACCOUNT == us["metadata"]["name"]
    assert not shop.cluster.get("RoleBinding", "web", shop.namespace).get("subjects")
    wide = shop.cluster.get("ClusterRoleBinding", f"{shop.namespace}-web")
    assert ["default"] == [one["name"] for one in wide["subjects"]]
    assert not shop.cluster.exists("Secret", TOKEN, shop.namespace)
    cut_off(shop, case, *shop.web)
    untouched(shop, *shop.clients)


def image(shop: Shop, case: str) -> None:
    cut_off(shop, case, *shop.web)
    untouched(shop, *shop.clients)
    assert case in refused(shop.cluster, shop.namespace, f"irkit.test/busybox@{shop.digest}")
    assert "" == refused(shop.cluster, shop.namespace, BUSYBOX)


def dashboard(shop: Shop, case: str) -> None:
    cut_off(shop, case, *shop.web)
    untouched(shop, *shop.clients)
    assert shop.cluster.exists("Service", "web", shop.namespace)


def stopped(shop: Shop, case: str) -> None:
    assert 0 == shop.cluster.get("Deployment", "web", shop.namespace)["spec"]["replicas"]
    shop.cluster.until("its pods to end", lambda: [] == shop.cluster.list_of("Pod", shop.namespace, app="web"))
    untouched(shop, *shop.clients)


def suspect(shop: Shop, case: str) -> None:
    node_is_held(shop, case)
    everybody = (*shop.web, *shop.clients)
    cut_off(shop, case, *(one for one in everybody if one["spec"]["nodeName"] == shop.node))
    untouched(shop, *(one for one in everybody if one["spec"]["nodeName"] != shop.node))
    other = shop.cluster.get("Node", shop.client(off=shop.node)["spec"]["nodeName"])
    assert "unschedulable" not in other["spec"]


def drained(shop: Shop, case: str) -> None:
    suspect(shop, case)
    shop.cluster.until(
        "the other pod to leave",
        lambda: (
            not any(one["spec"].get("nodeName") for one in shop.cluster.list_of("Pod", shop.namespace, app="beside"))
        ),
    )


PLAYS = {
    "suspicious-exec": Play("suspicious-exec", lambda s: ("pod", s.name(s.target)), entered),
    "compromised-pod": Play(
        "compromised-pod",
        lambda s: ("pod", s.name(s.target)),
        compromised,
        # The ReplicaSet has one too many then. It takes the younger one, and by chance among those of about one age.
        by_chance=lambda s: {("Pod", s.web[1]["metadata"]["name"])},
    ),
    "compromised-pod, replacing": Play(
        "compromised-pod",
        lambda s: ("pod", s.name(s.target), "-i", f"replace=deployment/{s.namespace}/web"),
        replaced,
        asks=("replace",),
        not_undone=lambda s: {("Pod", one["metadata"]["name"]) for one in s.web[1:]},
        kept=frozenset({"ReplicaSet"}),  # of the other template: the Deployment's history
    ),
    "compromised-serviceaccount": Play(
        "compromised-serviceaccount",
        lambda s: ("serviceaccount", f"{s.namespace}/{ACCOUNT}"),
        stolen,
        asks=("tokens",),
        not_undone=lambda _s: {("Secret", TOKEN)},
    ),
    "malicious-image": Play(
        "malicious-image",
        lambda s: ("image", s.digest),
        image,
        verdicts={"block": {"leaky"}},  # pods that name it by its tag alone are only known once they run
        status=4,
    ),
    "exposed-dashboard": Play("exposed-dashboard", lambda s: ("workload", f"deployment/{s.namespace}/web"), dashboard),
    "exposed-dashboard, stopping": Play(
        "exposed-dashboard",
        lambda s: ("workload", f"deployment/{s.namespace}/web", "-i", "stop=true"),
        stopped,
        asks=("stop",),
        not_undone=lambda s: {("Pod", one["metadata"]["name"]) for one in s.web},
    ),
    "node-suspect": Play("node-suspect", lambda s: ("node", s.node, "-i", "tools_helper=true"), suspect),
    "node-suspect, draining": Play(
        "node-suspect",
        lambda s: ("node", s.node, "-i", "tools_helper=true", "-i", "drain=true"),
        drained,
        asks=("drain",),
        before=beside,
    ),
}


@pytest.fixture(scope="module")
def alone(harness: Cluster) -> Iterator[Cluster]:
    """The cluster for this module alone, where what a policy forbids is dropped.

    Where it is refused, a port of which nobody knows that it serves proves nothing.
    """
    with harness.enforcement(refuse="drop"):
        yield harness


@pytest.fixture
def shop(alone: Cluster, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(alone, tmp_path) as found:
        yield found


def run(shop: Shop, play: Play) -> tuple[Done, str]:
    """Contain, and have a second person agree to what waits for one."""
    kind, name, *more = play.words(shop)
    done = shop.desk.irkit("contain", kind, name, "--yes", "--playbook", play.book, *more)
    case = case_of(done)
    for step in play.asks:
        assert done.returncode in {4, 6}, done.stdout + done.stderr  # 4: what was probed is taken up in the last look
        assert f"approve {case} {step}" in done.stdout
        agreed = shop.desk.irkit("approve", case, step, "--yes", operator="bo")
        assert 0 == agreed.returncode, agreed.stdout + agreed.stderr
        done = shop.desk.irkit("resume", case)
    return done, case


def verdicts(records: list[Json]) -> dict[str, set[str]]:
    """The last verdicts of the first run's steps, those of a for_each together; without what its `when` left out."""
    closed = [one["body"] for one in records if one["kind"] == "step.closed" and one["body"].get("run") == "r1"]
    last = {one["step"]: one["verdict"]["status"] for one in closed if not one["condition"]}
    found: dict[str, set[str]] = {}
    for step, status in last.items():
        found.setdefault(step.partition("[")[0], set()).add(status)
    return found


def the_audit_log_agrees(shop: Shop, entries: list[Json], case: str) -> None:
    """Nothing was denied; each request names the case, once there is one; no Secret's data was answered."""
    assert [] == [(one["verb"], one["requestURI"]) for one in entries if one["responseStatus"]["code"] == 403]
    assert {True} == {one["userAgent"].startswith("irkit/") for one in entries}
    named = [f"({case})" in one["userAgent"] for one in entries]
    first = named.index(True)
    assert {True} == set(named[first:])
    assert set() == {one["verb"] for one in entries[:first] if one["objectRef"]["resource"] not in UNNAMED} - {"get"}
    secrets = [one for one in entries if one.get("objectRef", {}).get("resource") == "secrets"]
    for one in secrets:
        kind = one["responseObject"]["kind"]
        assert (one["verb"], kind) in {("list", "PartialObjectMetadataList"), ("delete", "Status")}, one["requestURI"]
    assert CANARY.encode() not in b"".join(
        path.read_bytes() for path in (shop.desk.folder / "state").rglob("*") if path.is_file()
    )


def test_every_shipped_playbook_is_played() -> None:
    assert set(shipped.names()) == {one.book for one in PLAYS.values()}


@pytest.mark.parametrize("name", list(PLAYS))
def test_it_does_what_it_says_under_exactly_its_rbac_and_takes_it_back(shop: Shop, name: str) -> None:
    play, cluster = PLAYS[name], shop.cluster
    play.before(shop)
    with held(shop, play.book) as actor:
        before, mark = shop.dump(), cluster.mark()
        done, case = run(shop, play)
        assert play.status == done.returncode, done.stdout + done.stderr
        found = verdicts(shop.desk.records(case))
        assert {step: play.verdicts.get(step, {"proven"}) for step in found} == found
        play.looks(shop, case)

        undone = shop.desk.irkit("undo", case, "--yes")

        assert 0 == undone.returncode, undone.stdout + undone.stderr
        assert 0 == shop.desk.irkit("verify", case).returncode
        mine = [one for one in cluster.audit(mark) if one["user"]["username"] == actor.username]
        cluster.ready(shop.namespace, 2, app="web")
        after = shop.dump()
    the_audit_log_agrees(shop, mine, case)
    lost = {key for key in before if (key[0], key[2]) in play.not_undone(shop)}
    taken = {key for key in before if key not in after and (key[0], key[2]) in play.by_chance(shop)}
    assert not taken or "is likely deleted" in " ".join(undone.stdout.split()), undone.stdout
    lost |= taken
    assert {key: one for key, one in before.items() if key not in lost} == {
        key: one for key, one in after.items() if key in before or key[0] not in play.kept
    }
    cluster.settle()
    for one in shop.web:
        if ("Pod", shop.namespace, one["metadata"]["name"]) in after:
            assert shop.reaches(shop.client(off=one["spec"]["nodeName"]), one)
