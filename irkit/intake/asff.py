"""Security Hub's finding format (ASFF) -> GuardDuty's event form.

Source: AWS Security Hub user guide, ASFF syntax; GuardDuty user guide, "Viewing GuardDuty findings in Security Hub".
What GuardDuty's form nests, ASFF flattens to texts under `Resources[].Details.Other`, with `/` between members,
`.0_` for a list's first item, "" for an absent object and "[]" for an empty list. Only GuardDuty's findings are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from irkit.errors import Malformed
from irkit.intake.documents import MAX_BYTES, about
from irkit.intake.guardduty import ARN
from irkit.intake.text import clean
from irkit.intake.view import View
from irkit.model.doc import Doc

_PRODUCT: Final = re.compile(
    r"arn:aws[a-z-]{0,16}:securityhub:(?P<region>[a-z0-9-]{1,30}):[0-9]{0,12}:product/aws/guardduty"
)
_GENERATOR: Final = re.compile(
    r"arn:aws[a-z-]{0,16}:guardduty:(?P<region>[a-z0-9-]{1,30}):(?P<account>[0-9]{12}):detector/(?P<detector>[0-9A-Za-z]{1,300})"
)
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_TYPE: Final = re.compile(r"(?P<threat>[A-Za-z]{1,40}:[A-Za-z0-9]{1,40})-(?P<rest>[A-Za-z0-9./_!&-]{1,120})")
_MEMBER: Final = re.compile(r"(?P<name>[A-Za-z]{1,60})(?:\.(?P<index>\d{1,3})_)?", re.ASCII)
_PREFIX: Final = "kubernetesDetails/"
_SAMPLE: Final = "aws/guardduty/service/additionalInfo/sample"
_LABELS: Final = {"LOW": 1.0, "MEDIUM": 4.0, "HIGH": 7.0, "CRITICAL": 9.0}
"""The lower ends of GuardDuty's own bands, for a finding that says no number."""
_PLAIN: Final = {
    "accountId": "AwsAccountId",
    "region": "Region",
    "arn": "Id",
    "id": "Id",
    "type": "Types",
    "severity": "Severity",
    "title": "Title",
    "createdAt": "CreatedAt",
    "updatedAt": "UpdatedAt",
    "resource.eksClusterDetails.arn": "Resources",
}


def view(name: str, where: str, finding: dict[str, Any], requested: str = "") -> View:
    """The finding in GuardDuty's event form. Raises FindingError, in ASFF's words."""
    doc = Doc(finding, name)
    try:
        _agree(doc, name, where)
        resources = tuple(doc.each("Resources"))
        cluster, at = _cluster(resources, name, where)
        kubernetes, flat_at = _kubernetes(resources, name, where)
        container, container_at = _container(resources)
        sample, at["service.additionalInfo.sample"] = _sample(doc)
        found = ARN.fullmatch(doc.text("Id"))
        native: dict[str, Any] = {
            "accountId": doc.text("AwsAccountId"),
            "region": doc.text("Region"),
            "arn": doc.text("Id"),
            "id": found["id"] if found else "",
            "type": _type(doc, name, where),
            "severity": _severity(doc),
            "title": doc.text("Title", default="", limit=MAX_BYTES),
            "createdAt": doc.text("CreatedAt"),
            "updatedAt": doc.text("UpdatedAt"),
            "resource": {
                "eksClusterDetails": cluster,
                "kubernetesDetails": kubernetes,
                "containerDetails": container,
            },
            "service": {"additionalInfo": {"sample": sample}},
        }
    except Malformed as error:
        raise about(name, _join(where, error.path), f"must be {error.expected}, got {error.got}") from None

    known = {**_PLAIN, **at, **container_at}

    def words(path: str) -> str:
        if path in known:
            return _join(where, known[path])
        flat = re.sub(r"\[(\d+)\]", r".\1_", path.removeprefix("resource.").replace(".", "/"))
        return _join(where, f'{flat_at}["{flat}"]')

    return View(name=name, source="securityhub", native=native, words=words, requested=requested)


def _agree(doc: Doc, name: str, where: str) -> None:
    """Account, region and product must say the same: half of a finding may have been rewritten on its way."""
    account, region = doc.text("AwsAccountId", limit=MAX_BYTES), doc.text("Region")
    if not _ACCOUNT.fullmatch(account):
        hint = "an AWS account id has 12 digits; where a publisher masked it, put the real one"
        problem = f"must be a 12-digit account id, got other text of {len(account)} characters"
        raise about(name, _join(where, "AwsAccountId"), problem, hint=hint)
    product = _PRODUCT.fullmatch(doc.text("ProductArn"))
    if product is None:
        hint = "irkit reads what GuardDuty sends to Security Hub; other products' findings are not supported yet"
        raise about(name, _join(where, "ProductArn"), "is not GuardDuty's", hint=hint)
    generator = _GENERATOR.fullmatch(doc.text("GeneratorId"))
    if generator is None:
        raise about(name, _join(where, "GeneratorId"), "must be the ARN of a GuardDuty detector, got other text")
    found = ARN.fullmatch(doc.text("Id"))
    if found is None:
        raise about(name, _join(where, "Id"), "must be the ARN of a GuardDuty finding, got other text")
    for field, match in (("ProductArn", product), ("GeneratorId", generator), ("Id", found)):
        if match["region"] != region:
            raise about(name, _join(where, field), f"is of another region than {_join(where, 'Region')}")
    for field, match in (("GeneratorId", generator), ("Id", found)):
        if match["account"] != account:
            raise about(name, _join(where, field), f"is of account {match['account']}, but AwsAccountId is {account}")
    if generator["detector"] != found["detector"]:
        raise about(name, _join(where, "GeneratorId"), "is not the detector in the finding's Id")


