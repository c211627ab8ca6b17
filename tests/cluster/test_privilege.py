"""Each permission that a shipped playbook asks for, taken away on a real cluster: it is missed, by name, in time.

The permissions are those of the generated RBAC, whatever it holds by now: rule by rule, resource by resource, verb by
verb.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from irkit.actions.catalog import Catalog
from irkit.app import clock
from irkit.app.preflight import permissions
from irkit.app.runs import App, Ask, Parts, Ticket
from irkit.clients.kube import connect
from irkit.engine.inbox import Request, new_id
from irkit.engine.perform import Closed, Parked
from irkit.engine.preflight import Preflight
from irkit.errors import Denied, Refused, UsageError
from irkit.journal.state import RunState
from irkit.model.base import Json as JsonValue
from irkit.model.effects import Access, KubeCall, Resource
from irkit.model.kube import EXTENSIONS, RESOURCES
from irkit.model.ports import Kube
from irkit.model.refs import ClusterRef, ImageRef, NodeRef, PodRef, ServiceAccountRef, TargetRef, WorkloadRef
from irkit.playbook import load_playbook, shipped
from tests.cluster.images import TOOLS
from tests.cluster.live import Actor, Cluster
from tests.cluster.scenes import ACCOUNT, Desk, Json, Shop, beside, case_of, furnish, held, open_shop, printed
from tests.cluster.turns import TURNS

HOME = ClusterRef(id="context:test")
EVERYBODYS = {"selfsubjectaccessreviews", "selfsubjectreviews"}  # by system:basic-user: not ours to take
TYPED: dict[str, Callable[[Shop], tuple[str, str]]] = {
    "suspicious-exec": lambda s: ("pod", s.name(s.target)),
    "compromised-pod": lambda s: ("pod", s.name(s.target)),
    "compromised-serviceaccount": lambda s: ("serviceaccount", f"{s.namespace}/{ACCOUNT}"),
    "exposed-dashboard": lambda s: ("workload", f"deployment/{s.namespace}/web"),
    "malicious-image": lambda s: ("image", s.digest),
    "node-suspect": lambda s: ("node", s.node),
}
KNOWN = {(one.group, one.plural): one for one in (*RESOURCES, *EXTENSIONS)}


@dataclass(frozen=True, order=True)
class Permission:
    """One verb on one resource, as a rule has it."""

    group: str
    resource: str
    verb: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f".{self.group}" if self.group else "")


def permissions_of(objects: Sequence[Json]) -> list[Permission]:
    """All that the printed roles give, but for what everybody has."""
    return [
        Permission(group, resource, verb, name)
        for one in objects
        for rule in one.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
        if resource not in EVERYBODYS
    ]


def without(rules: Sequence[Json], taken: Permission) -> Iterator[Json]:
    """The rules but for one permission."""
    for rule in rules:
        there = taken.group in rule["apiGroups"] and taken.resource in rule["resources"]
        if not there or taken.verb not in rule["verbs"] or taken.name not in rule.get("resourceNames", [""]):
            yield rule
            continue
        if others := [one for one in rule["resources"] if one != taken.resource]:
            yield {**rule, "resources": others}
        if verbs := [one for one in rule["verbs"] if one != taken.verb]:
            yield {**rule, "resources": [taken.resource], "verbs": verbs}


@dataclass
class Responder:
    """Somebody who holds the generated RBAC of one playbook, whole or less one permission; irkit in this process."""

    shop: Shop
    book: str
    actor: Actor
    objects: list[Json]
    less: Permission | None = None

    @property
    def cluster(self) -> Cluster:
        return self.shop.cluster

    def hold(self, taken: Permission | None = None) -> None:
        """Hold all of it, or all but one; returns once the API server has heard."""
        for document in copy.deepcopy(self.objects):
            if "rules" in document and taken is not None:
                document["rules"] = list(without(document["rules"], taken))
            self.cluster.apply(document)
        for one, allowed in ((self.less, True), (taken, False)):
            if one is not None:
                self.cluster.until(f"{one} to be heard of", partial(self.is_so, one, allowed), 10)
        self.less = taken

    def is_so(self, what: Permission, allowed: bool) -> bool:
        return self.may(what) == allowed

    def may(self, what: Permission) -> bool:
        """What the API server says of it."""
        plural, _, sub = what.resource.partition("/")
        return self.cluster.allows(
            self.actor.username, group=what.group, resource=plural, subresource=sub, verb=what.verb, name=what.name
        )

    def reach(self, cluster: ClusterRef, agent: str) -> Kube:
        return connect(cluster, self.actor.kubeconfig, self.actor.context, user_agent=agent)

    def preflight(self, kube: Kube) -> Preflight:
        known = Catalog.builtin()
        playbook = load_playbook(*shipped.load(self.book), known)
        return permissions(kube, playbook, known, target_of(self.shop, self.book))


@contextmanager
def responder(shop: Shop, book: str) -> Iterator[Responder]:
    """The objects are the printed ones; kubectl would do what `hold` does."""
    name = f"may-{book}"
    text = printed(shop.desk, book, f"serviceaccount:{shop.namespace}/{name}")
    objects = [one for one in yaml.safe_load_all(text) if one]
    try:
        made = Responder(shop, book, shop.cluster.actor(shop.namespace, name, shop.desk.folder), objects)
        made.hold()
        for one in permissions_of(objects):
            shop.cluster.until(f"{one} to be heard of", partial(made.is_so, one, True), 10)
        yield made
    finally:
        for one in objects:
            shop.cluster.delete(one["kind"], one["metadata"]["name"], wait=False)


def target_of(shop: Shop, book: str) -> TargetRef:
    """What the playbook is about, pinned as commands pin it."""
    node = shop.cluster.get("Node", shop.node)["metadata"]
    account = shop.cluster.get("ServiceAccount", ACCOUNT, shop.namespace)["metadata"]
    web = shop.cluster.get("Deployment", "web", shop.namespace)["metadata"]
    pod = shop.target["metadata"]
    refs: dict[str, TargetRef] = {
        "compromised-serviceaccount": ServiceAccountRef(
            cluster=HOME, namespace=shop.namespace, name=ACCOUNT, uid=account["uid"]
        ),
        "exposed-dashboard": WorkloadRef(
            cluster=HOME, namespace=shop.namespace, name="web", type="Deployment", uid=web["uid"]
        ),
        "malicious-image": ImageRef.of(HOME, shop.digest),
        "node-suspect": NodeRef(cluster=HOME, name=shop.node, uid=node["uid"]),
    }
    return refs.get(book) or PodRef(cluster=HOME, namespace=shop.namespace, name=pod["name"], uid=pod["uid"])


@pytest.fixture(scope="module")
def shop(harness: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Alone on the cluster: the roles' names are those that irkit prints."""
    with TURNS.alone(), open_shop(harness, tmp_path_factory.mktemp("desk")) as found:
        yield found


