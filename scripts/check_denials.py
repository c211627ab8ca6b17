"""Check the objects by which irkit denies against the engines' published CustomResourceDefinitions.

    python -m scripts.check_denials                # Cilium's, and the storage of Calico's
    kubectl get crd clusternetworkpolicies.networking.k8s.aws -o yaml > crd.yaml
    python -m scripts.check_denials crd.yaml       # those of a cluster

Without a file it needs `go`, which fetches the engines' modules into its own cache (some 250 MB, once); always
jsonschema. Nothing of them is committed. Unknown fields count as errors, and each schema is shown to find one.
Amazon's controller and Calico's API are no modules that can be fetched: what their published definitions say of the
fields that irkit writes is held by tests/unit/actions/test_denial_schemas.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from irkit.actions.kube.engines import DENIALS, Denial
from irkit.model.effects import Mark

SCHEMAS = {
    "cilium.io": (
        "github.com/cilium/cilium@v1.20.2",
        "pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnetworkpolicies.yaml",
    ),
    "crd.projectcalico.org": (
        "github.com/projectcalico/calico@v1.11.0-cni-plugin.0.20250813170300-a0db560f0520",
        "libcalico-go/config/crd/crd.projectcalico.org_globalnetworkpolicies.yaml",
    ),
}
"""Module and file by API group."""
_MARK = Mark(within="context:check", case="IR-20261121-k7f2", action="kube.isolate_pod", scope="x", params="0" * 64)


def main(files: list[str]) -> int:
    """Print each object's faults; 1 where there is one."""
    given = {group: (one, name) for name in files for group, one in read(Path(name)).items()}
    wrong = 0
    for denial in DENIALS:
        group = denial.resource.group
        if not files and group in SCHEMAS:
            given[group] = (_definition(*SCHEMAS[group]), SCHEMAS[group][0])
        if group not in given:
            print(f"not checked  {denial.resource}")
            continue
        found = faults(denial, given[group][0])
        wrong += len(found)
        print(f"{'wrong' if found else 'right':<12} {denial.resource} by {given[group][1]}")
        for line in found:
            print(f"             {line}")
    return 1 if wrong else 0


def read(file: Path) -> dict[str, dict[str, Any]]:
    """The definitions of irkit's kinds in a YAML file, by API group: one, several documents, or a list."""
    kinds = {(one.resource.group, one.resource.plural) for one in DENIALS}
    found = [item for doc in yaml.safe_load_all(file.read_text()) if doc for item in doc.get("items", [doc])]
    wanted = [one for one in found if (one["spec"].get("group"), one["spec"]["names"]["plural"]) in kinds]
    return {one["spec"]["group"]: one for one in wanted}


def _definition(module: str, path: str) -> dict[str, Any]:
    done = subprocess.run(["go", "mod", "download", "-json", module], check=True, capture_output=True, cwd="/")
    loaded: dict[str, Any] = yaml.safe_load((Path(json.loads(done.stdout)["Dir"]) / path).read_text())
    return loaded


def faults(denial: Denial, definition: dict[str, Any]) -> list[str]:
    """What of the object that irkit writes the definition does not take."""
    spec, resource = definition["spec"], denial.resource
    version = next(one for one in spec["versions"] if one["name"] == resource.version)
    found = [
        f"{what} is not what the definition says"
        for what, same in (
            ("the kind", spec["names"]["kind"] == resource.kind),
            ("the plural", spec["names"]["plural"] == resource.plural),
            ("the scope", (spec["scope"] == "Namespaced") == resource.namespaced),
        )
        if not same
    ]
    schema = _closed(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {}
    check = jsonschema.Draft4Validator(schema)
    body: Any = denial.create("context:check", f"irkit-k7f2-{_MARK.short}", _MARK, "shop").body
    if check.is_valid({**body, "spec": {**body["spec"], "nonsense": True}}):
        found.append("the schema finds no unknown field")
    return [*found, *(f"{'.'.join(map(str, one.path))}: {one.message[:200]}" for one in check.iter_errors(body))]


def _closed(schema: Any) -> Any:  # noqa: ANN401 -- a schema of any shape
    """The schema with unknown fields as errors: an API server would drop them in silence."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _closed(value) for key, value in schema.items()}
    if made.get("type") == "object" and "properties" in made and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if made.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
