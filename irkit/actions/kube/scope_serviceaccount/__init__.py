"""kube.scope_serviceaccount: what a service account may do, what runs as it, and who can still act as it.

Of one snapshot of RBAC. Not in it: members of system:masters, EKS access policies, webhook authorizers, and each
kubelet, which may ask for tokens of the accounts of its own pods. Of Secrets only the metadata is listed.
"""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec
from irkit.actions.kube.inventory import READS as FLEET
from irkit.actions.kube.inventory import counted
from irkit.actions.kube.objects import absent, access
from irkit.actions.kube.scope_serviceaccount.facts import Facts, Outputs, observe
from irkit.actions.kube.scoping import Scoping, summary
from irkit.model.base import Model
from irkit.model.effects import Mark
from irkit.model.kube import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    PODS,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
)
from irkit.model.plans import Plan, Receipts, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import ServiceAccountRef

_RBAC = (ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS)


class Params(Model):
    """The service account to look at."""

    service_account: ServiceAccountRef = Field(description="the service account to look at")


class ScopeServiceAccount(Scoping):
    """Reads RBAC once and answers both ways: what the account may do, and who may become it."""

    about = "service_account"
    spec = ActionSpec(
        id="kube.scope_serviceaccount",
        version=1,
        title="See what a service account may do, and who can act as it",
        purpose="read",
        params=Params,
        outputs=Outputs,
        reads=(
            *access(SERVICE_ACCOUNTS, "get"),
            *access(PODS, "list"),
            *FLEET,
            *(one for resource in _RBAC for one in access(resource, "list")),
            *access(SECRETS, "list"),
        ),
        wide=(*access(ROLES, "list"), *access(ROLE_BINDINGS, "list")),
        optional=access(SECRETS, "list"),  # without it nobody knows of legacy tokens, and that is said
        risk="none",
        no_undo="it only reads",
        example="service_account: ${inputs.service_account}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """The account, its pods, and all of RBAC."""
        return observe(p.service_account, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Settled at once, with what was found."""
        found = facts.found
        if found is None:
            return absent(p.service_account, facts.presence)
        direct = len({(one.kind, one.namespace, one.name) for one in found.actors if one.direct})
        rights = "everything" if found.admin else counted(len(found.rights), "rule")
        tokens = "" if found.secrets_seen else "; nobody could look for legacy tokens"
        return Settled(
            f"it may do {rights}, runs {summary(found)}, and {counted(direct, 'subject')} can act as it{tokens}",
            Verdict.proven("read from RBAC's objects; EKS access policies and system:masters are in none of them"),
            found,
        )


ACTION = ScopeServiceAccount()