@pytest.mark.parametrize("book", shipped.names())
def test_the_preflight_names_each_permission_that_is_taken_away(shop: Shop, book: str) -> None:
    with responder(shop, book) as who:
        kube = who.reach(HOME, "irkit/preflight")
        assert () == who.preflight(kube).missing
        every = permissions_of(who.objects)
        assert len(every) > 20
        last = every[0]
        for taken in every:
            who.hold(taken)

            found = who.preflight(kube)

            named = {
                (one.grant.access.group, one.grant.access.resource, one.grant.access.verb) for one in found.missing
            }
            assert {(taken.group, taken.resource, taken.verb)} == named
            if found.blocking:
                last = taken
                with pytest.raises(Refused, match=str(taken)):
                    found.check(book)
            if taken.verb != "bind":  # no request of its own: whoever patches a binding must be allowed it
                with pytest.raises(Denied) as denied:
                    request(kube, shop.namespace, taken)
                words = f"{denied.value} {denied.value.hint}"
                assert "(403)" in words
                assert f"grant {taken}" in words.replace(f" in namespace {shop.namespace}", "")
        typed_without(who, last)


def test_the_rights_for_one_namespace_are_enough_there(shop: Shop) -> None:
    with held(shop, "compromised-pod", "narrow", "--namespace", shop.namespace):
        done = shop.desk.irkit("contain", "pod", shop.name(shop.target), "--yes")
        assert 0 == done.returncode, done.stdout + done.stderr
        undone = shop.desk.irkit("undo", case_of(done), "--yes")
        assert 0 == undone.returncode, undone.stdout + undone.stderr
    refresh(shop)


