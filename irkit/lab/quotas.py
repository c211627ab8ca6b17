"""ResourceQuotas of pods: how many a namespace has and may have. Source: `pkg/quota/v1/evaluator/core/pods.go`.

Other resources that a quota may limit are answered 501.
"""

from __future__ import annotations

from typing import Any, Final

from irkit.lab.objects import ENDED
from irkit.lab.status import Cause, bad_value, forbidden, unserved
from irkit.lab.world import World
from irkit.model.kube import PODS, RESOURCE_QUOTAS

Doc = dict[str, Any]
COUNTED: Final = "pods"


def check(doc: Doc) -> list[Cause]:
    """What the API refuses of a quota. Raises ApiError 501 for what the lab does not count."""
    spec = doc.get("spec", {})
    hard = spec.get("hard", {})
    if {"scopes", "scopeSelector"} & spec.keys():
        unserved("quotas of some pods only")
    if strange := sorted(hard.keys() - {COUNTED}):
        unserved(f"quotas of {', '.join(strange)}")
    return [
        bad_value(f"spec.hard[{key}]", value, "must be an integer")
        for key, value in hard.items()
        if not value.isdecimal()
    ]


def judge(world: World, namespace: str, name: str) -> None:
    """Whether there may be one more pod. Raises ApiError 403."""
    quotas = world.entries(RESOURCE_QUOTAS, namespace)
    count = used(world, namespace) if quotas else 0
    for quota in quotas:
        own, limit = quota.doc["metadata"]["name"], quota.doc.get("status", {}).get("hard", {}).get(COUNTED)
        if limit is not None and count >= int(limit):
            why = f"exceeded quota: {own}, requested: pods=1, used: pods={count}, limited: pods={limit}"
            raise forbidden(PODS, name, why)


def used(world: World, namespace: str) -> int:
    """How many pods count: those that have not ended."""
    return sum(each.doc.get("status", {}).get("phase") not in ENDED for each in world.entries(PODS, namespace))
