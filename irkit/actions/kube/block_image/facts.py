"""What blocking an image needs to know, and what it does not stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from irkit.actions.kube.block_image.policy import objects
from irkit.actions.kube.made import ABSENT, Found, read_own
from irkit.actions.kube.objects import MIRROR_ANNOTATION, NAME_LIMIT, living
from irkit.errors import Unsupported
from irkit.model.doc import Doc
from irkit.model.effects import Mark
from irkit.model.kube import ADMISSION_POLICIES, ADMISSION_POLICY_BINDINGS, PODS
from irkit.model.plans import Impact, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import ImageRef

_IMAGE_LIMIT = 4096
_SHOWN = 5
_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


@dataclass(frozen=True, slots=True)
class Facts:
    """`running` are living pods with the image, `static` those of them that no admission stops.

    `past` are those of them that name it in no way that is denied. `names` are other ways in which running pods name
    the same bytes: new pods may do so too. `warnings` counts what the API server's type check found in the policy's
    expressions.
    """

    served: bool = True
    policy: Found = ABSENT
    binding: Found = ABSENT
    warnings: int = 0
    running: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    as_of: str = ""


def observe(image: ImageRef, blocked: tuple[str, ...], mark: Mark, reader: Reader) -> Facts:
    """Read them. Raises Malformed."""
    kube = reader.kube(image.cluster)
    policy, binding = objects(image, blocked, mark)
    try:
        there = kube.get(ADMISSION_POLICIES, policy.name)
        bound = kube.get(ADMISSION_POLICY_BINDINGS, binding.name)
    except Unsupported:
        return Facts(served=False)
    listing = kube.list(PODS)
    pods = [one for one in listing.items if living(one) and _runs(one, image, blocked)]
    return Facts(
        policy=read_own(there, policy, mark),
        binding=read_own(bound, binding, mark),
        warnings=0 if there is None else len(there.items("status", "typeChecking", "expressionWarnings")),
        running=tuple(sorted(map(_path, pods))),
        static=tuple(sorted(_path(one) for one in pods if one.has("metadata", "annotations", MIRROR_ANNOTATION))),
        past=tuple(sorted(_path(one) for one in pods if not any(_hits(name, blocked) for name, _ in _images(one)))),
        names=tuple(sorted({name for one in pods for name in _other_names(one, image, blocked)})),
        as_of=listing.as_of,
    )


def _runs(pod: Doc, image: ImageRef, blocked: tuple[str, ...]) -> bool:
    return any(_hits(name, blocked) or (image.digest and image.digest in id_) for name, id_ in _images(pod))


def _other_names(pod: Doc, image: ImageRef, blocked: tuple[str, ...]) -> Iterator[str]:
    """Names of the same bytes that the policy lets through."""
    for name, id_ in _images(pod):
        if image.digest and image.digest in id_ and not _hits(name, blocked):
            yield name


def _hits(name: str, blocked: tuple[str, ...]) -> bool:
    return any(name.endswith(one) if one.startswith("@") else name == one for one in blocked)


def _images(pod: Doc) -> Iterator[tuple[str, str]]:
    """Each container's image as the spec names it, and the digest that its runtime reports."""
    reported = {
        one.text("name", limit=NAME_LIMIT): one.text("imageID", default="", limit=_IMAGE_LIMIT)
        for kind in _STATUSES
        for one in pod.each("status", kind)
    }
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for one in pod.each("spec", kind):
            name = one.text("name", limit=NAME_LIMIT)
            yield one.text("image", default="", limit=_IMAGE_LIMIT), reported.get(name, "")


def _path(pod: Doc) -> str:
    return f"{pod.text('metadata', 'namespace', limit=NAME_LIMIT)}/{pod.text('metadata', 'name', limit=NAME_LIMIT)}"


def impact(facts: Facts) -> tuple[Impact, ...]:
    """Those that run it are not ended; they cannot be replaced, unless they name it in a way that is not denied."""
    past = set(facts.past)
    named = tuple(one for one in facts.running if one not in past)
    denied = "keep running; what their controllers start in their place is denied"
    goes_on = f"keep running, and so may new ones: {_some(facts.names)} is not denied (by_tag: true denies the image's "
    return tuple(
        Impact(who=f"{who}: {_some(pods)}", what=what, count=len(pods), warn=True)
        for who, pods, what in (
            ("pods that run it", named, denied),
            ("pods that name it otherwise", facts.past, goes_on + "own name too)"),
        )
        if pods
    )


def verdict(facts: Facts) -> Verdict:
    """Leaky where something is known to get past it; else unproven, for no pod was tried."""
    leaks = []
    if facts.warnings:
        leaks.append(f"the API server's type check has {facts.warnings} warnings about irkit's policy")
    if facts.names:
        leaks.append(
            f"running pods name the same image otherwise, and so may new ones: {_some(facts.names)} "
            "(by_tag: true denies the image's own name too, whatever bytes it leads to by then)"
        )
    if facts.static:
        leaks.append(f"no admission stops static pods: {_some(facts.static)}")
    if leaks:
        return Verdict.leaky("; ".join(leaks))
    runs = f"; it runs on in {_some(facts.running)}" if facts.running else ""
    return Verdict.unproven(
        f"read back: the policy is in place; no pod was tried, and a tag may lead to the same bytes{runs}"
    )


def _some(names: tuple[str, ...]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(name[:200] for name in names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