def typed_without(who: Responder, taken: Permission) -> None:
    """As a user sees it: refused, by name, with nothing written anywhere."""
    who.hold(taken)
    shop = who.shop
    desk = Desk(shop.cluster, shop.desk.folder, who.actor)
    kind, name = TYPED[who.book](shop)
    mark, before = shop.cluster.mark(), journals(desk)

    done = desk.irkit("contain", kind, name, "--yes", "--playbook", who.book)

    said = " ".join(done.stderr.split())
    if who.book == "compromised-serviceaccount":  # its steps may all fail: only its target must be found
        assert (75, True) == (done.returncode, f"grant {taken}" in said), said
    else:
        assert 3 == done.returncode, done.stdout + done.stderr
        assert str(taken) in said
        assert f" permissions {who.book}.yaml --format rbac | kubectl apply -f -" in said
    verbs = {verb for _, resource, verb in tried(by(who, shop.cluster.audit(mark))) if resource not in EVERYBODYS}
    assert verbs <= {"get", "list"}
    assert before == journals(desk)


def journals(desk: Desk) -> dict[Path, bytes]:
    """All that is written of cases here, those of other tests too."""
    return {one: one.read_bytes() for one in (desk.folder / "state").glob("cases/*/journal.jsonl")}


def request(kube: Kube, namespace: str, taken: Permission) -> None:
    """What the permission is for, sent by irkit's own client: about nothing that exists, in case it is allowed."""
    plural, _, sub = taken.resource.partition("/")
    resource = KNOWN[taken.group, plural]
    space = namespace if resource.namespaced else ""
    if taken.verb == "get":
        kube.reader.get(resource, taken.name or "none", space)
    elif taken.verb == "list" and plural == "secrets":
        kube.reader.list_metadata(resource, space)
    elif taken.verb == "list":
        kube.reader.list(resource, space)
    else:
        kube.perform(write(resource, space, taken.verb, sub), {}, 5.0)


def write(resource: Resource, namespace: str, verb: Any, subresource: str) -> KubeCall:
    body: JsonValue = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": "none"}}
    if verb == "patch":
        body = [{"op": "test", "path": "/metadata/uid", "value": "none"}]
    return KubeCall(
        name="try", cluster=HOME.id, verb=verb, resource=resource, namespace=namespace, object="none",
        subresource=subresource, body=body,
    )  # fmt: skip


# -- whole runs, with the preflight bypassed -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A playbook with inputs; `asks` are the steps that somebody agrees to. Without tools it takes a second."""

    book: str
    inputs: tuple[tuple[str, JsonValue], ...] = ()
    asks: tuple[str, ...] = ()
    tools: bool = False

    def __str__(self) -> str:
        return " ".join((self.book, *(name for name, _ in self.inputs), *(("tools",) if self.tools else ())))


