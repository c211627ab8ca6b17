"""kube.suspend_cronjob: let a CronJob start no new Job. Jobs that run already run on."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field as Parameter

from irkit.actions.api import ActionSpec, Defaults, NoOutputs
from irkit.actions.kube.about import About
from irkit.actions.kube.alter import alter, let_go, read_exact, restore
from irkit.actions.kube.fields import Field, Fields, Subject, clash, label
from irkit.actions.kube.labelling import held_elsewhere
from irkit.actions.kube.objects import NAME_LIMIT, access, find, nothing_to_restore, unpinned, vanished
from irkit.model.base import Model
from irkit.model.effects import KubeCall, Mark
from irkit.model.kube import CASE_LABEL, CRON_JOBS
from irkit.model.plans import Change, Impact, Originals, Plan, Receipts, Refuse, Settled, Verdict
from irkit.model.ports import Reader
from irkit.model.refs import WorkloadRef

_SUSPENDED = Field(("spec", "suspend"), True)


class Params(Model):
    """The CronJob to stop."""

    cronjob: WorkloadRef = Parameter(description="the CronJob to stop")


@dataclass(frozen=True, slots=True)
class Facts:
    """`running` are the names of its Jobs that have not ended, sorted."""

    fields: Fields
    running: tuple[str, ...] = ()


class SuspendCronJob(About[Params], Defaults):
    """Sets spec.suspend and the case's label, by which other cases see that it is held."""

    about = "cronjob"
    spec = ActionSpec(
        id="kube.suspend_cronjob",
        version=1,
        title="Let a CronJob start nothing",
        purpose="contain",
        params=Params,
        outputs=NoOutputs,
        reads=access(CRON_JOBS, "get"),
        writes=access(CRON_JOBS, "patch"),
        risk="reversible",
        example="cronjob: ${inputs.cronjob}",
    )

    def observe(self, p: Params, mark: Mark, reader: Reader) -> Facts:
        """Whether it is suspended, and what it has running."""
        if p.cronjob.type != CRON_JOBS.kind:
            return Facts(Fields("gone"))
        presence, doc = find(reader.kube(p.cronjob.cluster), CRON_JOBS, p.cronjob)
        if doc is None:
            return Facts(Fields(presence))
        running = (job.text("name", default="", limit=NAME_LIMIT) for job in doc.each("status", "active"))
        return Facts(read_exact(doc, _fields(mark), mark.case), tuple(sorted(filter(None, running))))

    def plan(self, p: Params, mark: Mark, facts: Facts, mine: Receipts) -> Plan:
        """Suspend what is not suspended."""
        job = p.cronjob
        if job.type != CRON_JOBS.kind:
            return Refuse(
                f"{job} is no CronJob: it has no schedule to suspend",
                hint="kube.scale_workload takes Deployments, ReplicaSets and StatefulSets",
            )
        if facts.fields.presence != "here":
            return vanished(
                job, facts.fields.presence, mine, Verdict.proven(f"{job} no longer exists: it starts nothing")
            )
        case = label(CASE_LABEL, mark.case)
        if clash((case,), facts.fields):
            return held_elsewhere(job, case, dict(facts.fields.values)[case.name])
        if dict(facts.fields.values)[_SUSPENDED.name] is True and not mine:
            return Settled(
                f"{job} was suspended by somebody else; undo leaves it so{_still(facts)}",
                Verdict.proven("read back: spec.suspend is true"),
            )
        edit = alter("suspend", Subject(CRON_JOBS, job), _fields(mark), facts.fields, mark.case)
        if edit is None:
            return Settled(f"{job} is suspended{_still(facts)}", Verdict.proven("read back: spec.suspend is true"))
        runs_on = tuple(Impact(who=f"Job {name}", what="runs already and goes on", warn=True) for name in facts.running)
        skipped = Impact(who=str(job), what="its schedule passes without a Job until this is undone")
        return unpinned(job) or Change(
            (edit.call,), f"{job} starts Jobs on its schedule", (skipped, *runs_on), edit.originals, edit.after
        )

    def undo(self, p: Params, mark: Mark, originals: Originals, facts: Facts, mine: Receipts) -> Plan:  # noqa: ARG002 -- the port's
        """Let it start Jobs again, where irkit stopped it and no other case holds it now."""
        job = p.cronjob
        if facts.fields.presence != "here":
            return nothing_to_restore(job)
        wanted = restore("resume", Subject(CRON_JOBS, job), _fields(mark), facts.fields, originals)
        if isinstance(wanted, tuple):
            return Refuse(
                f"somebody changed {job} since irkit suspended it",
                hint="where another case holds it now, undo or close that case first; else put back what irkit set",
                drift=wanted,
            )
        if isinstance(wanted, KubeCall):
            missed = Impact(
                who=str(job), what="may start a Job at once, for a time that it missed and whose deadline is not over"
            )
            return Change((wanted,), f"{job} is suspended by irkit", (missed,))
        return let_go("disown", Subject(CRON_JOBS, job), _fields(mark), facts.fields, originals) or Settled(
            f"{job} is as it was" if originals else f"irkit did not suspend {job}",
            Verdict.proven("read back: spec.suspend is not irkit's"),
        )


def _fields(mark: Mark) -> tuple[Field, ...]:
    return (_SUSPENDED, label(CASE_LABEL, mark.case))


def _still(facts: Facts) -> str:
    return f"; still running: {', '.join(facts.running)}" if facts.running else ""


ACTION = SuspendCronJob()
