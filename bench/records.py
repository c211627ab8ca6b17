"""Records as a case has them: for each effect its plan, the intent, the receipt and the step's end."""

from __future__ import annotations

from itertools import cycle, islice

from irkit.model import kube
from irkit.model.base import digest
from irkit.model.effects import KubeCall, Mark
from irkit.model.plans import Impact, Verdict
from irkit.model.records import AnyBody, CaseOpened, EffectDone, EffectIntended, StepClosed, StepPlanned, Touch, Who
from irkit.model.refs import ClusterRef, PodRef

CASE = "IR-20261121-k7f2"
CLUSTER = ClusterRef(id="arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu")
POD = PodRef(cluster=CLUSTER, namespace="shop", name="web-6c9f7d8b5-x2x4p", uid="5b1c9c1e-6d5e-4b1a-9a55-0d3c1f0a99e2")
WHO = Who(operator="ana", host="laptop", pid=4242)
NOW = "2026-11-21T03:00:00.000000Z"


def clock() -> str:
    """A clock that costs nothing."""
    return NOW


def opening() -> CaseOpened:
    """The first record of a case."""
    return CaseOpened(
        case=CASE, cluster=CLUSTER, cluster_uid="8d0f4d0e-0000-4000-8000-000000000001", target=POD, generation=1,
        who=WHO, tool="0",
    )  # fmt: skip


def bodies(count: int) -> list[AnyBody]:
    """So many bodies, four kinds in turn."""
    mark = Mark(within=CLUSTER.id, case=CASE, action="kube.label_pod", scope=POD.uid, params=digest({}))
    pointer = kube.pointer("metadata", "labels", kube.CASE_LABEL)
    call = KubeCall(
        name="label", cluster=CLUSTER.id, verb="patch", resource=kube.PODS, namespace=POD.namespace, object=POD.name,
        body=[
            {"op": "test", "path": "/metadata/uid", "value": POD.uid},
            {"op": "add", "path": pointer, "value": CASE},
        ],
    )  # fmt: skip
    step, key = "label", digest(mark.dump())
    four: tuple[AnyBody, ...] = (
        StepPlanned(
            run="r1", step=step, turn=1, action=mark.action, mark=mark, target=POD.key,
            why="the case's label is not there",
            effects=("label",), impact=(Impact(who="Service shop/web", what="loses 1 of 4 endpoints", count=1),),
            touches=(Touch(target=POD.key, field=pointer, value=CASE),),
        ),
        EffectIntended(
            run="r1", step=step, turn=1, key=key, name="label", mark=mark.id, attempt=1, call=call.dump()
        ),
        EffectDone(
            run="r1", step=step, key=key, name="label", mark=mark.id, status=200, request_id=POD.uid,
            reply={"/metadata/uid": POD.uid, "/metadata/resourceVersion": "104833"}, as_of="2026-11-21T03:00:00Z",
        ),
        StepClosed(
            run="r1", step=step, verdict=Verdict.proven("the label was read back"), reason="the pod carries the label",
            mark=mark.id, outputs={"pod": POD.dump()},
        ),
    )  # fmt: skip
    return list(islice(cycle(four), count))
