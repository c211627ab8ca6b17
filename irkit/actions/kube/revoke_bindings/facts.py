"""What revoking bindings needs to know: who is bound by name, who by group, and who else feels it."""

from __future__ import annotations

from dataclasses import dataclass

from irkit.actions.kube.bindings import Binding, read_bindings, rights_by_group
from irkit.actions.kube.objects import NAME_LIMIT, Presence, find, living, name_of
from irkit.model.doc import Doc
from irkit.model.kube import PODS, SERVICE_ACCOUNTS
from irkit.model.plans import Impact, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import ServiceAccountRef

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Facts:
    """`bindings` are all that there are, whoever they name (an undo needs others); the cluster's come first.

    `groups` say what it has through a group, in words. `users` are living pods that run as the account.
    """

    presence: Presence
    bindings: tuple[Binding, ...] = ()
    groups: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    as_of: str = ""


def observe(account: ServiceAccountRef, reader: Reader) -> Facts:
    """Read them. Raises Malformed."""
    kube = reader.kube(account.cluster)
    presence, _ = find(kube, SERVICE_ACCOUNTS, account)
    found = read_bindings(kube)
    listing = kube.list(PODS, account.namespace)
    return Facts(
        presence,
        found,
        rights_by_group(found, account),
        tuple(sorted(name_of(one) for one in listing.items if living(one) and _runs_as(one, account))),
        listing.as_of,
    )


def _runs_as(pod: Doc, account: ServiceAccountRef) -> bool:
    return pod.text("spec", "serviceAccountName", default="default", limit=NAME_LIMIT) == account.name


def impact(account: ServiceAccountRef, facts: Facts) -> tuple[Impact, ...]:
    """Every pod of the account loses the rights, not only the compromised one."""
    if not facts.users:
        return ()
    rest = len(facts.users) - _SHOWN
    names = ", ".join(facts.users[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
    return (
        Impact(
            who=f"pods that run as {account}: {names}",
            what="lose these rights at the Kubernetes API too",
            count=len(facts.users),
            warn=True,
        ),
    )


def verdict(facts: Facts) -> Verdict:
    """Leaky where a group still gives it rights."""
    if facts.groups:
        rest = len(facts.groups) - _SHOWN
        return Verdict.leaky("; ".join(facts.groups[:_SHOWN]) + (f"; {rest} more" if rest > 0 else ""))
    return Verdict.proven("read back: no RoleBinding or ClusterRoleBinding names it, and none of its groups")
