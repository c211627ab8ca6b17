"""Who loses a token, and what the tokens that are left can still do."""

from __future__ import annotations

from collections.abc import Iterator

from irkit.actions.kube.revoke_tokens.facts import Facts, Token
from irkit.model.plans import Impact, Verdict

_SHOWN = 5


def impact(tokens: tuple[Token, ...]) -> tuple[Impact, ...]:
    """Whoever holds one loses it: pods are known, programs outside the cluster are not."""
    inside = tuple(
        Impact(
            who=f"pods that use Secret {one.name}: {_some(one.used_by)}",
            what="lose its token; those that start later do not start without it",
            count=len(one.used_by),
            warn=True,
        )
        for one in tokens
        if one.used_by
    )
    outside = Impact(
        who="programs outside the cluster with a legacy token of it",
        what="can no longer log in; irkit cannot see them",
        warn=True,
    )
    return (*inside, outside)


def verdict(facts: Facts) -> Verdict:
    """Bound tokens live as long as their pods: what closes them without losing those is that they may do nothing.

    A login without a right is none of an attacker's: where no binding names the account or its groups, that is the
    proof. Tokens for somebody else than the API are beyond all bindings.
    """
    asked = "tokens from the TokenRequest API are in no list: each ends at its own expiry, or with the service account"
    open_ways = [*_at_the_api(facts), *map(_there, facts.elsewhere)]
    if open_ways:
        return Verdict.leaky("; ".join(open_ways))
    if facts.rights == ():
        ends = f"; those of {_some(tuple(name for name, _ in facts.bound))} log in until those pods end"
        return Verdict.proven(
            "read back: no RoleBinding or ClusterRoleBinding names it or its groups, so whoever holds a token of it "
            f"may do what everybody may{ends if facts.bound else ''}; {asked}"
        )
    return Verdict.unproven(f"no legacy token and no pod's token is left; {asked}")


def _at_the_api(facts: Facts) -> Iterator[str]:
    """Tokens of pods that log in, where what they may do is not nothing."""
    if facts.rights == () or not facts.bound:
        return
    names, longest = _some(tuple(name for name, _ in facts.bound)), max(seconds for _, seconds in facts.bound)
    for_how_long = f"asked for {longest} s at a time; the API server may issue them for up to a year"
    rest = len(facts.rights or ()) - _SHOWN
    has = "; ".join((facts.rights or ())[:_SHOWN]) + (f"; {rest} more" if rest > 0 else "")
    still = f"it still has {has}" if has else "nobody could look what the account still has"
    yield (
        f"tokens of {names} are good while those pods live ({for_how_long}), and {still}: kube.revoke_bindings takes "
        f"away what names it"
    )


def _there(found: tuple[str, int, tuple[str, ...]]) -> str:
    audience, seconds, pods = found
    return (
        f"tokens of {_some(pods)} for {audience} are good there until they expire (asked for {seconds} s at a time), "
        f"whatever becomes of bindings or pods: close what they open there"
    )


def _some(names: tuple[str, ...]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
