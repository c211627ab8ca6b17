"""How a simulated cluster behaves where clusters differ: set by a scenario, changed through the control plane."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from irkit.model.base import Model

TOOLS: Final = "irkit.test/tools:1"
"""The image whose commands the lab carries out itself (`irkit.lab.programs`)."""

Enforcement = Literal["keep", "cut", "none", "vpc-cni"]
Refusal = Literal["reject", "drop"]


class Behaviour(Model):
    """What of a cluster is not written in its objects.

    `delay` is how many further requests go by before a started pod is ready, or has ended: requests and not seconds,
    so that equal requests make equal worlds. Of `unpullable` images no container starts; those of `tools` are carried
    out by the lab. `enforcement` says whether established connections outlive a policy that denies them (`keep`,
    `cut`), that nobody enforces policies (`none`), or that it goes as with the Amazon VPC CNI (`vpc-cni`): pods of one
    name prefix on a node share their rules (`irkit.lab.vpc_cni`), and an established connection lives on where its
    pods were under policies before and still are. `refuse` whether the denied are answered (`reject`) or not
    (`drop`). `outside` are the addresses off the cluster that answer: `*`, `IP` or `IP:PORT`.
    """

    delay: int = Field(default=0, ge=0)
    unpullable: tuple[str, ...] = ()
    tools: tuple[str, ...] = (TOOLS,)
    enforcement: Enforcement = "keep"
    refuse: Refusal = "reject"
    outside: tuple[str, ...] = ("*",)
