"""Routes are data: checked as a whole when they are loaded, the first match proposes its playbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from irkit.actions.catalog import Catalog
from irkit.errors import ConfigError, FindingError
from irkit.intake import receive
from irkit.intake.routing import Route, load_routes, match
from irkit.playbook import load_playbook, shipped
from tests.support import guardduty as g

SHIPPED = load_routes((Path(__file__).parents[3] / "playbooks" / "routes.yaml").read_bytes(), "routes.yaml")

HEAD = "apiVersion: irkit.dev/v1alpha1\nkind: Routes\nspec:\n  routes:\n"
ROUTE = "    - name: {name}\n      pattern: {{source: [{source}]}}\n      playbook: p\n"


def routes(text: str) -> tuple[Route, ...]:
    return load_routes(text.encode(), "routes.yaml")


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        routes(text)
    return caught.value


def received(value: Any) -> tuple[Route | None, Any]:
    found = receive(orjson.dumps(value), source_name="f")
    return match(SHIPPED, found.event), found.finding


# -- loading -----------------------------------------------------------------------------------------


def test_the_first_route_that_matches_wins() -> None:
    found = routes(HEAD + ROUTE.format(name="one", source="x") + ROUTE.format(name="two", source="x, y"))

    def name(source: str) -> str:
        route = match(found, {"source": source})
        return route.name if route else ""

    assert [name("x"), name("y"), name("z")] == ["one", "two", ""]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- 1", "routes.yaml:1:1: the file must be an object"),
        ("kind: Routes", "apiVersion must be text, got nothing"),
        ("apiVersion: v2\nkind: Routes", "apiVersion must be irkit.dev/v1alpha1"),
        (HEAD.replace("Routes", "Playbook") + ROUTE.format(name="a", source="x"), "kind must be Routes"),
        (HEAD + "    []", "spec.routes must be a list of 1 to 200 routes"),
        (HEAD + "    - 5", "spec.routes[0] must be an object"),
        (HEAD + "    - name: a\n", "spec.routes[0].pattern must be an object with members"),
        (HEAD + ROUTE.format(name="A", source="x"), "spec.routes[0].name must be a name of lower-case"),
        (HEAD + ROUTE.format(name="a", source="x") * 2, "spec.routes[1].name must be a name of its own"),
        (
            HEAD + ROUTE.format(name="a", source="{prefx: y}"),
            "routes.yaml:6:26: spec.routes[0].pattern.source[0] must be a comparison",
        ),
        (HEAD + ROUTE.format(name="a", source=""), "spec.routes[0].pattern.source must be a list of values"),
        (HEAD + ROUTE.format(name="a", source="x") + "      when: now", "spec.routes[0] must be an object with only"),
        (HEAD + ROUTE.format(name="a", source="x") + "      inputs: {pod: shop/web}", "inputs.pod must be one of"),
        (
            HEAD + ROUTE.format(name="a", source="x") + "      inputs: {pod: '${finding.title}'}",
            "inputs.pod must be one of",
        ),
        (
            HEAD + ROUTE.format(name="a", source="x") + "      inputs: {Pod: '${finding.target}'}",
            "inputs must be named",
        ),
        (HEAD + ROUTE.format(name="a", source="x") + "      inputs: {1: '${finding.target}'}", "inputs must be named"),
    ],
)
def test_a_file_that_is_not_routes_is_refused_with_the_place(text: str, says: str) -> None:
    error = refusal(text)

    assert says in error.message
    assert error.message.startswith("routes.yaml")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "1:1"),
        (b"a: [", ""),
        (b"a: 1\na: 2", "2:1"),
        (b"a: &x 1\nb: *x", "1:4"),
        (b"a: *x", "1:4"),
        (b"[" * 50_000, "1:"),
        (b"#" * 300_000, "1:1"),
        (b"a: 1\nb: \xff", "2:1"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_line_and_column(data: bytes, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_routes(data, "routes.yaml")

    assert caught.value.message.startswith(f"routes.yaml:{place}")
    assert caught.value.did == "nothing was run"


# -- the shipped routes ------------------------------------------------------------------------------

POD_KINDS = [
    "Execution:Runtime/ReverseShell",
    "Backdoor:Runtime/C&CActivity.B",
    "CryptoCurrency:Runtime/BitcoinTool.B",
    "PrivilegeEscalation:Runtime/RuncContainerEscape",
    "Execution:Kubernetes/MaliciousFile",
    "Execution:Kubernetes/AnomalousBehavior.WorkloadDeployed",
    "PrivilegeEscalation:Kubernetes/AnomalousBehavior.WorkloadDeployed!PrivilegedContainer",
    "Persistence:Kubernetes/AnomalousBehavior.WorkloadDeployed!ContainerWithSensitiveMount",
    "PrivilegeEscalation:Kubernetes/PrivilegedContainer",
    "Persistence:Kubernetes/ContainerWithSensitiveMount",
]
EXEC_KINDS = ["Execution:Kubernetes/ExecInKubeSystemPod", "Execution:Kubernetes/AnomalousBehavior.ExecInPod"]
ACCOUNT_KINDS = [
    "CredentialAccess:Kubernetes/MaliciousIPCaller",
    "Discovery:Kubernetes/MaliciousIPCaller.Custom",
    "Impact:Kubernetes/TorIPCaller",
    "CredentialAccess:Kubernetes/AnomalousBehavior.SecretsAccessed",
    "Discovery:Kubernetes/AnomalousBehavior.PermissionChecked",
    "PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleCreated",
    "PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleBindingCreated",
]
EXPOSED_KINDS = ["Policy:Kubernetes/ExposedDashboard", "Policy:Kubernetes/KubeflowDashboardExposed"]
OTHER_KINDS = [
    "Discovery:Kubernetes/MaliciousIPCaller",
    "Policy:Kubernetes/AnonymousAccessGranted",
    "CredentialAccess:Kubernetes/AnomalousBehavior.SecretsAccessed",
    "PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleCreated",
    "Backdoor:EC2/C&CActivity.B!DNS",
    "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
    "AttackSequence:EKS/CompromisedCluster",
]


@pytest.mark.parametrize("form", g.FORMS)
@pytest.mark.parametrize("kind", POD_KINDS)
def test_findings_about_a_pod_go_to_the_pods_playbook(kind: str, form: Any) -> None:
    route, finding = received(form(g.finding(7, kind=kind)))

    assert route is not None
    assert route.playbook == "compromised-pod"
    assert route.arguments(finding) == {"pod": finding.target.dump()}


@pytest.mark.parametrize("form", g.FORMS)
@pytest.mark.parametrize("kind", EXEC_KINDS)
def test_findings_about_a_pod_that_was_entered_go_to_a_playbook_of_their_own(kind: str, form: Any) -> None:
    route, finding = received(form(g.finding(7, kind=kind)))

    assert route is not None
    assert route.playbook == "suspicious-exec"
    assert route.arguments(finding) == {"pod": finding.target.dump()}


def called_by(username: str, kind: str) -> Any:
    value = g.finding(7, kind=kind)
    value["Resource"]["KubernetesDetails"].setdefault("KubernetesUserDetails", {})["Username"] = username
    return value


@pytest.mark.parametrize("form", g.FORMS)
@pytest.mark.parametrize("kind", ACCOUNT_KINDS)
def test_findings_about_a_service_account_that_calls_go_to_its_playbook(kind: str, form: Any) -> None:
    """The pod that they name is what was asked for, and not who asked."""
    route, finding = received(form(called_by("system:serviceaccount:shop:web", kind)))

    assert route is not None
    assert route.playbook == "compromised-serviceaccount"
    given: Any = route.arguments(finding)["service_account"]
    assert (given["kind"], given["namespace"], given["name"]) == ("ServiceAccount", "shop", "web")


@pytest.mark.parametrize("form", g.FORMS)
@pytest.mark.parametrize("name", ["system:anonymous", "ana", "system:node:ip-10-0-3-17.ec2.internal"])
@pytest.mark.parametrize("kind", ACCOUNT_KINDS)
def test_the_same_by_anybody_else_goes_nowhere(kind: str, name: str, form: Any) -> None:
    assert received(form(called_by(name, kind)))[0] is None


@pytest.mark.parametrize("form", g.FORMS)
@pytest.mark.parametrize("kind", EXPOSED_KINDS)
def test_an_exposed_dashboard_goes_to_its_playbook_where_its_workload_is_named(kind: str, form: Any) -> None:
    route, finding = received(form(g.finding(7, kind=kind, Type="deployments")))

    assert route is not None
    assert route.playbook == "exposed-dashboard"
    assert route.arguments(finding) == {"workload": finding.target.dump()}
    assert received(form(g.finding(7, kind=kind, Type="services")))[0] is None


@pytest.mark.parametrize("form", g.FORMS)
@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_findings_go_nowhere_even_if_they_name_a_pod(kind: str, form: Any) -> None:
    assert received(form(g.finding(7, kind=kind)))[0] is None


@pytest.mark.parametrize("kind", [POD_KINDS[0], *EXEC_KINDS])
@pytest.mark.parametrize("form", g.FORMS)
@pytest.mark.parametrize("changes", [{"Type": "deployments"}, {"Type": ""}, {"Type": ..., "Name": ...}])
def test_a_finding_about_no_pod_goes_nowhere(changes: dict[str, Any], form: Any, kind: str) -> None:
    assert received(form(g.finding(7, kind=kind, **changes)))[0] is None


def test_the_shipped_routes_give_their_playbooks_what_these_need() -> None:
    for route in SHIPPED:
        playbook = load_playbook(*shipped.load(route.playbook), Catalog.builtin())
        known = {one.name: one for one in playbook.inputs}

        assert route.inputs.keys() <= known.keys()
        assert {name for name, one in known.items() if one.required} <= route.inputs.keys()


def test_an_archived_import_goes_nowhere() -> None:
    value = g.asff(g.drill())

    assert received(g.hub_event({**value, "RecordState": "ARCHIVED"}))[0] is None
    assert received(g.hub_event({**value, "RecordState": "ACTIVE"}))[0] is not None


def test_a_picked_finding_is_not_routed_by_its_neighbours() -> None:
    pod, other = g.asff(g.drill()), g.asff(g.finding(1, kind="Discovery:Kubernetes/MaliciousIPCaller"))
    data = orjson.dumps(g.hub_event(pod, other))

    found = [match(SHIPPED, receive(data, source_name="f", pick=item["Id"]).event) for item in (pod, other)]

    assert [route and route.name for route in found] == ["compromised-pod-security-hub", None]


def test_a_route_that_passes_on_what_the_finding_lacks_says_so() -> None:
    route, _ = received(g.drill())
    _, finding = received(g.finding(1, Name=""))

    assert route is not None
    with pytest.raises(FindingError) as caught:
        route.arguments(finding)
    assert "names no object in the cluster" in caught.value.message
    assert caught.value.field == "target"


def test_a_route_passes_on_typed_values_only() -> None:
    text = (
        HEAD
        + ROUTE.format(name="a", source="x")
        + (
            "      inputs: {pod: '${finding.target}', actor: '${finding.actor.service_account}', kind: '${finding.type}',"
            " cluster: '${finding.cluster}', id: '${finding.id}'}"
        )
    )
    user = {"KubernetesUserDetails": {"Username": "system:serviceaccount:a:b"}}
    value = g.drill()
    value["Resource"]["KubernetesDetails"].update(user)
    finding = receive(orjson.dumps(value), source_name="f").finding

    given = routes(text)[0].arguments(finding)

    assert finding.target is not None
    assert finding.actor is not None
    assert finding.actor.service_account is not None
    assert finding.cluster is not None
    assert given == {
        "pod": finding.target.dump(),
        "actor": finding.actor.service_account.dump(),
        "cluster": finding.cluster.dump(),
        "kind": "Execution:Runtime/ReverseShell",
        "id": value["Arn"],
    }
