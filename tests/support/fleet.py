"""A playbook about all pods of a namespace: what a fleet is tested and measured with."""

from __future__ import annotations

_HEAD = """\
apiVersion: irkit.dev/v1alpha1
kind: Playbook
metadata: {name: fleet, title: Label and isolate all pods of a namespace}
spec:
  inputs: {namespace: {type: namespace}}
  steps:
    - {id: scope, uses: kube.scope_namespace, with: {namespace: "${inputs.namespace}"}}
"""
_EACH = '    - {{id: {0}, uses: kube.{0}_pod, for_each: "${{steps.scope.pods}}", needs: [{1}], with: {{pod: "${{item}}"}}{2}}}\n'


def fleet(more: str = "") -> str:
    """Its YAML; `more` goes into both steps."""
    return _HEAD + _EACH.format("label", "scope", more) + _EACH.format("isolate", "label", more)
