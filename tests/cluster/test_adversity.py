"""A real API server that turns against irkit: credentials that end, storms of 429, admission that rewrites or refuses."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import urllib3
import yaml

from tests.cluster.api import Json, path_of
from tests.cluster.images import TOOLS
from tests.cluster.live import Actor, Cluster
from tests.cluster.test_crash_matrix import SHOP, THREE
from tests.cluster.webhooks import (
    POD_CHANGED,
    POLICY_CHANGED,
    POLICY_CREATED,
    Answer,
    Rule,
    Webhook,
    deny,
    registered,
    rewrite,
    webhook,
)

ROOT = Path(__file__).parents[2]
ENDING = "CONTAINMENT UNPROVEN"
"""How the playbook of three ends where nothing is in its way: it tries no connection."""
PROBING = f"""
    - id: cut
      uses: kube.cut_connections
      needs: [release]
      with: {{pod: "${{inputs.pod}}", image: "{TOOLS}"}}
    - id: probe
      uses: kube.probe_pod
      needs: [cut]
      with: {{pod: "${{inputs.pod}}", image: "{TOOLS}"}}
""".encode()
"""What else it takes for the end to be proven."""
EVERYTHING = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
OPEN = rewrite({"op": "add", "path": "/spec/ingress", "value": [{}]})
"""Made by a platform team that wants its monitoring to reach every pod: from anywhere, in."""
THREE_WRITES = [("patch", "pods", 200), ("create", "networkpolicies", 201), ("patch", "pods", 200)]
Ended = subprocess.CompletedProcess[str]


@dataclass
class Incident:
    """A pod that nobody owns behind a Service, and a responder with an account of its own."""

    cluster: Cluster
    namespace: str
    folder: Path
    target: Json
    actor: Actor

    def respond(self, book: str = "three.yaml") -> Ended:
        pod = f"{self.namespace}/{self.target['metadata']['name']}"
        return self.irkit("contain", "pod", pod, "--yes", "--playbook", book)

    def irkit(self, *words: str) -> Ended:
        """Type a command as the responder; files are this test's own."""
        env = {
            "HOME": str(self.folder), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "200",
            "KUBECONFIG": str(self.actor.kubeconfig), "IRKIT_STATE": str(self.folder / "state"),
        }  # fmt: skip
        command = [sys.executable, "-m", "irkit", "--context", self.actor.context, *words]
        return subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=240, check=False
        )

    def asked(self, since: int) -> list[Json]:
        """What the responder asked of the API server, by its audit log; reviews change nothing and are left out."""
        mine = [one for one in self.cluster.audit(since) if one["user"].get("username") == self.actor.username]
        mine = [one for one in mine if one.get("userAgent", "").startswith("irkit/")]
        return [one for one in mine if "objectRef" in one and "review" not in one["objectRef"]["resource"]]

    def writes(self, since: int) -> list[tuple[str, str, int]]:
        """Verb, resource and status of each write, in its order."""
        return [
            (one["verb"], one["objectRef"]["resource"], one["responseStatus"]["code"])
            for one in self.asked(since)
            if one["verb"] in {"create", "patch", "delete"}
        ]

    def log_in(self, token: str) -> None:
        """Another token in the kubeconfig."""
        document = yaml.safe_load(self.actor.kubeconfig.read_text())
        document["users"][0]["user"]["token"] = token
        self.actor.kubeconfig.write_text(yaml.safe_dump(document))

    def ask(self, method: str, path: str, body: bytes | None = None) -> urllib3.BaseHTTPResponse:
        """What the API server answers the responder, with the token that is in the kubeconfig now."""
        token = yaml.safe_load(self.actor.kubeconfig.read_text())["users"][0]["user"]["token"]
        media = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": media}
        with urllib3.PoolManager(ssl_context=self.cluster.api.trust, retries=False) as http:
            return http.request(method, self.cluster.api.server + path, body=body, headers=headers, timeout=40)

    @contextmanager
    def admission(
        self, kind: Literal["Mutating", "Validating"], answer: Answer, *rules: Rule, seconds: int = 10
    ) -> Iterator[tuple[str, Webhook]]:
        """With a webhook in the way of what is done in the namespace; its name, and what it was asked."""
        with (
            webhook(self.folder, answer) as hook,
            registered(self.cluster, self.namespace, kind, hook, *rules, seconds=seconds) as name,
        ):
            yield name, hook


