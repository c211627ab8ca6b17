"""One next step for a run that did not end as wanted: what to do about its first reason, and what to type. Pure.

A verdict's words are made for people; what is recognised in them here only chooses among remedies. What is not
recognised still gets a step that cannot harm: look again, and write down what was seen.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from irkit.model import records as r
from irkit.model.base import Json
from irkit.model.refs import ImageRef, NamespaceRef, NodeRef, PodRef, ServiceAccountRef, TargetRef, WorkloadRef
from irkit.playbook import shipped
from irkit.playbook.bindings import REFERENCES
from irkit.views.casefile import CaseFile, RunView, StepView
from irkit.views.naming import SHOWN
from irkit.views.outcome import Lead
from irkit.views.terminal import Line, commands, hanging

_OPENING = re.compile(r"(?P<policy>[A-Za-z0-9][A-Za-z0-9._/-]{0,119})(?: \(by [^)]*\))?: (?:in|e)gress (?:from|to) ")
NO_TOOLS = "inputs: tools_image"
UNTRIED = "nobody tried a connection"
CHANGED = "somebody changed it since"
UNENFORCED = "nothing enforces the policy"
CAME_THROUGH = "connections came through"
OTHER_NAMES = "name the same image otherwise"
_LIMIT = re.compile(r"--max-targets \d{1,9}", re.ASCII)
_IMAGE = "-i tools_image=IMAGE"
_DEFAULTS = {
    PodRef: "compromised-pod", NodeRef: "node-suspect", ServiceAccountRef: "compromised-serviceaccount",
    ImageRef: "malicious-image", WorkloadRef: "exposed-dashboard",
}  # fmt: skip
"""The playbook that `irkit contain` takes where none is named."""
_WORST = ("asked", "parked", "leaky", "refused", "failed", "skipped", "unproven", "acting", "waiting", "new")


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, in a sentence, and one command; it may hold a word in capitals that the reader fills in."""

    text: str
    command: str


def advise(case: CaseFile, view: RunView, first: Lead, irkit: str = "irkit") -> Advice | None:
    """The next step; None where nothing is left to do. `irkit` is how irkit must be typed here."""
    reasons = [step for step in first.reasons if step.status in _WORST] or [
        step for step in view.steps if step.status in _WORST[:-1]
    ]
    if not reasons or view.run.outcome == "superseded":
        return None
    step = min(reasons, key=lambda one: _WORST.index(one.status))
    name = case.state.case
    if step.status == "asked":
        return Advice(f"{step.key} waits for a second person, who is not {view.run.who.operator}",
                      f"{irkit} approve {name} {shlex.quote(step.key)}")  # fmt: skip
    if step.status == "parked":
        return Advice(step.state.hint or f"{step.key}: {step.why}", f"{irkit} resume {name}")
    if not view.run.outcome:
        return Advice(f"{_open(view)}: go on with the run", f"{irkit} resume {name}")
    if view.run.mode == "undo":
        return _undone(step, name, irkit)
    return _applied(case, view, step, irkit)


def advice_lines(found: Advice | None) -> list[Line]:
    """The step under a screen's first words."""
    if found is None:
        return []
    return [*hanging("  → ", found.text, style="bold"), *commands("", [found.command], column=4)]


def _open(view: RunView) -> str:
    """Which steps keep a run open; a step that has ended unproven, and waits for another's look, does not."""
    names = list(dict.fromkeys(step.key.partition("[")[0] for step in view.steps if not step.closed))
    if not names:
        return "The run has not ended"
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{rest} {'have' if len(names) > 1 else 'has'} not ended"


def _undone(step: StepView, name: str, irkit: str) -> Advice:
    if step.state.drift:
        return Advice(f"{step.key}: somebody else changed it since: settle that with them, then undo the rest",
                      f"{irkit} undo {name}")  # fmt: skip
    return Advice(step.state.hint or f"{step.key} is {step.status}: {step.why}", f"{irkit} undo {name}")


