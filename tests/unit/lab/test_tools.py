"""Pods that clients make: what admission adds, where they go, and what tool pods find out."""

from __future__ import annotations

from typing import Any

import pytest

from irkit.lab.behaviour import TOOLS, Behaviour
from irkit.lab.server import LabServer
from tests.support.worlds import World

Doc = dict[str, Any]
OUTSIDE = "198.51.100.7"


def pod(*arguments: str, path: str = "/irkit/connect", **spec: Any) -> Doc:
    container = {
        "name": "tool",
        "image": TOOLS,
        "command": [path],
        "args": list(arguments),
        **spec.pop("container", {}),
    }
    whole = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tool"}, "spec": whole}


def run(world: World, doc: Doc) -> tuple[str, Doc]:
    """Create it, and give its phase and how its container ended."""
    answer = world.ask("POST", world.pods, body=doc)
    assert answer.code == 201, answer.doc
    assert answer.doc["status"]["phase"] == "Pending"
    found = world.pod("tool")
    (status,) = found["status"]["containerStatuses"]
    return found["status"]["phase"], status["state"].get("terminated", {})


def test_a_created_pod_is_as_the_api_would_have_made_it(world: World) -> None:
    body = pod()
    body["spec"] = {"containers": [{"name": "a", "image": "busybox"}]}
    made = world.ask("POST", world.pods, body=body).doc
    spec = made["spec"]
    assert (spec["serviceAccountName"], spec["restartPolicy"], spec["dnsPolicy"]) == (
        "default",
        "Always",
        "ClusterFirst",
    )
    assert spec["containers"][0]["imagePullPolicy"] == "Always"
    assert {each["key"] for each in spec["tolerations"]} == {
        "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable",
    }  # fmt: skip
    (mount,) = spec["containers"][0]["volumeMounts"]
    assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert [volume["name"] for volume in spec["volumes"]] == [mount["name"]]
    assert (made["status"]["qosClass"], made["metadata"]["generation"]) == ("BestEffort", 1)
    running = world.pod("tool")
    assert running["status"]["phase"] == "Running"
    assert running["spec"]["nodeName"]
    world.ask("DELETE", f"{world.pods}/tool", gracePeriodSeconds=0)
    assert world.get(f"{world.pods}/tool").code == 404


def test_a_pod_of_an_account_that_is_not_there_is_a_403(world: World) -> None:
    answer = world.ask("POST", world.pods, body=pod(serviceAccountName="nobody"))
    assert (answer.code, answer.doc["message"]) == (
        403,
        'pods "tool" is forbidden: error looking up service account shop/nobody: serviceaccount "nobody" not found',
    )


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"containers": []}, "spec.containers"),
        ({"containers": [{"name": "a"}]}, "spec.containers[0].image"),
        ({"containers": [{"name": "A", "image": "x"}]}, "spec.containers[0].name"),
        ({"containers": [{"name": "a", "image": "x"}] * 2}, "spec.containers[1].name"),
        ({"restartPolicy": "Sometimes"}, "spec.restartPolicy"),
    ],
)
def test_a_pod_that_makes_no_sense_is_a_422(world: World, spec: Doc, field: str) -> None:
    answer = world.ask("POST", world.pods, body=pod(**spec))
    assert (answer.code, answer.doc["reason"]) == (422, "Invalid")
    assert field in [cause["field"] for cause in answer.doc["details"]["causes"]]


def test_a_tool_says_what_it_reaches(lab: LabServer, world: World) -> None:
    web = next(doc for doc in world.get(world.pods, labelSelector="app=web").doc["items"])["status"]["podIP"]
    lab.control.delete("networkpolicies", "allow-web", "shop")
    phase, ended = run(world, pod(f"{web}:8080", f"{web}:9", f"{OUTSIDE}:443"))
    assert (phase, ended["exitCode"], ended["reason"]) == ("Succeeded", 0, "Completed")
    assert ended["message"].splitlines() == [f"{web}:8080 open", f"{web}:9 refused", f"{OUTSIDE}:443 open"]


