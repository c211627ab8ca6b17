"""`irkit config show`: every setting with its origin."""

from __future__ import annotations

import orjson

from irkit.app.config import Settings
from irkit.model.base import Json
from irkit.views.progress import json_safe
from irkit.views.terminal import Line, Span, hanging, pad

_KEY = 24


def rows(settings: Settings) -> list[tuple[str, Json, str]]:
    """Key, value, origin. Nothing in irkit.yaml is secret; kubeconfigs are named, never read, here."""
    origin = settings.origins
    found: list[tuple[str, Json, str]] = [
        ("file", str(settings.file) if settings.file else "", origin.get("file", "")),
        ("lab", settings.lab, origin.get("lab", "")),
        ("state", str(settings.state), origin.get("state", "")),
        ("operator", settings.operator, origin.get("operator", "")),
    ]
    for one in settings.clusters:
        parts = [one.id, f"context {one.context}" if one.context else "no context"]
        parts.append(f"kubeconfig {one.kubeconfig}" if one.kubeconfig else "default kubeconfig")
        if one.uid:
            parts.append(f"pinned to {one.uid}")
        if one.connections:
            parts.append(f"{one.connections} requests at a time")
        if one.requests_per_second:
            parts.append(f"{one.requests_per_second} requests a second")
        if one.id == settings.chosen:
            parts.append("chosen")
        found.append(("cluster", ", ".join(parts), origin.get("clusters", "")))
    found.extend(
        (
            ("protected.namespaces", list(settings.protected_namespaces), origin.get("protected.namespaces", "")),
            ("protected.nodes", list(settings.protected_nodes), origin.get("protected.nodes", "")),
            ("limits.max_targets", settings.max_targets, origin.get("limits.max_targets", "")),
            *((f"inputs.{name}", value, origin.get("inputs", "")) for name, value in sorted(settings.inputs.items())),
            ("routes", str(settings.routes) if settings.routes else "", origin.get("routes", "")),
        )
    )
    return found


def settings_lines(settings: Settings) -> list[Line]:
    """The screen."""
    lines: list[Line] = []
    for key, value, where in rows(settings):
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        lines.extend(hanging(f"{pad(key, _KEY)} ", text or "-"))
        lines.append([Span(f"{'':{_KEY}} ({where})", "dim")])
    return lines


def settings_json(settings: Settings) -> str:
    """One JSON object."""
    value = [{"key": key, "value": item, "from": where} for key, item, where in rows(settings)]
    return json_safe(orjson.dumps(value).decode())