@pytest.fixture
def incident(harness: Cluster, tmp_path: Path) -> Iterator[Incident]:
    with harness.namespace("adversity") as name:
        harness.apply(*SHOP, namespace=name)
        one, _ = harness.ready(name, 2, app="web")
        actor = harness.actor(name, "responder", tmp_path, cluster_rules=EVERYTHING)
        (tmp_path / "three.yaml").write_bytes(THREE)
        (tmp_path / "probing.yaml").write_bytes(THREE + PROBING)
        yield Incident(harness, name, tmp_path, one, actor)


def case_of(done: Ended) -> str:
    found = re.search(r"IR-\d{8}-[a-z0-9]{4}", done.stdout)
    assert found, said(done)
    return found[0]


def said(done: Ended) -> str:
    """The screen as one line, so that it may wrap where it likes."""
    return " ".join((done.stdout + done.stderr).split())


# -- admission that rewrites ----------------------------------------------------------------------------------------


def test_a_webhook_that_opens_irkits_policy_again_and_again_is_found_out(incident: Incident) -> None:
    """It takes every write and keeps none: irkit tries some times, says so, and never that the pod is contained."""
    since = incident.cluster.mark()
    with incident.admission("Mutating", lambda _: OPEN, POLICY_CREATED, POLICY_CHANGED) as (_, hook):
        done = incident.respond()

    assert 4 == done.returncode, said(done)
    assert "NOT CONTAINED" in done.stdout
    assert "the API took it 4 times, and each time it was not so right after" in said(done)
    assert "kubectl get mutatingwebhookconfigurations" in said(done)
    assert 5 == hook.count() == len([one for one in incident.writes(since) if one[1] == "networkpolicies"])


def test_a_policy_that_is_opened_at_its_making_is_mended(incident: Incident) -> None:
    since = incident.cluster.mark()
    with incident.admission("Mutating", lambda _: OPEN, POLICY_CREATED):
        done = incident.respond()

    (made,) = [
        one
        for one in incident.cluster.list_of("NetworkPolicy", incident.namespace)
        if one["metadata"]["name"] != "allow-web"
    ]
    assert "ingress" not in made["spec"]
    assert [("create", "networkpolicies", 201), ("patch", "networkpolicies", 200)] == [
        one for one in incident.writes(since) if one[1] == "networkpolicies"
    ]
    assert "was changed by somebody" in said(done)


def relabel(op: str, **more: str) -> Answer:
    """What it does to irkit's own label."""

    def answer(request: Json) -> Json:
        labels = request["object"]["metadata"].get("labels", {})
        path = "/metadata/labels/irkit.dev~1case"
        return rewrite({"op": op, "path": path, **more}) if "irkit.dev/case" in labels else {}

    return answer


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (relabel("remove"), "the API took it 4 times, and each time it was not so right after"),
        (relabel("replace", value="mine"), "is held by"),
    ],
    ids=["removed", "replaced"],
)
def test_a_webhook_that_takes_irkits_label_is_found_out(incident: Incident, answer: Answer, why: str) -> None:
    """Without its label the policy selects nothing: a policy that stands proves nothing."""
    since = incident.cluster.mark()
    with incident.admission("Mutating", answer, POD_CHANGED):
        done = incident.respond()

    assert 4 == done.returncode, said(done)
    assert "NOT CONTAINED" in done.stdout
    assert why in said(done)
    assert len(incident.writes(since)) <= 4


