"""kube.revoke_bindings: take a service account out of every RoleBinding and ClusterRoleBinding that names it.

Only its own subject leaves each binding; a binding that names nobody else stays, empty. What it has through a group
(system:serviceaccounts…) stays too, and is named. The rights end at once for every token and every pod of the account,
without ending a pod.
Sources: Kubernetes documentation, "Using RBAC Authorization": default groups of service accounts; roleRef cannot be
changed; whoever changes a binding needs `bind` on its role, or all of the role's rights, even to take a subject out
(`pkg/registry/rbac/rolebinding/policybased/storage.go`).
"""

from __future__ import annotations

from pydantic import Field

from irkit.actions.api import ActionSpec, Defaults, NoOutputs
from irkit.actions.kube.about import About
from irkit.actions.kube.objects import absent, access, unpinned
from irkit.actions.kube.revoke_bindings.edits import drift_of, field_of, let_go, lost, put_back, remove
from irkit.actions.kube.revoke_bindings.facts import Facts, impact, observe, verdict
from irkit.model.base import Model
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, PODS, ROLE_BINDINGS, ROLES, SERVICE_ACCOUNTS
from irkit.model.plans import Change, Original, Originals, Plan, Receipts, Refuse, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import ServiceAccountRef


class Params(Model):
    """The service account that loses its rights."""

    service_account: ServiceAccountRef = Field(description="the service account that loses its rights")


class RevokeBindings(About[Params], Defaults):
    """One patch a binding, guarded by the subject's place in the list."""

    about = "service_account"
    spec = ActionSpec(
        id="kube.revoke_bindings",
        version=1,
        title="Take a service account out of every role binding",
        purpose="contain",
        params=Params,
        outputs=NoOutputs,
        reads=(
            *access(SERVICE_ACCOUNTS, "get"),
            *access(ROLE_BINDINGS, "list"),
            *access(CLUSTER_ROLE_BINDINGS, "list"),
            *access(PODS, "list"),
        ),
        writes=(
            *access(ROLE_BINDINGS, "patch"),
            *access(CLUSTER_ROLE_BINDINGS, "patch"),
            *access(ROLES, "bind"),
            *access(CLUSTER_ROLES, "bind"),
        ),
        wide=(*access(ROLE_BINDINGS, "list", "patch"), *access(ROLES, "bind")),
        risk="disruptive",
        example="service_account: ${inputs.service_account}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:  # noqa: ARG002 -- the port's
        """The account, all bindings that give it something, and who else uses it."""
        return observe(p.service_account, reader)

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Cluster-wide rights first."""
        account = p.service_account
        if facts.presence != "here":
            return absent(account, facts.presence)
        named = [one for one in facts.bindings if one.ours(account)]
        if named:
            key = account.key
            originals = tuple(Original(target=key, field=field_of(one), value=one.kept(account)) for one in named)
            return unpinned(account) or Change(
                tuple(remove(account, one) for one in named),
                f"{account} has rights by {', '.join(str(one) for one in named[:5])}"
                f"{f' and {len(named) - 5} more' if len(named) > 5 else ''}",  # noqa: PLR2004 -- shown
                impact(account, facts),
                originals,
                {one.field: {"uid": binding.uid, "ours": []} for one, binding in zip(originals, named, strict=True)},
            )
        done = f"no binding names {account}" if mine else f"no binding named {account}"
        return Settled(done, verdict(facts))

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Put the same subjects into the lists as they are now, also where the account itself is gone."""
        account = p.service_account
        drift = drift_of(account, originals, facts)
        if drift:
            return Refuse(
                f"{', '.join(one.field for one in drift)}: another object bears the name now",
                hint="look who made it; whether it should name the account is for its maker to say",
                drift=drift,
            )
        calls: tuple[KubeCall, ...] = put_back(account, originals, facts)
        if calls:
            return Change(calls, f"irkit took {account} out of {len(calls)} binding{'s' if len(calls) > 1 else ''}")
        calls = let_go(account, originals, facts)
        if calls:
            return Change(calls, f"the API names irkit as an owner of the subjects that {account} is among again")
        left = "irkit took it out of no binding" if not originals else "every binding that is left names it again"
        gone = lost(account, originals, facts)
        left += f"; {gone} that irkit changed {'are' if gone > 1 else 'is'} gone" if gone else ""
        return Settled(f"{account}: {left}", Verdict.proven("read back: the subjects are as they were"))


ACTION = RevokeBindings()