def test_a_tool_is_policed_like_its_pod(lab: LabServer, world: World) -> None:
    lab.control.behave(Behaviour(refuse="drop"))
    deny = {"podSelector": {}, "policyTypes": ["Egress"]}
    world.ask("POST", world.policies, body={"metadata": {"name": "deny"}, "spec": deny})
    assert run(world, pod(f"{OUTSIDE}:443"))[1]["message"] == f"{OUTSIDE}:443 timeout"


def test_a_tool_goes_away_at_once_when_it_is_deleted(world: World) -> None:
    run(world, pod())
    world.ask("DELETE", f"{world.pods}/tool")
    assert world.get(f"{world.pods}/tool").code == 404


def test_a_tool_takes_its_time_where_it_is_told_to(lab: LabServer, world: World) -> None:
    lab.control.behave(Behaviour(delay=2))
    world.ask("POST", world.pods, body=pod())
    assert [world.pod("tool")["status"]["phase"] for _ in range(3)] == ["Running", "Succeeded", "Succeeded"]


def test_a_command_that_the_image_has_not_fails(world: World) -> None:
    phase, ended = run(world, pod(path="/irkit/none"))
    assert (phase, ended["exitCode"], ended["reason"]) == ("Failed", 127, "Error")


def test_what_is_no_tool_stays_running(world: World) -> None:
    phase, ended = run(world, pod(container={"image": "lab.invalid/other:1"}))
    assert (phase, ended) == ("Running", {})


def test_a_long_message_keeps_its_end(world: World) -> None:
    ends = [f"198.51.100.{number}:443" for number in range(1, 250)]
    _, ended = run(world, pod(*ends))
    assert len(ended["message"].encode()) == 4096
    assert ended["message"].endswith("198.51.100.249:443 open")


@pytest.mark.parametrize("argument", ["nonsense", "10.0.0.1", "10.0.0.1:x", "name:80"])
def test_what_is_no_address_is_said(world: World, argument: str) -> None:
    phase, ended = run(world, pod(argument))
    assert (phase, ended["exitCode"]) == ("Failed", 1)
    assert ended["message"].startswith("error ")


PRIVILEGED = {"securityContext": {"privileged": True}}
CAPABLE = {"securityContext": {"capabilities": {"add": ["SYS_ADMIN", "SYS_PTRACE"]}}}


@pytest.mark.parametrize("by", ["container id", "bare id", "uid"])
@pytest.mark.parametrize("rights", [PRIVILEGED, CAPABLE])
def test_a_tool_on_the_node_can_look_from_inside_a_pod(lab: LabServer, world: World, by: str, rights: Doc) -> None:
    target = world.pod("bare")
    lab.control.merge("pods", "bare", {"metadata": {"labels": {"app": "shut"}}}, "shop")
    deny = {"podSelector": {"matchLabels": {"app": "shut"}}, "policyTypes": ["Egress"]}
    world.ask("POST", world.policies, body={"metadata": {"name": "deny"}, "spec": deny})
    whole = target["status"]["containerStatuses"][0]["containerID"]
    name = {"container id": whole, "bare id": whole.partition("//")[2], "uid": target["metadata"]["uid"]}[by]
    entering = {"env": [{"name": "IRKIT_NETNS_OF", "value": name}], **rights}
    on = {"nodeName": target["spec"]["nodeName"], "hostPID": True}
    phase, ended = run(world, pod(f"{OUTSIDE}:443", container=entering, **on))
    assert (phase, ended["message"].splitlines()[0]) == ("Succeeded", f"{OUTSIDE}:443 refused")


@pytest.mark.parametrize("missing", ["hostPID", "rights", "node"])
def test_a_tool_that_may_not_enter_a_pod_says_so(world: World, missing: str) -> None:
    target = world.pod("bare")
    rights = {} if missing == "rights" else PRIVILEGED
    entering = {"env": [{"name": "IRKIT_NETNS_OF", "value": target["metadata"]["uid"]}], **rights}
    node = target["spec"]["nodeName"]
    if missing == "node":
        nodes = [each["metadata"]["name"] for each in world.get("/api/v1/nodes").doc["items"]]
        node = next(each for each in nodes if each != node)
    on = {"nodeName": node, **({} if missing == "hostPID" else {"hostPID": True})}
    phase, ended = run(world, pod(f"{OUTSIDE}:443", container=entering, **on))
    assert (phase, ended["exitCode"]) == ("Failed", 1)
    assert ended["message"].startswith("error ")
