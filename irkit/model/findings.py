"""A finding, after intake: validated references and bounded text. Actor and target are different things."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from irkit.model.base import Model
from irkit.model.effects import Sha256
from irkit.model.refs import Account, ClusterRef, Region, ServiceAccountRef, Target

Text = Annotated[str, Field(max_length=1024)]
"""Untrusted text for people only: never interpolated, escaped wherever it is shown."""

FindingType = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:/._!&-]{1,200}$")]
Severity = Annotated[str, StringConstraints(pattern=r"^(10|[0-9])\.[0-9]$")]
"""GuardDuty's scale, 1.0 to 10.0, as text: records hold no floats."""
Timestamp = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")]


class Actor(Model):
    """Who did it, in the cluster's own words. Never to be taken for the target's identity."""

    username: Text = ""
    groups: tuple[Text, ...] = ()
    session: Text = ""
    impersonated: Text = ""  # the user name that the actor took on by impersonation
    service_account: ServiceAccountRef | None = None


class Image(Model):
    """A container of the target, as the finding names it."""

    container: Text
    image: Text


class Finding(Model):
    """One finding, from any source.

    `target` is what the case is about, or None where the finding names no object irkit can act on
    (then `cluster` may still be known). `raw_sha256` is the digest of the bytes as received; they are kept as an
    artefact readable by its owner only, never in the journal.
    """

    source: Literal["guardduty", "securityhub"]
    id: Text
    type: FindingType
    severity: Severity
    title: Text = ""
    account: Account
    region: Region
    created: Timestamp
    updated: Timestamp
    cluster: ClusterRef | None = None
    target: Target | None = None
    images: tuple[Image, ...] = ()
    actor: Actor | None = None
    requested: Text = ""  # Security Hub custom action's name
    raw_sha256: Sha256