def _applied(case: CaseFile, view: RunView, step: StepView, irkit: str) -> Advice:
    name, why = case.state.case, step.why
    again = again_command(case, view, irkit)
    if step.status in {"refused", "failed", "skipped"}:
        limit = _LIMIT.search(step.state.hint)
        again += f" {limit[0]}" if limit else ""
        return Advice(f"{step.state.hint or f'{step.key} is {step.status}: {why}'}; then the same command again", again)
    if NO_TOOLS in why:
        return Advice("Nobody could try it without irkit's tools: build deploy/tools, push it, and name it, here or as"
                      " inputs: {tools_image: IMAGE} in irkit.yaml", f"{again} {_IMAGE}")  # fmt: skip
    if step.status == "leaky":
        return _leaky(step, name, again, irkit, _policy(case, view, step))
    if UNTRIED in why:
        probes = any(one.purpose == "probe" for one in view.steps)
        more = "" if probes else " --playbook compromised-pod"
        target = case.state.target
        if isinstance(target, PodRef) and not probes:
            return Advice("No step of this playbook tries the network; one that does",
                          f"{irkit} contain pod {target.path}{more}")  # fmt: skip
        return Advice("Configured, and nobody tried it: what the cluster enforces, and what is missing here",
                      f"{irkit} doctor")  # fmt: skip
    if step.uses == "kube.block_image":
        return Advice(
            "The block is in place and no pod tried to start: look whether one runs now", f"{irkit} check {name}"
        )
    return Advice("Look yourself, from another pod and on the node, and write down what you saw",
                  f"{irkit} note {name} 'WHAT YOU SAW'")  # fmt: skip


def _policy(case: CaseFile, view: RunView, step: StepView) -> str:
    """The policy that lets traffic through, by the step's last reason that named one: a try names addresses alone."""
    for record in reversed(case.records):
        body = record.body
        if isinstance(body, r.StepClosed) and (body.run, body.step) == (view.run.id, step.key):
            found = _OPENING.search(body.verdict.why) if body.verdict.status == "leaky" else None
            if found is not None:
                return found["policy"]
    return ""


def _leaky(step: StepView, name: str, again: str, irkit: str, policy: str) -> Advice:
    why = step.why
    if why.startswith(CHANGED):
        return Advice(f"Somebody undid {step.key}: the API's audit log says who. Set it again", again)
    if why.startswith(UNENFORCED):
        return Advice("Network policy is not enforced here: switch it on, or close the node's security group. What is"
                      " seen of it", f"{irkit} doctor")  # fmt: skip
    if step.uses == "kube.block_image" and OTHER_NAMES in why and "by_tag" not in again:
        return Advice("Pods name the same bytes by a tag: deny the tag as well", f"{again} -i by_tag=true")
    if step.uses == "kube.cut_connections":
        return Advice("Connections that were open live on: end them again", again)
    if policy:
        text = f"Policies add up: {policy} still lets traffic through. Change or remove it, then the same command again"
        return Advice(text, again)
    if why.startswith(CAME_THROUGH):
        return Advice("Something lets them through that no policy shows: what the cluster enforces", f"{irkit} doctor")
    return Advice(f"{step.state.hint or f'{step.key} is open: {why}'}; what is open now", f"{irkit} check {name}")


def again_command(case: CaseFile, view: RunView, irkit: str = "irkit") -> str:
    """What begins a run like this one: the same target, playbook and inputs. Its case is joined."""
    target = case.state.target
    typed = _typed(target)
    if target is None or not typed:
        return f"{irkit} plan {shlex.quote(view.run.name)}"
    words = [irkit, "contain", *map(shlex.quote, typed)]
    if view.run.name != _DEFAULTS.get(type(target)):
        words += ["--playbook", view.run.name if view.run.name in shipped.names() else "FILE"]
    for one in view.playbook.inputs if view.playbook is not None else ():
        value = view.run.inputs.get(one.name)
        if one.type not in REFERENCES and value is not None and value != one.default and one.name != "tools_image":
            words += ["-i", shlex.quote(f"{one.name}={_value(value)}")]
    return " ".join(words)


def _typed(target: TargetRef | None) -> tuple[str, str] | None:
    match target:
        case PodRef():
            return "pod", target.path
        case NodeRef():
            return "node", target.name
        case ServiceAccountRef():
            return "serviceaccount", target.path
        case WorkloadRef():
            return "workload", f"{target.type.lower()}/{target.path}"
        case ImageRef():
            return "image", str(target).removeprefix("image ")
        case NamespaceRef() | None:
            return None
    return None


def _value(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
