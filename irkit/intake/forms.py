"""Which form a document has, and the findings in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from irkit.errors import FindingError
from irkit.intake import asff
from irkit.intake.documents import about, camel, camelled, pruned, whole
from irkit.intake.text import clean
from irkit.intake.view import View, spelled

IMPORTED: Final = "Security Hub Findings - Imported"
CUSTOM_ACTION: Final = "Security Hub Findings - Custom Action"
NATIVE: Final = "GuardDuty Finding"
KNOWN: Final = (
    "irkit reads GuardDuty findings (an event, GetFindings output or one finding) and what GuardDuty sends to "
    "Security Hub (an event or ASFF)"
)
_NATIVE_KEYS: Final = frozenset({"accountId", "arn", "region", "resource", "schemaVersion", "severity", "service"})
_ASFF_KEYS: Final = frozenset({"AwsAccountId", "ProductArn", "GeneratorId", "Types", "Resources", "Workflow"})
_LIKE: Final = (
    ({"class_uid"}, "an OCSF finding"),
    ({"rule", "priority", "output"}, "a Falco alert"),
    ({"alerts", "receiver"}, "an Alertmanager webhook"),
    ({"alerts", "groupKey"}, "an Alertmanager webhook"),
    ({"Records"}, "a batch of records (SQS, SNS, S3 or CloudTrail)"),
    ({"TopicArn", "Message"}, "an SNS notification"),
    ({"Body", "ReceiptHandle"}, "an SQS message"),
    ({"event_type", "resource_type"}, "a PagerDuty event"),
    ({"apiVersion", "kind"}, "a Kubernetes object"),
)
"""Members that tell other forms; the first that fits."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding as received: where it stood in the document, and the event around it, if any."""

    form: Literal["guardduty", "securityhub"]
    name: str
    where: str
    value: dict[str, Any]
    envelope: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The finding's ARN, or its id where there is none, as the sender wrote it; "" where there is neither."""
        members = {camel(key): value for key, value in self.value.items()}
        keys = ("id",) if self.form == "securityhub" else ("arn", "id")
        return next((members[key] for key in keys if type(members.get(key)) is str), "")

    def is_called(self, pick: str) -> bool:
        """Whether somebody means this finding by an ARN or by the id at its end."""
        return pick in {self.id, self.id.rpartition("/")[2]}

    def view(self) -> View:
        """In GuardDuty's event form. Raises FindingError."""
        if self.form == "securityhub":
            requested = (self.envelope or {}).get("detail", {}).get("actionName")
            return asff.view(self.name, self.where, self.value, requested if type(requested) is str else "")
        native = pruned(camelled(self.value, twice=self._twice))
        return View(self.name, "guardduty", native, lambda path: spelled(self.value, self.where, path))

    def _twice(self, key: str) -> FindingError:
        return about(self.name, key, "is given in two spellings that mean the same member")

    def event(self, account: str, region: str) -> dict[str, Any]:
        """The EventBridge event that carries this finding alone: as received, or as AWS would send it."""
        if self.envelope is None:
            native = self.form == "guardduty"
            detail = camelled(self.value, twice=self._twice) if native else {"findings": [self.value]}
            return {
                "version": "0",
                "source": "aws.guardduty" if native else "aws.securityhub",
                "detail-type": NATIVE if native else IMPORTED,
                "account": account,
                "region": region,
                "resources": [],
                "detail": detail,
            }
        if self.form == "guardduty":
            return self.envelope
        return {**self.envelope, "detail": {**self.envelope["detail"], "findings": [self.value]}}


def entries(document: Any, name: str) -> tuple[Entry, ...]:  # noqa: ANN401 -- JSON of any shape
    """The findings in a document, at least one. Raises FindingError: an unknown form, or none in it."""
    if type(document) is list:
        items = [entry for index, item in enumerate(document) for entry in _entries(item, name, f"[{index}]")]
    else:
        items = list(_entries(document, name, ""))
    if not items:
        raise whole(name, "holds no finding")
    return tuple(items)


def _entries(item: Any, name: str, where: str) -> Iterator[Entry]:  # noqa: ANN401 -- JSON of any shape
    if type(item) is not dict:
        raise about(name, where or "the document", "must be an object", hint=KNOWN)
    if "detail-type" in item or ("detail" in item and "source" in item):
        yield from _enveloped(item, name, where)
        return
    key = next((key for key in ("Findings", "findings") if type(item.get(key)) is list), "")
    if key:
        base = f"{where}.{key}" if where else key
        for index, finding in enumerate(item[key]):
            yield _bare(finding, name, f"{base}[{index}]")
        return
    yield _bare(item, name, where)


def _bare(item: Any, name: str, where: str) -> Entry:  # noqa: ANN401 -- JSON of any shape
    if type(item) is not dict:
        raise about(name, where, "must be an object", hint=KNOWN)
    if "ProductArn" in item or len(_ASFF_KEYS & item.keys()) > 2:  # noqa: PLR2004 -- most of a damaged one
        return Entry("securityhub", name, where, item)
    if len(_NATIVE_KEYS & {camel(key) for key in item}) > 2:  # noqa: PLR2004 -- most of a damaged one
        return Entry("guardduty", name, where, item)
    raise _unknown(item, name, where)


def _enveloped(event: dict[str, Any], name: str, where: str) -> Iterator[Entry]:
    base = f"{where}." if where else ""
    kind, source, detail = event.get("detail-type"), event.get("source"), event.get("detail")
    if kind == "Findings Imported V2":
        raise _unsupported(name, "an OCSF finding of Security Hub V2", where)
    if kind not in (NATIVE, IMPORTED, CUSTOM_ACTION):
        raise about(name, f"{base}detail-type", "is not that of a finding's event", hint=KNOWN)
    expected = "aws.guardduty" if kind == NATIVE else "aws.securityhub"
    if source != expected:
        raise about(name, f"{base}source", f"must be {expected} for a {kind}")
    if type(detail) is not dict:
        raise about(name, f"{base}detail", "must be an object")
    if kind == NATIVE:
        yield Entry("guardduty", name, f"{base}detail", detail, event)
        return
    findings = detail.get("findings")
    if type(findings) is not list:
        raise about(name, f"{base}detail.findings", "must be a list")
    for index, finding in enumerate(findings):
        at = f"{base}detail.findings[{index}]"
        if type(finding) is not dict:
            raise about(name, at, "must be an object")
        yield Entry("securityhub", name, at, finding, event)


def _unknown(item: dict[str, Any], name: str, where: str) -> FindingError:
    inner = item.get("event")  # PagerDuty wraps once
    keys = item.keys() | (inner.keys() if type(inner) is dict else set())
    for members, what in _LIKE:
        if members <= keys:
            return _unsupported(name, what, where)
    problem = "is not a finding in a form that irkit knows"
    return about(name, where, problem, hint=KNOWN) if where else whole(name, problem, hint=KNOWN)


def _unsupported(name: str, what: str, where: str) -> FindingError:
    place = f"{clean(name, 200)}: {where}" if where else clean(name, 200)
    return FindingError(f"{place} looks like {what}, which irkit cannot read yet", field=where, hint=KNOWN)