# -- admission that refuses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [400, 401, 403, 500])
def test_a_webhook_that_denies_is_named_and_the_run_waits_for_people(incident: Incident, code: int) -> None:
    since = incident.cluster.mark()
    with incident.admission("Validating", lambda _: deny("ask the platform team", code), POLICY_CREATED) as (name, _):
        done = incident.respond()

    assert 75 == done.returncode, said(done)
    assert "NOT CONTAINED YET" in done.stdout
    assert f'admission webhook "{name}" denied the request: ask the platform team' in said(done)
    assert f"have webhook {name} exempt this identity, or mend it" in said(done)
    assert "grant" not in said(done)
    assert f"resume {case_of(done)}" in done.stdout
    assert 1 == len([one for one in incident.writes(since) if one[1] == "networkpolicies"])

    resumed = incident.irkit("resume", case_of(done))  # the webhook is gone

    assert ENDING in resumed.stdout, said(resumed)
    assert 1 == len([one for one in incident.writes(since) if one == ("create", "networkpolicies", 201)])


def test_a_webhook_that_does_not_answer_is_named_and_nothing_is_sent_again(incident: Incident) -> None:
    over = threading.Event()

    def silent(_: Json) -> Json:
        over.wait(60)
        return {}

    since = incident.cluster.mark()
    with webhook(incident.folder, silent) as hook:
        try:
            with registered(
                incident.cluster, incident.namespace, "Validating", hook, POLICY_CREATED, seconds=1
            ) as name:
                done = incident.respond()
        finally:
            over.set()

    assert 75 == done.returncode, said(done)
    assert "NOT CONTAINED YET" in done.stdout
    assert f'failed calling webhook "{name}"' in said(done)
    assert f"have webhook {name} exempt this identity, or mend it" in said(done)
    assert [("create", "networkpolicies", 500)] == [
        one for one in incident.writes(since) if one[1] == "networkpolicies"
    ]


def test_an_admission_policy_that_denies_is_named(incident: Incident) -> None:
    """No webhook: a ValidatingAdmissionPolicy, which the API server evaluates itself."""
    name = f"{incident.namespace}.irkit.test"
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["UPDATE"]}
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": incident.namespace}}}
    policy: Json = {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]}}
    mine = "request.userInfo.username == '" + incident.actor.username + "'"
    policy["matchConditions"] = [{"name": "responder", "expression": mine}]
    policy["validations"] = [{"expression": "false", "message": "pods stay as they are"}]
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": where}
    kinds = ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy")
    try:
        incident.cluster.apply(
            head | {"kind": kinds[1], "spec": policy},
            head | {"kind": kinds[0], "spec": binding},
        )
        incident.cluster.until("the policy to deny", lambda: denied(incident))
        done = incident.respond()
    finally:
        for kind in kinds:
            incident.cluster.delete(kind, name)

    assert 75 == done.returncode, said(done)
    assert f"ValidatingAdmissionPolicy '{name}' with binding '{name}' denied request: pods stay as they are" in said(
        done
    )
    assert f"have ValidatingAdmissionPolicy {name} exempt this identity, or mend it" in said(done)
    incident.cluster.until("the policy to be forgotten", lambda: not denied(incident))  # it outlives its deletion
    resumed = incident.irkit("resume", case_of(done))
    assert ENDING in resumed.stdout, said(resumed)


def denied(incident: Incident) -> bool:
    """Whether the responder is refused a change of the pod, tried without doing it."""
    path = path_of("Pod", incident.namespace, incident.target["metadata"]["name"]) + "?dryRun=All"
    change = json.dumps({"metadata": {"labels": {"irkit.test/tried": "yes"}}}).encode()
    return incident.ask("PATCH", path, change).status == 422


# -- credentials that end -------------------------------------------------------------------------------------------


