"""Objects without their time stamps, which differ between two equal runs."""

from __future__ import annotations

from typing import Any

TIMES = {
    "creationTimestamp", "lastTransitionTime", "startTime", "startedAt", "finishedAt", "time", "timeAdded",
    "deletionTimestamp", "completionTime", "lastProbeTime",
}  # fmt: skip


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in TIMES}
    return [timeless(item) for item in value] if isinstance(value, list) else value
