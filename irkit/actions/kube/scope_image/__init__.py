"""kube.scope_image: everything that runs an image, under whichever tag, in whichever kind of container.

An image is its content. From a tag it goes to the digests that run under it, and from a digest to all names under
which it runs or lies on a node. A runtime names the digest that was pulled: an index for several platforms and the
manifest of one of them are two digests of one image, and no API says that they belong together.
"""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec
from irkit.actions.kube.inventory import READS as FLEET
from irkit.actions.kube.inventory import counted
from irkit.actions.kube.objects import access
from irkit.actions.kube.scope_image.facts import Facts, Outputs, observe
from irkit.actions.kube.scoping import READ, Scoping, summary
from irkit.model.base import Model
from irkit.model.effects import Mark
from irkit.model.kube import JOBS, NAMESPACES, PODS, REPLICA_SETS, SERVICE_ACCOUNTS
from irkit.model.plans import Plan, Receipts, Refuse, Settled
from irkit.model.ports import Reader
from irkit.model.refs import ImageRef

_MOST_DIGESTS = 20


class Params(Model):
    """The image to look for, by digest or by tag."""

    image: ImageRef = Field(description="the image to look for, by its digest or its name")


class ScopeImage(Scoping):
    """Looks into every container of every pod, and at what lies on the nodes."""

    about = "image"
    spec = ActionSpec(
        id="kube.scope_image",
        version=1,
        title="See what runs an image",
        purpose="read",
        params=Params,
        outputs=Outputs,
        reads=(*access(PODS, "list"), *access(NAMESPACES, "list"), *FLEET),
        wide=tuple(one for each in (PODS, SERVICE_ACCOUNTS, REPLICA_SETS, JOBS) for one in access(each, "list")),
        risk="none",
        no_undo="it only reads",
        example="image: ${inputs.image}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """All pods, and the images on all nodes."""
        return observe(p.image, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Settled at once, with what was found."""
        found = facts.found
        if not p.image.uid and len(found.digests) > _MOST_DIGESTS:
            return Refuse(
                f"{p.image} names {len(found.digests)} different images here: which one is meant?",
                hint="give the digest: sha256:…",
            )
        if not found.uses:
            lies = f"lies on {counted(len(found.cached), 'node')} and " if found.cached else ""
            return Settled(f"{p.image} {lies}runs nowhere here", READ, found)
        return Settled(
            f"{counted(len(found.uses), 'container')} of {summary(found)}, "
            f"in {counted(len(found.namespaces), 'namespace')}, under {counted(len(found.names), 'name')}",
            READ,
            found,
        )


ACTION = ScopeImage()