def test_a_token_that_ends_in_mid_run_parks_it_and_another_one_ends_it(incident: Incident) -> None:
    """A token that is bound to a Secret ends with it; the API server remembers it for ten seconds (TokenSuccessCacheTTL).

    The write under way is answered, and what comes after is 401: what was done is known, and is not done again.
    """
    cluster, where = incident.cluster, incident.namespace
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "session"}}
    cluster.apply(secret, namespace=where)
    bound = {"apiVersion": "v1", "kind": "Secret", "name": "session"}
    incident.log_in(cluster.mint(where, incident.actor.name, bound_to=bound))
    nothing = f"{path_of('Pod', where)}?limit=1"

    def end_it(_: Json) -> Json:
        cluster.delete("Secret", "session", where)
        cluster.until("the token's end", lambda: incident.ask("GET", nothing).status == 401, seconds=12)
        return {}

    since = cluster.mark()
    with incident.admission("Validating", end_it, POLICY_CREATED, seconds=14):
        done = incident.respond()

    assert 75 == done.returncode, said(done)
    assert "NOT CONTAINED YET" in done.stdout
    assert "credentials: " in said(done)
    assert "→ log in again" in said(done)
    assert f"resume {case_of(done)}" in done.stdout
    refused = [one for one in cluster.audit(since) if one["responseStatus"]["code"] == 401]
    assert len([one for one in refused if one.get("userAgent", "").startswith("irkit/")]) <= 3
    again = incident.irkit("resume", case_of(done))  # nobody logged in
    assert 75 == again.returncode, said(again)

    incident.log_in(cluster.mint(where, incident.actor.name))
    resumed = incident.irkit("resume", case_of(done))

    assert ENDING in resumed.stdout, said(resumed)
    assert THREE_WRITES == incident.writes(since)
    assert 0 == incident.irkit("verify", case_of(done)).returncode


# -- storms of 429 --------------------------------------------------------------------------------------------------


FLOW_CONTROL = "/apis/flowcontrol.apiserver.k8s.io/v1"
STORM = 7.0
"""Seconds: longer than one read of irkit's is tried for."""
HOLDER = "holds-the-seat"


@dataclass
class Storm:
    """API Priority and Fairness lets the responder have one request at a time, and another client of his has it.

    A priority level without any seats lets a request through while no other is under way (k8s.io/apiserver,
    queueset.go, canAccommodateSeatsLocked): so the seat is held, by a write that its webhook keeps waiting.
    """

    incident: Incident
    verb: str
    plural: str
    began: threading.Event = field(default_factory=threading.Event)
    raging: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def admit(self, request: Json) -> Json:
        """The webhook: begins with irkit's first write, and keeps the holder's waiting."""
        if request["name"] == HOLDER:
            self.over.wait(25)
            return deny("held")
        self.began.set()
        assert self.raging.wait(10)
        return {}

    def blow(self) -> None:
        """From the first write on, for as long as it takes."""
        if not self.began.wait(60):
            return
        with self._configured():
            holder = threading.Thread(target=self._hold)
            holder.start()
            try:
                self.incident.cluster.until("429", lambda: self._create("tried", "?dryRun=All").status == 429, 8)
                self.raging.set()
                time.sleep(STORM)
            finally:
                self.over.set()
                holder.join()

    def _hold(self) -> None:
        """Take the seat as soon as it is free, and keep it."""
        while not self.over.is_set():
            self._create(HOLDER, "")

    def _create(self, name: str, query: str) -> urllib3.BaseHTTPResponse:
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}}
        body = json.dumps(policy | {"spec": {"podSelector": {}}}).encode()
        return self.incident.ask("POST", path_of("NetworkPolicy", self.incident.namespace) + query, body)

    @contextmanager
    def _configured(self) -> Iterator[None]:
        name, api = f"{self.incident.namespace}.irkit.test", self.incident.cluster.api
        account = {"namespace": self.incident.namespace, "name": self.incident.actor.name}
        rule = {"verbs": [self.verb], "apiGroups": ["*"], "resources": [self.plural], "namespaces": ["*"]}
        schema = {
            "priorityLevelConfiguration": {"name": name},
            "matchingPrecedence": 2,
            "rules": [
                {
                    "subjects": [{"kind": "ServiceAccount", "serviceAccount": account}],
                    "resourceRules": [rule | {"clusterScope": True}],
                }
            ],
        }
        level = {"nominalConcurrencyShares": 0, "borrowingLimitPercent": 0, "limitResponse": {"type": "Reject"}}
        made = {"PriorityLevelConfiguration": {"type": "Limited", "limited": level}, "FlowSchema": schema}
        try:
            for kind, spec in made.items():
                head = {"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": kind, "metadata": {"name": name}}
                uid = api.call("POST", f"{FLOW_CONTROL}/{kind.lower()}s", head | {"spec": spec})["metadata"]["uid"]
            self.incident.cluster.until("the flow schema", lambda: self._flow() == uid)
            yield
        finally:
            for kind in reversed(made):
                api.raw("DELETE", f"{FLOW_CONTROL}/{kind.lower()}s/{name}")

    def _flow(self) -> str:
        """The schema that a request of the responder's belongs to, as the API server says."""
        return self._create("tried", "?dryRun=All").headers.get("X-Kubernetes-PF-FlowSchema-UID", "")


