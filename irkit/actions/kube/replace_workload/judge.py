"""What replacing means for others, why it cannot be done somewhere, and how far it is."""

from __future__ import annotations

from irkit.actions.kube.replace_workload.facts import Facts
from irkit.model.plans import Impact, Plan, Receipts, Refuse, Settled, Verdict, Wait
from irkit.model.refs import WorkloadRef

_AGAIN = 3
_SHOWN = 3
_WHY = {
    "ReplicaSet": (
        "a new template changes none of its pods",
        "name the Deployment that controls it; where there is none, evict its pods: kube.evict_pods",
    ),
    "Job": ("its template cannot be changed, and it ends by itself", "release its pod: kube.release_pod"),
    "CronJob": ("it has no pods of its own, but Jobs", "stop its schedule: kube.suspend_cronjob"),
}
_UNKNOWN = ("irkit does not know its controller", "restart it with the tool that runs it")


def cannot(who: WorkloadRef) -> Refuse:
    """Kinds whose pods a new template does not replace. A bare pod has no workload at all."""
    why, hint = _WHY.get(who.type, _UNKNOWN)
    return Refuse(f"{who} cannot have its pods replaced: {why}", hint=hint)


def ends_evidence(who: WorkloadRef, facts: Facts) -> Refuse | None:
    """The refusal to delete evidence, and to wait for a replica whose name the evidence bears."""
    if facts.evidence:
        return Refuse(
            f"{who} would delete {_some(facts.evidence)}, which a case holds as evidence",
            hint="take it out of its controller first: a step of kube.release_pod that this one needs",
        )
    if facts.squatters:
        return Refuse(
            f"{who} cannot start the replica whose name {_some(facts.squatters)} bears: it would stop half way",
            hint="capture that pod, then delete it: kube.delete_pod",
        )
    return None


def impact(who: WorkloadRef, facts: Facts) -> tuple[Impact, ...]:
    """Who feels it."""
    found = [
        Impact(
            who=str(who),
            what="ends all its pods, one after the other, with memory and writable layer",
            count=len(facts.old),
            warn=True,
        ),
        Impact(who=str(who), what="starts new ones with the same image, identity and flaw", warn=True),
    ]
    if who.type == "StatefulSet":
        found.append(Impact(who=str(who), what="keeps its volumes, and what was written to them", warn=True))
    if who.type != "Deployment":
        what = "keeps the prefix of its pods' names: under the VPC CNI they can share isolated pods' policy state"
        found.append(Impact(who=str(who), what=what, warn=True))
    if facts.parent:
        found.append(Impact(who=facts.parent, what=f"controls {who} and may set its template back", warn=True))
    found += [Impact(who=f"Service {name}", what="changes its endpoints") for name in facts.services]
    return tuple(found)


def progress(who: WorkloadRef, facts: Facts, mine: Receipts) -> Plan:
    """How far it is, once the template is new."""
    if not facts.seen:
        return Wait(1, f"the controller of {who} has not taken note yet")
    holed = [one for one in facts.new if one.holes]
    if holed:
        return _failed(who, f"{holed[0].name} is selected by {', '.join(holed[0].holes)}: it serves nobody")
    ready = [one for one in facts.new if one.ready]
    if facts.old or len(ready) < max(facts.wanted, len(facts.new)):
        if facts.stuck:
            return _failed(who, f"its controller gave up: {facts.stuck}")
        left = f", {len(facts.old)} old ones are left" if facts.old else ""
        return Wait(_AGAIN, f"{len(ready)} of {facts.wanted} new pods of {who} are ready{left}")
    unlisted = [one for one in ready if one.unlisted]
    if unlisted:
        return Wait(1, f"{unlisted[0].name} is no endpoint of {', '.join(unlisted[0].unlisted)} yet")
    serving = f"endpoints of {', '.join(facts.services)}" if facts.services else "no Service selects them"
    reason = f"all {len(ready)} pods of {who} are new"
    return Settled(
        reason if mine else f"{reason} already",
        Verdict.proven(f"read back: they are ready; {serving}; no policy of this case selects them"),
    )


def _failed(who: WorkloadRef, why: str) -> Settled:
    return Settled(f"the pods of {who} are not replaced", Verdict(status="failed", why=why))


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
