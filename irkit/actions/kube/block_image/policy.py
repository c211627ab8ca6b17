"""The admission policy that denies an image, with every default of the API filled in.

A pod that runs the image already may still be changed (a label, a finalizer): on an update only what was not there
before is denied, or the evidence could no longer be marked.
"""

from __future__ import annotations

from irkit.actions.kube.made import Own, own_name
from irkit.model.base import Json
from irkit.model.effects import Mark
from irkit.model.kube import ADMISSION_POLICIES, ADMISSION_POLICY_BINDINGS
from irkit.model.refs import ImageRef

_KINDS = ("containers", "initContainers", "ephemeralContainers")


def reference(image: ImageRef, *, by_tag: bool) -> tuple[str, ...]:
    """What a pod may not name: endings for a digest, whole names for a tag; empty where there is nothing to go by.

    The short names of Docker's library mean the same as the long ones, so a tag has up to three.
    """
    found = [f"@{image.digest}", image.digest] if image.digest else []
    if by_tag and image.name != image.digest:
        found += _spellings(image.name)
    return tuple(found)


def _spellings(name: str) -> list[str]:
    """All ways to write a name (distribution's reference grammar, "familiar names")."""
    short = name
    for prefix in ("docker.io/library/", "index.docker.io/library/", "library/", "docker.io/", "index.docker.io/"):
        if name.startswith(prefix):
            short = name.removeprefix(prefix)
            break
    first = short.partition("/")[0]
    if "/" in short and ("." in first or ":" in first or first == "localhost"):
        long = [short]  # a registry of its own
    elif "/" in short:
        long = [short, f"docker.io/{short}", f"index.docker.io/{short}"]
    else:
        long = [short, f"library/{short}", f"docker.io/{short}", f"docker.io/library/{short}"]
    tagged = long if ":" in short.rpartition("/")[2] else [*long, *(f"{one}:latest" for one in long)]
    return list(dict.fromkeys(tagged))


def objects(image: ImageRef, blocked: tuple[str, ...], mark: Mark) -> tuple[Own, Own]:
    """The policy and its binding."""
    name, cluster = own_name(mark), image.cluster
    return (
        Own("policy", cluster, ADMISSION_POLICIES, name, _policy(blocked, mark)),
        Own("binding", cluster, ADMISSION_POLICY_BINDINGS, name, {"policyName": name, "validationActions": ["Deny"]}),
    )


def _policy(blocked: tuple[str, ...], mark: Mark) -> dict[str, Json]:
    """Names are made of ImageRef's characters, none of which CEL or its strings give a meaning to."""
    tests = " || ".join(f"image.endsWith('{one}')" if one.startswith("@") else f"image == '{one}'" for one in blocked)
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {},
            "resourceRules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": ["pods", "pods/ephemeralcontainers"],
                    "scope": "*",
                }
            ],
        },
        "variables": [
            {"name": "images", "expression": _images("object")},
            {"name": "before", "expression": f"oldObject == null ? [] : {_images('oldObject')}"},
        ],
        "validations": [
            {
                "expression": f"!variables.images.exists(image, ({tests}) && !(image in variables.before))",
                "message": f"this image is blocked: {mark.case}",
            }
        ],
    }


def _images(pod: str) -> str:
    parts = [
        f"(has({pod}.spec.{kind}) ? {pod}.spec.{kind}.map(one, has(one.image) ? one.image : '') : [])"
        for kind in _KINDS
    ]
    return f"({' + '.join(parts)})"