RUNS = (
    Run("suspicious-exec"),
    Run("compromised-pod"),
    Run("compromised-serviceaccount", asks=("tokens",)),
    Run("malicious-image"),
    Run("exposed-dashboard"),
    Run("exposed-dashboard", (("stop", True),), asks=("stop",)),
    Run("node-suspect", (("drain", True),), asks=("drain",)),
    Run("compromised-pod", (("replace", True),), asks=("replace",)),
    Run("suspicious-exec", tools=True),
)
"""The cheapest first: a permission is taken from the first that uses it."""
UNUSED = {
    "get daemonsets.apps": "the pods are a Deployment's",
    "get statefulsets.apps": "as above",
    "get jobs.batch": "as above",
    "get cronjobs.batch": "as above",
    "patch daemonsets.apps": "as above",
    "patch statefulsets.apps": "as above",
    "patch replicasets/scale.apps": "as above",
    "patch statefulsets/scale.apps": "as above",
    "patch networkpolicies.networking.k8s.io": "nobody changed irkit's policy",
    "patch validatingadmissionpolicies.admissionregistration.k8s.io": "nobody changed irkit's",
    "patch validatingadmissionpolicybindings.admissionregistration.k8s.io": "as above",
}

SILENT = {"list daemonsets.apps": "scoping lists for a crowd only; isolation's look at the engine does without"}


@dataclass
class Played:
    """One run and its undo in this process: what was asked of the API, and what the journal says."""

    who: Responder
    run: Run
    folder: Path
    stop: threading.Event = field(default_factory=threading.Event)
    unfinished: dict[str, str] = field(default_factory=dict)

    @property
    def app(self) -> App:
        return App(self.folder, "ana", Parts(connect=self.who.reach))

    def apply(self) -> Ticket:
        target = target_of(self.who.shop, self.run.book)
        source, name = shipped.load(self.run.book)
        key = {"Pod": "pod", "ServiceAccount": "service_account", "Workload": "workload"}.get(target.kind, "")
        given: dict[str, JsonValue] = {key or target.kind.lower(): target.dump(), **dict(self.run.inputs)}
        if "replace" in given:
            given["replace"] = target_of(self.who.shop, "exposed-dashboard").dump()
        if self.run.tools:
            given["tools_image"] = TOOLS
        ticket = self.app.open_run(Ask(target, source, name, given, clock.now()), preflight=False)
        end = self.advance(ticket)
        for step in self.run.asks:
            asked = end.run.steps.get(step)
            if asked is None or asked.phase != "asked":
                break
            bo = clock.who("bo")
            wish = Request(
                id=new_id(clock.now()), wants="approve", who=bo, run=ticket.run, step=step, digest=asked.asked
            )
            App(self.folder, "bo", Parts(connect=self.who.reach)).ask_case(ticket.case, wish)
            end = self.advance(ticket)
        self.unfinished = self._short(end.run)
        return ticket

    def advance(self, ticket: Ticket) -> Closed | Parked:
        return self.app.advance(ticket, self.stop, lambda _records: None)

    @staticmethod
    def _short(run: RunState) -> dict[str, str]:
        """Steps that found nothing to do, or did not do what they are for: with what they say."""
        done = ("proven", "unproven", "leaky", "skipped: not needed")
        said = {key: str(one.verdict or f"{one.phase}: {one.why}") for key, one in run.steps.items()}
        return {key: how for key, how in said.items() if not how.startswith(done)}

    def undo(self, case: str) -> None:
        """Take it back, or go on with that where it was stopped; nothing may have been done."""
        with suppress(UsageError):
            ticket = self.app.open_undo(case, clock.now(), preflight=False)
            self.advance(Ticket(case, ticket.run))

    def texts(self, case: str) -> str:
        """The whole journal, as it is on disk."""
        return (self.folder / "cases" / case / "journal.jsonl").read_text()


Tried = tuple[str, str, str]


def tried(entries: Sequence[Json], code: int = 0) -> set[Tried]:
    """Group, resource and verb of what was asked; with a code, of what was answered so."""
    return {
        (ref.get("apiGroup", ""), "/".join(filter(None, (ref["resource"], ref.get("subresource")))), one["verb"])
        for one in entries
        if (ref := one.get("objectRef")) and code in {0, one["responseStatus"]["code"]}
    }


def meant(what: Permission) -> Tried:
    """The request that needs it: nobody asks to `bind`, but patches a binding."""
    if what.verb == "bind":
        return what.group, what.resource.removesuffix("s") + "bindings", "patch"
    return what.group, what.resource, what.verb


