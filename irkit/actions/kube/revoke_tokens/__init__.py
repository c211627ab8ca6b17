"""kube.revoke_tokens: delete the legacy token Secrets of a service account, and say which other tokens live on.

Found by metadata alone: no Secret's data is read. A token of a pod (bound) needs no Secret and cannot be taken back:
the API server refuses it when its pod or its service account is gone. What closes it while the pod lives on is that its
account may do nothing; so the verdict looks at the bindings too, after kube.revoke_bindings.
Sources: Kubernetes documentation, "Managing Service Accounts" (token Secrets, bound tokens), and the field selectors
of Secrets (`type`).
"""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec, NoOutputs, NoUndo
from irkit.actions.kube.about import About
from irkit.actions.kube.objects import absent, access, unpinned
from irkit.actions.kube.revoke_tokens.facts import Facts, Token, observe
from irkit.actions.kube.revoke_tokens.judge import impact, verdict
from irkit.model.base import Model
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import CLUSTER_ROLE_BINDINGS, PODS, ROLE_BINDINGS, SECRETS, SERVICE_ACCOUNTS
from irkit.model.plans import Change, Plan, Receipts, Settled, Wait
from irkit.model.ports import Reader
from irkit.model.refs import ServiceAccountRef

_AGAIN = 2
"""Seconds until looking again at a Secret that is being deleted."""
_BINDINGS = (*access(ROLE_BINDINGS, "list"), *access(CLUSTER_ROLE_BINDINGS, "list"))


class Params(Model):
    """The service account whose tokens are revoked."""

    service_account: ServiceAccountRef = Field(description="the service account whose tokens are deleted")


class RevokeTokens(About[Params], NoUndo):
    """Deletes exactly the token Secrets that it saw, by uid."""

    about = "service_account"
    spec = ActionSpec(
        id="kube.revoke_tokens",
        version=1,
        title="Delete a service account's legacy tokens",
        purpose="contain",
        params=Params,
        outputs=NoOutputs,
        reads=(*access(SERVICE_ACCOUNTS, "get"), *access(SECRETS, "list"), *access(PODS, "list"), *_BINDINGS),
        writes=access(SECRETS, "delete"),
        wide=access(ROLE_BINDINGS, "list"),
        optional=_BINDINGS,  # without them nobody knows what a living token can do, and that is said
        risk="destructive",
        no_undo="a deleted token does not come back; whoever needs one is given a new one",
        example="service_account: ${inputs.service_account}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """The account, its token Secrets by their metadata, its living pods, and what bindings give it."""
        return observe(p.service_account, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Delete what is there, wait for what is going."""
        account = p.service_account
        if facts.presence != "here":
            return absent(account, facts.presence)
        standing = tuple(one for one in facts.tokens if not one.deleting)
        if standing:
            calls = tuple(_delete(account, one) for one in standing)
            why = f"{len(standing)} legacy token{'s' if len(standing) > 1 else ''} of {account} never expire"
            return unpinned(account) or Change(calls, why, impact(standing))
        going = [one.name for one in facts.tokens]
        if going:
            return Wait(_AGAIN, f"being deleted: {', '.join(going)}")
        ours = "no legacy token is left" if mine else f"{account} has no legacy token"
        return Settled(ours, verdict(facts))


def _delete(account: ServiceAccountRef, token: Token) -> KubeCall:
    return KubeCall(
        name=token.effect,
        cluster=account.cluster.id,
        verb="delete",
        resource=SECRETS,
        namespace=account.namespace,
        object=token.name,
        body={"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": token.uid}},
    )


ACTION = RevokeTokens()