def _type(doc: Doc, name: str, where: str) -> str:
    """`TTPs/Discovery/Discovery:Kubernetes-TorIPCaller` is GuardDuty's `Discovery:Kubernetes/TorIPCaller`."""
    texts = doc.texts("Types") or doc.texts("FindingProviderFields", "Types")
    found = {}
    for text in texts:
        match = _TYPE.fullmatch(text.rpartition("/")[2])
        if match:
            found[f"{match['threat']}/{match['rest']}"] = text
    if len(found) != 1:
        problem = "name several GuardDuty finding types" if found else "name no GuardDuty finding type"
        raise about(name, _join(where, "Types"), problem)
    return next(iter(found))


def _severity(doc: Doc) -> Any:  # noqa: ANN401 -- checked with the native form's
    """GuardDuty's own number; ASFF's label may be changed by anybody who works on the finding."""
    for path in (("Severity",), ("FindingProviderFields", "Severity")):
        product = doc.part(*path).raw.get("Product")
        if product is not None:
            return product
    label = doc.text("Severity", "Label", default="")
    return _LABELS.get(label)


def _sample(doc: Doc) -> tuple[bool, str]:
    """Whether GuardDuty made the finding up, and where it says so."""
    if doc.flag("Sample", default=False):
        return True, "Sample"
    return doc.part("ProductFields").raw.get(_SAMPLE) == "true", f'ProductFields["{_SAMPLE}"]'


def _cluster(resources: tuple[Doc, ...], name: str, where: str) -> tuple[dict[str, str], dict[str, str]]:
    """The cluster's members, and the sender's paths of them."""
    found: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    for resource in resources:
        if resource.text("Type", default="") != "AwsEksCluster":
            continue
        details = resource.part("Details", "AwsEksCluster")
        arn, arn_at = details.text("Arn", default=""), f"{details.path}.Arn"
        if not arn:
            arn, arn_at = resource.text("Id"), f"{resource.path}.Id"
        native = {"arn": arn, **({"name": details.text("Name")} if details.raw.get("Name") else {})}
        at = {"resource.eksClusterDetails.arn": arn_at, "resource.eksClusterDetails.name": f"{details.path}.Name"}
        found.setdefault(arn, (native, at))
    if len(found) > 1:
        listed = ", ".join(clean(arn, 200) for arn in sorted(found)[:10])
        hint = "irkit acts on one cluster a case"
        raise about(name, _join(where, "Resources"), f"name several EKS clusters: {listed}", hint=hint)
    return next(iter(found.values()), ({}, {}))


def _kubernetes(resources: tuple[Doc, ...], name: str, where: str) -> tuple[dict[str, Any], str]:
    """What the resources say of user and workload; two that differ are ambiguous."""
    merged: dict[str, Any] = {}
    at = "Resources.Details.Other"
    for resource in resources:
        other = resource.part("Details", "Other")
        for member, value in _unflattened(other, name, where).items():
            if merged.setdefault(member, value) != value:
                problem = f"differ in {member}: {_listed(merged[member], value)}"
                hint = "irkit acts on one workload a case: irkit contain pod NAMESPACE/NAME"
                raise about(name, _join(where, "Resources"), problem, hint=hint)
            at = other.path
    return merged, at


def _listed(*details: Any) -> str:  # noqa: ANN401 -- JSON of any shape
    texts = (f"{part.get('namespace', '?')}/{part.get('name', '?')}" if type(part) is dict else "?" for part in details)
    return ", ".join(clean(text, 200) for text in texts)


def _unflattened(other: Doc, name: str, where: str) -> dict[str, Any]:
    """The nested form of the members below `kubernetesDetails/`."""
    root: dict[str, Any] = {}
    for key, value in other.raw.items():
        if not key.startswith(_PREFIX) or value in ("", None, "{}"):
            continue
        members = [_MEMBER.fullmatch(part) for part in key.removeprefix(_PREFIX).split("/")]
        steps = [step for member in members if member for step in _steps(member)]
        if not all(members) or not 0 < len(members) <= 8:  # noqa: PLR2004 -- GuardDuty's own has four levels
            continue  # a label or an annotation: nothing that is read here
        if not _put(root, steps, [] if value == "[]" else value):
            raise about(name, _join(where, other.path), "gives one Kubernetes member as text and as object")
    nested = _lists(root)
    return nested if type(nested) is dict else {}


def _steps(member: re.Match[str]) -> Iterator[str | int]:
    yield member["name"]
    if member["index"] is not None:
        yield int(member["index"])


def _put(root: dict[Any, Any], steps: list[str | int], value: Any) -> bool:  # noqa: ANN401 -- JSON of any shape
    node = root
    for step in steps[:-1]:
        node = node.setdefault(step, {})
        if type(node) is not dict:
            return False
    return node.setdefault(steps[-1], value) is value


def _lists(node: Any) -> Any:  # noqa: ANN401 -- JSON of any shape
    """Objects whose members are numbers, as lists in their order."""
    if type(node) is not dict:
        return node
    if node and all(type(key) is int for key in node):
        return [_lists(node[index]) for index in sorted(node)]
    return {str(key): _lists(value) for key, value in node.items()}


def _container(resources: tuple[Doc, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """The container of a runtime finding, and the sender's paths of its members."""
    for resource in resources:
        details = resource.part("Details", "Container")
        if details.raw:
            named = (("name", "Name"), ("image", "ImageName"))
            at = {f"resource.containerDetails.{key}": f"{details.path}.{word}" for key, word in named}
            return {key: details.text(word, default="", limit=MAX_BYTES) for key, word in named}, at
    return {}, {}


def _join(base: str, path: str) -> str:
    return f"{base}.{path}" if base and path else base or path