def unused(what: Permission, every: set[Permission]) -> bool:
    """Whether there is a reason, written down, for no run here to need it."""
    engines = (what.group, what.resource) in {(one.group, one.plural) for one in EXTENSIONS}  # there are none here
    crowd = what.verb == "list" and Permission(what.group, what.resource, "get") in every  # one list for many gets
    return engines or crowd or str(what) in UNUSED


def done_without(book: str, what: Permission) -> bool:
    """Whether each action that would use it is declared to do without: containment goes on, and may be silent."""
    known, access = Catalog.builtin(), Access(group=what.group, resource=what.resource, verb=what.verb)
    actions = [known.get(step.uses) for step in load_playbook(*shipped.load(book), known).steps]
    using = [one.spec for one in actions if one is not None and access in (*one.spec.reads, *one.spec.writes)]
    return str(what) in SILENT or all(access in spec.optional for spec in using)


def said(journal: str, what: Permission) -> bool:
    """Whether the journal names it: in the API's words, or in irkit's hint."""
    group, resource, verb = meant(what)
    plural = resource.partition("/")[0]
    words = (f'cannot {verb} resource \\"{resource}\\"', f"grant {verb} {resource}", f"{verb} {plural}.{group}")
    return any(one in journal for one in words)


@pytest.mark.timeout(900)
def test_with_the_preflight_bypassed_the_api_itself_says_no(shop: Shop, tmp_path: Path) -> None:
    """Each permission of each playbook once, in the cheapest run that uses it: 403, said, and nothing is lost."""
    with ExitStack() as stack:
        who_may = {book: stack.enter_context(responder(shop, book)) for book in shipped.names()}
        first: dict[Tried, Run] = {}
        beside(shop)
        for number, run in enumerate(RUNS):
            mark = shop.cluster.mark()
            played = Played(who_may[run.book], run, tmp_path / f"whole-{number}")
            ticket = played.apply()
            assert {} == played.unfinished, run
            played.undo(ticket.case)
            for one in tried(by(who_may[run.book], shop.cluster.audit(mark))):
                first.setdefault(one, run)
            refresh(shop)
        every = {one for who in who_may.values() for one in permissions_of(who.objects)}
        used = {one for one in every if meant(one) in first}
        wrong = {str(one): "is in UNUSED, and is used" for one in used if str(one) in UNUSED}
        wrong |= {str(one): "is not in UNUSED, and no run uses it" for one in every - used if not unused(one, every)}
        for number, taken in enumerate(sorted(used)):
            run = first[meant(taken)]
            who = who_may[run.book]
            who.hold(taken)
            mark = shop.cluster.mark()
            played = Played(who, run, tmp_path / f"less-{number}")
            try:
                case = played.apply().case
            except Denied:
                if not taken.name:
                    raise
                continue  # before there is a case: which cluster is this?
            if meant(taken) not in tried(by(who, shop.cluster.audit(mark)), 403):
                played.undo(case)
            if meant(taken) not in tried(by(who, shop.cluster.audit(mark)), 403):
                wrong[str(taken)] = f"{run} was not denied it"
            elif not said(played.texts(case), taken) and not done_without(run.book, taken):
                wrong[str(taken)] = f"{run} was denied it and does not say so"
            who.hold()
            played.undo(case)
            refresh(shop)
        if wrong:
            pytest.fail("\n".join(f"{one}: {why}" for one, why in sorted(wrong.items())), pytrace=False)


def by(who: Responder, entries: Sequence[Json]) -> list[Json]:
    return [one for one in entries if one["user"]["username"] == who.actor.username]


def refresh(shop: Shop) -> None:
    """The shop as it was: another token for the one that was deleted, other pods for those that were ended."""
    furnish(shop.cluster, shop.namespace)
    shop.web = shop.cluster.ready(shop.namespace, 2, app="web")
    beside(shop)  # or there is nothing to drain
