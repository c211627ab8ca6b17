"""Where things are in the Kubernetes API: percent-encoded paths and queries."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from irkit.errors import Invalid
from irkit.model.effects import Resource


def path_of(
    resource: Resource,
    namespace: str = "",
    name: str = "",
    subresource: str = "",
    query: Mapping[str, str] | None = None,
) -> str:
    """The path of an object, or with no name of its collection.

    Raises:
        Invalid: `.`, `..` or a slash as a name: a proxy might resolve it to another path.
    """
    parts = ["apis", resource.group, resource.version] if resource.group else ["api", resource.version]
    if namespace:
        parts += ["namespaces", namespace]
    parts.append(resource.plural)
    if name:
        parts.append(name)
        if subresource:
            parts.append(subresource)
    for part in parts:
        # Kubernetes' own rule for path segments (apimachinery, IsValidPathSegmentName), and no empty ones.
        if part in {"", ".", ".."} or "/" in part or "%" in part or not _encodes(part):
            msg = f"{resource}: {part!a} cannot be part of a path"
            raise Invalid(msg, target=str(resource))
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    return f"{path}?{urlencode(query)}" if query else path


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True
