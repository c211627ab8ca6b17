"""From a name to the living object, pinned by its uid."""

from __future__ import annotations

from irkit.errors import Refused, UsageError
from irkit.model.kube import NODES, PODS
from irkit.model.ports import KubeReader
from irkit.model.refs import NodeRef, PodRef, TargetRef


def resolve_target(reader: KubeReader, target: TargetRef) -> TargetRef:
    """The target with the uid of the object that lives under its name now.

    Raises:
        Refused: nothing lives there, or (where the target had a uid) something else does.
        UsageError: a kind of target that no action works on.
        ClientError: the API did not answer.
    """
    if isinstance(target, PodRef):
        found = reader.get(PODS, target.name, target.namespace)
    elif isinstance(target, NodeRef):
        found = reader.get(NODES, target.name)
    else:
        msg = f"no action works on {target} yet"
        raise UsageError(msg, hint="name one of its pods: irkit contain pod NAMESPACE/NAME")
    if found is None:
        msg = f"{target} does not exist in {target.cluster}"
        raise Refused(msg, hint="it may be gone already; its logs and events may still be in your log store")
    uid = found.text("metadata", "uid", limit=63)
    if target.uid and target.uid != uid:
        msg = f"{target} is another object now: its uid is {uid}, the finding is about {target.uid}"
        raise Refused(msg, hint="the one in the finding is gone; respond to the new one only if it is suspect itself")
    return target.model_copy(update={"uid": uid})
