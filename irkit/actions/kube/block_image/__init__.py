"""kube.block_image: let no new pod start from an image, by a ValidatingAdmissionPolicy.

It denies pods that name the digest, in any container, and with `by_tag` also those that name the tag as it is
written. It ends nothing that runs, and an image with other bytes is another image.
Source: Kubernetes documentation, "Validating Admission Policy" (v1, from Kubernetes 1.30).
"""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec, Defaults, NoOutputs
from irkit.actions.kube.about import About
from irkit.actions.kube.block_image.facts import Facts, impact, observe, verdict
from irkit.actions.kube.block_image.policy import objects, reference
from irkit.actions.kube.made import make_or_mend, take_away, taken
from irkit.actions.kube.objects import access
from irkit.model.base import Model
from irkit.model.effects import Mark
from irkit.model.kube import ADMISSION_POLICIES, ADMISSION_POLICY_BINDINGS, PODS
from irkit.model.plans import Change, Originals, Plan, Receipts, Refuse, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import ImageRef


class Params(Model):
    """`by_tag` also denies the name as it is written, whatever its tag leads to by then."""

    image: ImageRef = Field(description="the image that no new pod may start from, by its digest")
    by_tag: bool = Field(
        default=False,
        description="whether its name is denied too, as it is written, whatever bytes it leads to by then",
    )


class BlockImage(About[Params], Defaults):
    """Creates the policy and then its binding, and deletes exactly those, the binding first."""

    about = "image"
    spec = ActionSpec(
        id="kube.block_image",
        version=1,
        title="Let no new pod start from an image",
        purpose="contain",
        params=Params,
        outputs=NoOutputs,
        reads=(
            *access(ADMISSION_POLICIES, "get"),
            *access(ADMISSION_POLICY_BINDINGS, "get"),
            *access(PODS, "list"),
        ),
        writes=(
            *access(ADMISSION_POLICIES, "create", "patch", "delete"),
            *access(ADMISSION_POLICY_BINDINGS, "create", "patch", "delete"),
        ),
        wide=access(PODS, "list"),
        risk="disruptive",
        example="image: ${inputs.image}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """The policy, its binding, and which pods run the image under which names."""
        return observe(p.image, reference(p.image, by_tag=p.by_tag), mark, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Policy first: a binding of nothing denies nothing."""
        blocked = reference(p.image, by_tag=p.by_tag)
        if not blocked:
            return Refuse(
                f"{p.image} has no digest: its tag may lead to other bytes after every push",
                hint="name its digest (sha256:…), or say by_tag: true (-i by_tag=true): then no new pod may use this "
                "name, whatever bytes it leads to by then",
            )
        if not facts.served:
            return Refuse(
                "this API server has no ValidatingAdmissionPolicies: they came with Kubernetes 1.30",
                hint="block the image in the registry, or in the admission controller that the cluster has",
            )
        pairs = tuple(zip(objects(p.image, blocked, mark), (facts.policy, facts.binding), strict=True))
        refusal = taken(pairs)
        if refusal is not None:
            return refusal
        calls, why = make_or_mend(pairs, mark)
        if calls:
            return Change(calls, "; ".join(why), impact(facts))
        return Settled(f"no new pod may name {p.image}", verdict(facts))

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Delete irkit's own binding and policy, as they were made."""
        pairs = tuple(
            zip(objects(p.image, reference(p.image, by_tag=p.by_tag), mark), (facts.policy, facts.binding), strict=True)
        )
        wanted = take_away(pairs[::-1])
        if isinstance(wanted, Refuse):
            return wanted
        if wanted:
            return Change(wanted, f"irkit's block of {p.image} stands")
        return Settled(f"irkit does not block {p.image}", Verdict.proven("read back: neither object is there"))


ACTION = BlockImage()