def turned_away(incident: Incident, since: int) -> list[tuple[str, float]]:
    """What of irkit's was answered 429, and when: in seconds."""
    found = [one for one in incident.cluster.audit(since) if one["responseStatus"]["code"] == 429]
    mine = [one for one in found if one.get("userAgent", "").startswith("irkit/")]
    return [(f"{one['verb']} {one['requestURI']}", moment(one["requestReceivedTimestamp"])) for one in mine]


def moment(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def gaps(found: list[tuple[str, float]]) -> list[float]:
    """Between one try of a request and the next."""
    by: dict[str, list[float]] = {}
    for what, when in found:
        by.setdefault(what, []).append(when)
    return [later - sooner for times in by.values() for sooner, later in itertools.pairwise(sorted(times))]


def weathered(storm: Storm, book: str) -> Ended:
    """A response that the storm meets at its first write; ended once both are."""
    with ThreadPoolExecutor(1) as pool:
        weather = pool.submit(storm.blow)
        try:
            with storm.incident.admission("Validating", storm.admit, POD_CHANGED, POLICY_CREATED, seconds=28):
                done = storm.incident.respond(book)
        finally:
            storm.began.set()
        weather.result()
    return done


@pytest.mark.parametrize(
    ("verb", "plural"), [("*", "*"), ("create", "networkpolicies")], ids=["everything", "one write"]
)
def test_a_storm_of_429_is_sat_out(incident: Incident, verb: str, plural: str) -> None:
    """It begins in mid-run, with the first write, and ends by itself: no command is typed twice, nothing is lost.

    Nothing is asked again before the second that the API server said is over (`Retry-After: 1`).
    """
    since = incident.cluster.mark()

    done = weathered(Storm(incident, verb, plural), "three.yaml")

    assert ENDING in done.stdout, said(done)
    found = turned_away(incident, since)
    assert found
    assert min(gaps(found)) >= 1.0, found
    assert len(found) <= 2 * STORM, found
    assert THREE_WRITES == [one for one in incident.writes(since) if one[2] < 300]


def test_what_a_storm_of_429_delayed_is_contained_and_proven_in_the_end(incident: Incident) -> None:
    """The same storm, and a playbook that tries connections."""
    since = incident.cluster.mark()
    other = incident.cluster.get("Pod", "web-2", incident.namespace)
    address = str(incident.target["status"]["podIP"])
    assert incident.cluster.connect_from(other, address) == "open"

    done = weathered(Storm(incident, "create", "networkpolicies"), "probing.yaml")

    assert 0 == done.returncode, said(done)
    assert "Contained" in done.stdout
    assert turned_away(incident, since)
    assert incident.cluster.connect_from(other, address) != "open"
    assert 0 == incident.irkit("check", case_of(done)).returncode
