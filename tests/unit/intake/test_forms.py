"""Which document holds which findings; one is meant, or it must be said which."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest

from irkit.errors import FindingError
from irkit.intake import parse_all, read_finding, receive
from irkit.model.findings import Finding
from tests.support import guardduty as g

ONE, TWO = g.finding(1), g.finding(2)


def refusal(value: Any, **options: Any) -> FindingError:
    with pytest.raises(FindingError) as caught:
        read_finding(orjson.dumps(value), source_name="f.json", **options)
    return caught.value


@pytest.mark.parametrize(
    ("document", "like"),
    [
        ({"class_uid": 2004, "cloud": {}}, "an OCSF finding"),
        ({"detail-type": "Findings Imported V2", "source": "aws.securityhub", "detail": {}}, "an OCSF finding"),
        ({"rule": "r", "priority": "Error", "output": "o"}, "a Falco alert"),
        ({"alerts": [], "groupKey": "k", "version": "4"}, "an Alertmanager webhook"),
        ({"alerts": [], "receiver": "r"}, "an Alertmanager webhook"),
        ({"Records": [{"body": "{}"}]}, "a batch of records"),
        ({"Type": "Notification", "TopicArn": "t", "Message": "{}"}, "an SNS notification"),
        ({"MessageId": "m", "ReceiptHandle": "r", "Body": "{}"}, "an SQS message"),
        ({"event": {"event_type": "incident.triggered", "resource_type": "incident"}}, "a PagerDuty event"),
        ({"apiVersion": "v1", "kind": "Pod"}, "a Kubernetes object"),
    ],
)
def test_another_form_is_called_by_its_name(document: dict[str, Any], like: str) -> None:
    error = refusal(document)

    assert f"looks like {like}" in error.message
    assert "cannot read yet" in error.message
    assert "irkit reads GuardDuty findings" in error.hint


@pytest.mark.parametrize(
    ("document", "field", "says"),
    [
        ({}, "", "is not a finding in a form that irkit knows"),
        ({"Type": "x"}, "", "is not a finding in a form that irkit knows"),
        ({"Findings": []}, "", "holds no finding"),
        ({"Findings": [7]}, "Findings[0]", "must be an object"),
        ({"Findings": [{"rule": 1, "priority": 2, "output": 3}]}, "Findings[0]", "looks like a Falco alert"),
        ([{}], "[0]", "is not a finding in a form that irkit knows"),
        (
            {**g.event(ONE), "detail-type": "EC2 Instance State-change"},
            "detail-type",
            "is not that of a finding's event",
        ),
        ({**g.event(ONE), "source": "my.app"}, "source", "must be aws.guardduty"),
        ({**g.hub_event(), "source": "aws.guardduty"}, "source", "must be aws.securityhub"),
        ({**g.event(ONE), "detail": None}, "detail", "must be an object"),
        ({**g.hub_event(), "detail": {}}, "detail.findings", "must be a list"),
        (g.hub_event(), "", "holds no finding"),
        (g.hub_event({}), "detail.findings[0].AwsAccountId", "must be text"),
        ({"source": "aws.guardduty", "detail": g.lowered(ONE)}, "detail-type", "is not that of a finding's event"),
    ],
)
def test_a_document_without_a_finding_says_what_is_missing(document: Any, field: str, says: str) -> None:
    error = refusal(document)

    assert error.field == field
    assert says in error.message


SEVERAL = [
    {"Findings": [ONE, TWO]},
    [ONE, g.lowered(TWO)],
    [g.event(ONE), g.event(TWO)],
    [g.asff(ONE), g.event(TWO)],
    {"Findings": [g.asff(ONE), g.asff(TWO)]},
    g.hub_event(g.asff(ONE), g.asff(TWO), action="Contain"),
]


@pytest.mark.parametrize("document", SEVERAL)
def test_several_findings_need_a_pick_and_are_listed(document: Any) -> None:
    error = refusal(document)

    assert "holds 2 findings" in error.message
    assert ONE["Arn"] in error.message
    assert TWO["Arn"] in error.message
    assert "--pick" in error.hint


@pytest.mark.parametrize("document", SEVERAL)
@pytest.mark.parametrize("pick", [TWO["Id"], TWO["Arn"]])
def test_a_finding_is_picked_by_its_id_or_its_arn(document: Any, pick: str) -> None:
    found = receive(orjson.dumps(document), source_name="f.json", pick=pick)

    assert found.finding.id == TWO["Arn"]
    assert ONE["Id"].encode() not in orjson.dumps(found.event)


def test_a_pick_that_is_not_there_lists_what_is() -> None:
    error = refusal({"Findings": [ONE, TWO]}, pick="\x1b[2J")

    assert "holds no finding of the id that was picked" in error.message
    assert TWO["Arn"] in error.message
    assert "\x1b" not in error.message


def test_the_only_finding_is_not_taken_for_another_pick() -> None:
    assert "holds no finding of the id" in refusal(ONE, pick=TWO["Id"]).message


def test_the_same_finding_twice_is_not_guessed_at() -> None:
    assert "holds 2 findings of the id" in refusal([ONE, ONE], pick=ONE["Id"]).message


def test_a_broken_neighbour_does_not_hide_the_picked_finding() -> None:
    broken = {**ONE, "Severity": "high"}

    assert read_finding(orjson.dumps([broken, TWO]), source_name="f", pick=TWO["Id"]).id == TWO["Arn"]


def test_a_list_of_many_is_cut() -> None:
    many = [{**g.finding(seed), "Arn": "\x1b" + "x" * 999} for seed in range(12)]

    error = refusal(many)

    assert error.message.endswith(" and 2 more")
    assert "\x1b" not in error.message
    assert len(error.message) < 5000


def test_all_findings_are_read_each_or_with_its_own_error() -> None:
    broken = {**ONE, "Severity": "high"}

    first, second = parse_all(orjson.dumps({"Findings": [broken, TWO]}), source_name="f.json")

    assert isinstance(first, FindingError)
    assert first.field == "Findings[0].Severity"
    assert isinstance(second, Finding)
    assert second.id == TWO["Arn"]


def test_the_digest_is_of_the_bytes_as_received() -> None:
    spaced = b"\n " + orjson.dumps(ONE)

    one, two = (read_finding(data, source_name="f").raw_sha256 for data in (spaced, spaced.strip()))

    assert one != two
    assert one == hashlib.sha256(spaced).hexdigest()


@pytest.mark.parametrize("form", [g.lowered, lambda value: value])
def test_a_bare_finding_is_routed_as_the_event_that_would_have_carried_it(form: Any) -> None:
    event = receive(orjson.dumps(form(ONE)), source_name="f").event

    sent = g.event(ONE)
    assert {key: event[key] for key in ("source", "detail-type", "account", "region")} == {
        key: sent[key] for key in ("source", "detail-type", "account", "region")
    }
    assert event["detail"]["resource"]["kubernetesDetails"] == sent["detail"]["resource"]["kubernetesDetails"]
    assert event["detail"]["type"] == ONE["Type"]


def test_an_event_is_routed_as_it_was_received() -> None:
    sent = g.hub_event(g.asff(ONE), action="Contain")

    assert receive(orjson.dumps(sent), source_name="f").event == sent
    assert receive(orjson.dumps(g.event(ONE)), source_name="f").event == orjson.loads(orjson.dumps(g.event(ONE)))
