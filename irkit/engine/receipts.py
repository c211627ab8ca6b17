"""Sending one effect, and what its end is called. A write is sent once; what nobody knows is said to be in doubt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from irkit.errors import (
    BadResponse,
    ClientError,
    CredentialsExpired,
    Denied,
    InDoubt,
    IrkitError,
    JournalError,
    Malformed,
    ServerFault,
    Throttled,
    Unreachable,
)
from irkit.model import records as r
from irkit.model.effects import AwsCall, KubeCall, Store
from irkit.model.ports import Clock, Reply, World
from irkit.model.refs import ClusterRef
from irkit.model.times import after


@dataclass(frozen=True, slots=True)
class Sent:
    """How an effect ended: a reply, or an error."""

    effect: KubeCall | AwsCall | Store
    reply: Reply | None = None
    error: IrkitError | None = None

    @property
    def ok(self) -> bool:
        """Whether it took effect for certain."""
        return self.error is None


def send(
    effect: KubeCall | AwsCall | Store, world: World, vault: Mapping[str, Callable[[], str]], timeout: float
) -> Sent:
    """Perform one effect, once. Raises JournalError where evidence cannot be stored: that stops the run."""
    sealed = {slot.name: vault[slot.name]() for slot in effect.slots}
    try:
        if isinstance(effect, Store):
            world.evidence.put(effect, world.spool.chunks(effect.spool))
            return Sent(effect, Reply({}, 0, "", ""))
        if isinstance(effect, KubeCall):
            return Sent(effect, world.kube(ClusterRef(id=effect.cluster)).perform(effect, sealed, timeout))
    except JournalError:
        raise
    except IrkitError as error:
        return Sent(effect, error=error)
    except Exception as error:  # noqa: BLE001 -- whatever went wrong, a write may have been sent
        msg = f"{effect.target}: irkit itself failed while sending: {type(error).__name__}"
        return Sent(effect, error=InDoubt(msg))
    msg = f"{effect.target}: this irkit has no AWS plane"
    return Sent(effect, error=Unreachable(msg))


def end_of(sent: Sent, run: str, step: str, turn: int, key: str, mark: str, clock: Clock) -> list[r.AnyBody]:  # noqa: PLR0913, PLR0917 -- an effect's full address
    """The records of an effect's end, and of what the step then does."""
    effect, error = sent.effect, sent.error
    if sent.reply is not None:
        bodies: list[r.AnyBody] = [
            r.EffectDone(
                run=run, step=step, key=key, name=effect.name, mark=mark, reply=sent.reply.fields,
                status=sent.reply.status, request_id=sent.reply.request_id, as_of=sent.reply.as_of,
            )
        ]  # fmt: skip
        if isinstance(effect, Store):
            bodies.append(kept(effect, run, step, mark))
        return bodies
    if isinstance(error, InDoubt | ServerFault | BadResponse | Malformed) or error is None:
        return [r.EffectDoubted(run=run, step=step, key=key, name=effect.name, mark=mark, why=str(error)[:1000])]
    failed = r.EffectFailed(
        run=run, step=step, key=key, name=effect.name, mark=mark,
        error=error.kind if isinstance(error, ClientError) else type(error).__name__,
        status=error.status if isinstance(error, ClientError) else 0,
        reason=error.reason if isinstance(error, ClientError) else "",
        message=str(error)[:1000],
        retry_after_ms=int(error.retry_after * 1000) if isinstance(error, Throttled) else 0,
    )  # fmt: skip
    follow = _follow(error, run, step, turn, clock)
    return [failed, follow] if follow is not None else [failed]


def kept(effect: Store, run: str, step: str, mark: str, *, complete: bool = True) -> r.ArtefactStored:
    """The record of an artefact that is in the evidence store: whole, or torn."""
    return r.ArtefactStored(
        run=run, step=step, name=effect.name, location=effect.key, sha256=effect.sha256, size=effect.size,
        media_type=effect.media_type, complete=complete, mark=mark,
    )  # fmt: skip


def _follow(error: IrkitError, run: str, step: str, turn: int, clock: Clock) -> r.AnyBody | None:
    """Parking for what only others can mend, waiting for what time mends; anything else is looked at again at once."""
    if isinstance(error, Throttled):
        until = after(clock(), error.retry_after)
        return r.StepWaiting(run=run, step=step, turn=turn, until=until, why=str(error))
    detail, hint = str(error), error.hint
    if isinstance(error, CredentialsExpired):
        return r.StepParked(run=run, step=step, turn=turn, why="credentials", detail=detail, hint=hint)
    if isinstance(error, Denied):
        return r.StepParked(run=run, step=step, turn=turn, why="denied", detail=detail, hint=hint)
    if isinstance(error, Unreachable):
        return r.StepParked(run=run, step=step, turn=turn, why="unreachable", detail=detail, hint=hint)
    return None
