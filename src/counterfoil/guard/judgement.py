"""What changes about a token that was verified: times, proofs, endings, and how fresh they are.

No I/O. It is asked on every request, also of tokens that are remembered.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from counterfoil.guard.status_lists import Awaited, status_of
from counterfoil.guard.token import Rejected, Undecided
from counterfoil.guard.token_cache import Verified
from counterfoil.oauth import dpop
from counterfoil.oauth.binding import Binding, Proved
from counterfoil.oauth.feed import Position
from counterfoil.oauth.personal_token import is_from
from counterfoil.oauth.reasons import Reason, meaning_of
from counterfoil.oauth.status_list import StatusReference
from counterfoil.oauth.url_binding import Requested

_BY_TIME: Final = frozenset({Reason.EXPIRED, Reason.TOO_OLD, Reason.ISSUED_IN_FUTURE, Reason.STALE})


Where: TypeAlias = Callable[[], Requested]
"""Says which request a token came with. Most tokens are good anywhere: it is seldom asked."""


def demand_target(verified: Verified, where: Where | None) -> None:
    """Refuse a token that is bound to another request, or where it is not known to which it came.

    Raises:
        Rejected: ``wrong_target``.
    """
    bound = verified.url_bound
    if bound is None:
        return
    if where is None or not bound.permits(where(), verified.token.fingerprint):
        raise _refused(Reason.WRONG_TARGET, verified)


def demand_place(verified: Verified, where: Where | None) -> None:
    """Refuse a token that is good from some networks, from anywhere else or nobody knows where.

    Raises:
        Rejected: ``wrong_address``.
    """
    if not verified.networks:
        return
    if where is None or not is_from(where().address, verified.networks):
        raise _refused(Reason.WRONG_ADDRESS, verified)


def judge(verified: Verified, proved: Proved, at_least: Position | None, now: float) -> None:
    """Let a token pass that stands now, with what was proved.

    Raises:
        Rejected: with the reason.
        Undecided: where only the issuer can say.
        Awaited: where its status list must be fetched first.
    """
    refuse_dead(verified, proved, now)
    state = verified.state
    registry = state.registry
    is_known = registry is None or registry.knows(verified.registered)
    is_stale = now > state.notices.fresh_at + state.tolerance
    if verified.status is not None:
        is_stale = _is_list_stale(verified, verified.status, now)
    if at_least is not None and not state.notices.has_proved(at_least):
        is_stale = True
    if is_known and not is_stale:
        return
    if is_stale and state.staleness.then != "introspect":
        raise _refused(Reason.STALE, verified)
    otherwise = Reason.REVOKED if is_known else Reason.NOT_REGISTERED
    raise Undecided(state.issuer.url, verified.token, otherwise)


def judge_ticket(verified: Verified, proved: Proved, at_least: Position | None, now: float) -> None:
    """Judge a ticket as its parent: by what has ended. Its issuer cannot be asked about it.

    That the parent was registered was seen when the ticket was given.

    Raises:
        Rejected: with the reason; ``stale`` also where an issuer would be asked about a token.
    """
    refuse_dead(verified, proved, now)
    state = verified.state
    is_behind = at_least is not None and not state.notices.has_proved(at_least)
    if is_behind or now > state.notices.fresh_at + state.tolerance:
        raise _refused(Reason.STALE, verified)


def refuse_dead(verified: Verified, proved: Proved, now: float) -> None:
    """Refuse what has ended, or is not bound to what was proved.

    Raises:
        Rejected: with the reason.
    """
    if now >= verified.expires_at:
        is_over = now >= verified.token.expires_at
        raise _refused(Reason.EXPIRED if is_over else Reason.TOO_OLD, verified)
    if now < verified.not_before:
        raise _refused(Reason.ISSUED_IN_FUTURE, verified)
    # Nothing bound and nothing proved, the usual case, is one look.
    if verified.binding is not proved and not _is_met(verified.binding, proved):
        raise _refused(Reason.WRONG_BINDING, verified)
    reason = verified.state.notices.rejects(verified.marks, now)
    if reason is not None:
        raise _refused(reason, verified)


def _is_list_stale(verified: Verified, reference: StatusReference, now: float) -> bool:
    """Judge by the status list of a token; say whether that is too old to go by."""
    state = verified.state
    held = None if state.status_lists is None else state.status_lists.find(reference.uri)
    if held is None:
        raise Awaited(state.issuer.url, reference.uri, verified.token.fingerprint)
    reason = status_of(held, reference)
    if reason is not None:
        raise _refused(reason, verified)
    return now > held.good_until + state.tolerance


def _is_met(binding: Binding, proved: Proved) -> bool:
    """Whether a token may be used with what was proved; one that is unbound never with DPoP.

    A proof that the token does not ask for is no harm by itself; but a client that believes its
    token to be bound must learn that it is not (RFC 9449 §7.2).
    """
    if isinstance(proved, frozenset):
        return binding.is_bearer or binding in proved
    if binding.is_bearer:
        return proved.method != dpop.METHOD
    return binding == proved


def _refused(reason: Reason, verified: Verified) -> Rejected:
    detail = _by_the_clocks(reason, verified) if reason in _BY_TIME else ""
    return Rejected(reason, detail=detail, fingerprint=verified.token.fingerprint)


def _by_the_clocks(reason: Reason, verified: Verified) -> str:
    """Say what was measured of the clocks, so that nobody looks for a wrong one elsewhere."""
    sentence, skew = meaning_of(reason).sentence, verified.state.skew
    if skew is None:
        return sentence
    way = "ahead of" if skew > 0 else "behind"
    return f"{sentence} The issuer's clock was last seen {abs(skew):.1f} s {way} this one."
