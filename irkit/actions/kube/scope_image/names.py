"""Names of images, as runtimes understand them.

Source: the grammar of references of github.com/distribution/reference, `ParseNormalizedNamed`: docker.io is the
default host, `library/` its default folder, `latest` the default tag.
"""

from __future__ import annotations

import re

_DIGEST = re.compile(r"@sha256:([0-9a-f]{64})\Z", re.ASCII)
_SCHEMES = ("docker-pullable://", "docker://")


def digest_of(name: str) -> str:
    """The digest in a name, in hex, or ""."""
    found = _DIGEST.search(name)
    return found[1] if found else ""


def normal(name: str) -> str:
    """The whole name with its tag and without its digest: `nginx` is `docker.io/library/nginx:latest`."""
    for scheme in _SCHEMES:
        name = name.removeprefix(scheme)
    name, at, _ = name.partition("@")
    head, slash, rest = name.partition("/")
    if not slash or not ("." in head or ":" in head or head == "localhost"):
        head, rest = "docker.io", name
    if head == "index.docker.io":
        head = "docker.io"
    if head == "docker.io" and "/" not in rest:
        rest = f"library/{rest}"
    if ":" not in rest.rpartition("/")[2] and not at:
        rest = f"{rest}:latest"
    return f"{head}/{rest}"
