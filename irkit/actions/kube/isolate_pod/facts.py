"""What isolating a pod needs to know, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from irkit.actions.kube.companions import companions
from irkit.actions.kube.endings import Ending, ending, warnings
from irkit.actions.kube.engines import DenialSeen, EngineSeen, Sharing, denials_of, detect, look_for, sharing, standing
from irkit.actions.kube.engines.denials import Family
from irkit.actions.kube.fields import Fields, label, read_fields
from irkit.actions.kube.isolate_pod.lists import crowd, policies, selecting, sharers
from irkit.actions.kube.isolate_pod.peers import peers
from irkit.actions.kube.isolate_pod.policy import policy_name
from irkit.actions.kube.isolate_pod.probed import ProbeSeen, probed
from irkit.actions.kube.lives import Life, lives
from irkit.actions.kube.netpol import Opening, Pod, Policy, openings
from irkit.actions.kube.objects import FARGATE_LABEL, find
from irkit.actions.kube.pods import IpFamily, addresses, families
from irkit.actions.kube.proofs import PROBES, circumstances
from irkit.model.doc import Doc
from irkit.model.effects import Mark
from irkit.model.kube import CASE_LABEL, NETWORK_POLICIES, PODS, SERVICES
from irkit.model.plans import Impact
from irkit.model.ports import KubeReader, Listing, Reader
from irkit.model.refs import PodRef

_UNSEEN, _ALONE = EngineSeen("unknown", "unknown"), Sharing()
Choice = Literal["auto", "networkpolicy", "calico", "cilium", "aws"]


@dataclass(frozen=True, slots=True)
class Facts:
    """`policies` are those that select the pod, its case label included, and irkit's own.

    `families` are those of the pod's addresses.

    `others` are the other living pods of the namespace with the case's label, by name and key; `services` those
    that select the pod. `openings` is what the union of policies lets through at the pod once it bears the label.
    `engine` is what runs here, `denials` what was found of the objects that deny there, `sharing` who shares the
    pod's state. `lives` are the pod's containers; `ending` is set where it is to end. `as_of` is the list's time.
    """

    fields: Fields
    labels: tuple[tuple[str, str], ...] = ()
    host_network: bool = False
    fargate: bool = False
    families: tuple[IpFamily, ...] = ()
    policies: tuple[Policy, ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    services: tuple[str, ...] = ()
    openings: tuple[Opening, ...] = ()
    engine: EngineSeen = _UNSEEN
    denials: tuple[DenialSeen, ...] = ()
    sharing: Sharing = _ALONE
    probe: ProbeSeen | None = None
    lives: tuple[Life, ...] = ()
    ending: Ending | None = None
    as_of: str = ""

    def policy(self, name: str) -> Policy | None:
        """The policy of this name."""
        return next((one for one in self.policies if one.name == name), None)

    @property
    def released(self) -> tuple[Impact, ...]:
        """What giving the network back has to warn of."""
        return warnings((self.ending,) if self.ending else ())

    @property
    def open(self) -> tuple[Opening, ...]:
        """All that stays open: at the pod itself, and through those that share its state."""
        return (*self.openings, *self.sharing.open_near)


def observe(pod: PodRef, mark: Mark, reader: Reader, choice: Choice) -> Facts:
    """Read them. The pod may be gone: its policy, and who else is under it, still matter to an undo."""
    kube = reader.kube(pod.cluster)
    presence, doc = find(kube, PODS, pod)
    case = label(CASE_LABEL, mark.case)
    fields = Fields(presence) if doc is None else read_fields(doc, (case,), mark.case)
    labels = {} if doc is None else doc.labels("metadata", "labels")
    listing = kube.list(NETWORK_POLICIES, pod.namespace)
    after = {**labels, CASE_LABEL: mark.case}
    known = listing.derive(policies)
    about = [one for one in known if one.name == policy_name(mark) or one.selector.matches(after)]
    services = [
        name
        for name, selector in (kube.list(SERVICES, pod.namespace).derive(selecting) if doc is not None else ())
        if selector.matches(labels)
    ]
    engine = detect(kube)
    found, shared = _open(kube, doc, after, known, engine)
    return Facts(
        fields=fields,
        labels=tuple(sorted(labels.items())),
        host_network=doc is not None and doc.flag("spec", "hostNetwork", default=False),
        fargate=FARGATE_LABEL in labels,
        families=() if doc is None else families(addresses(doc)),
        policies=tuple(sorted(about, key=lambda one: one.name)),
        others=companions(kube, pod, mark.case),
        services=tuple(services),
        openings=found,
        engine=engine,
        denials=tuple(
            look_for(kube, family, policy_name(mark), mark, pod.namespace)
            for family in _families(choice, engine, is_open=bool(found or shared.open_near))
        ),
        sharing=shared,
        probe=_probe(reader, pod, mark, listing, doc),
        lives=() if doc is None else lives(doc),
        ending=None if doc is None else ending(doc),
        as_of=listing.as_of,
    )


def _probe(reader: Reader, pod: PodRef, mark: Mark, listing: Listing, doc: Doc | None) -> ProbeSeen | None:
    """Asked for only once the pod is isolated: containment does not wait for what the engine's own policies are."""
    labels = {} if doc is None else doc.labels("metadata", "labels")
    if doc is None or labels.get(CASE_LABEL) != mark.case or not reader.evidence.any(PROBES):
        return None
    engines = standing(reader.kube(pod.cluster), pod.namespace, doc.text("spec", "nodeName", default=""), mark.case)
    return probed(reader.evidence, pod, circumstances(listing.items, labels, engines))


def _open(
    kube: KubeReader, doc: Doc | None, after: Mapping[str, str], known: tuple[Policy, ...], engine: EngineSeen
) -> tuple[tuple[Opening, ...], Sharing]:
    """The namespace's pods are listed where they are counted as peers, or share the target's state."""
    shares = engine.name == "vpc-cni"
    opens = any(one.selector.matches(after) and (one.rules("Ingress") or one.rules("Egress")) for one in known)
    if doc is None or not (shares or opens):
        return (), Sharing()
    target = replace(Pod.read(doc), labels=tuple(sorted(after.items())))
    pods = kube.list(PODS, target.namespace)
    near = pods.derive(crowd)
    more, namespaces = peers(kube, target, known)
    found = openings(target, known, (near, *more), namespaces)
    return found, sharing(target, pods.derive(sharers), known, (near,)) if shares else Sharing()


def _families(choice: Choice, engine: EngineSeen, *, is_open: bool) -> tuple[Family, ...]:
    """Which objects to look for. Those of an unseen engine are looked for where something is open."""
    if choice == "auto":
        return denials_of(engine) if is_open or engine.name != "unknown" else ()
    return () if choice == "networkpolicy" else (choice,)
