"""Check the objects by which irkit denies against the engines' published CustomResourceDefinitions.

    python -m scripts.check_denials

Needs `go`, which fetches the engines' modules into its own cache (Cilium's and Calico's: some 250 MB, once), and
jsonschema. Nothing of them is committed. Unknown fields count as errors, and each schema is shown to find one.
Amazon's controller is no module that can be fetched: its ClusterNetworkPolicy follows the type in its repository
(api/v1alpha1), and tests/unit/actions/test_engines.py holds what that type demands.
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
"""Module and file by API group. Calico's API server (projectcalico.org/v3) takes the same fields as its storage."""
_MARK = Mark(within="context:check", case="IR-20261121-k7f2", action="kube.isolate_pod", scope="x", params="0" * 64)


def main() -> int:
    """Print each object's faults; 1 where there is one."""
    faults = 0
    for denial in DENIALS:
        place = SCHEMAS.get(denial.resource.group)
        if place is None:
            print(f"not checked  {denial.resource}")
            continue
        found = list(_faults(denial, _definition(*place)))
        faults += len(found)
        print(f"{'wrong' if found else 'right':<12} {denial.resource} by {place[0]}")
        for line in found:
            print(f"             {line}")
    return 1 if faults else 0


def _definition(module: str, path: str) -> dict[str, Any]:
    done = subprocess.run(["go", "mod", "download", "-json", module], check=True, capture_output=True, cwd="/")
    loaded: dict[str, Any] = yaml.safe_load((Path(json.loads(done.stdout)["Dir"]) / path).read_text())
    return loaded


def _faults(denial: Denial, definition: dict[str, Any]) -> list[str]:
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
    sys.exit(main())
