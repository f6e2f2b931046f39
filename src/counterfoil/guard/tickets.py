"""Tickets at an API: checked without I/O, in place of a token, for one GET (S73)."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from msgspec import Struct

from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.request import Request
from counterfoil.guard.scope_hierarchy import ScopeHierarchy
from counterfoil.guard.signed_tickets import SignedTickets
from counterfoil.guard.ticket_policy import Tickets
from counterfoil.guard.token import Rejected, Token
from counterfoil.guard.token_cache import Verified
from counterfoil.oauth.binding import UNBOUND, Binding
from counterfoil.oauth.canonical_url import UrlRefused, canonical_text
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.ticket import (
    MAX_LENGTH,
    PREFIX,
    BadTicket,
    Opener,
    Ticket,
    digest_of,
    tickets_in,
    without_ticket,
)

_Whose: TypeAlias = tuple[str, str]
"""An issuer and its user."""
SAFE: Final = frozenset({"GET", "HEAD"})
_WORDS: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.WRONG_TYPE: "what stands in the URL as a ticket is none",
        Reason.MALFORMED: "the ticket is not well formed",
        Reason.BAD_SIGNATURE: "the ticket was signed with no key of this API, or was changed",
    }
)


class Checks(Struct, frozen=True):
    """What a ticket is checked with: the API's name, its scopes, the issuers that it trusts.

    ``wake`` has keys that are missed fetched. ``max_age``: seconds after their first issue in which
    the API takes tokens at all, if it has said so.
    """

    audience: str
    hierarchy: ScopeHierarchy
    states: Mapping[str, IssuerState]
    clock: Callable[[], float]
    wake: Callable[[], None]
    max_age: float | None = None

    def end_of(self, ticket: Ticket) -> float:
        """Say until when a ticket is taken (S27)."""
        if self.max_age is None:
            return ticket.expires_at
        return min(ticket.expires_at, ticket.iat + self.max_age)


class TicketCheck:
    """Opens tickets and remembers those that are good once. No I/O; threads may share it."""

    def __init__(self, policy: Tickets, checks: Checks) -> None:
        issuers = [state.issuer for state in checks.states.values()]
        has_registry = any(each.registry for each in issuers)
        policy.demand_endings({each.revocation for each in issuers}, registry=has_registry)
        self.policy = policy
        self._checks = checks
        self._opener = Opener(policy.keys, checks.audience.encode())
        self._signed: SignedTickets | None = None
        if policy.by_issuer:
            self._signed = SignedTickets(checks.audience, checks.states, checks.clock, checks.wake)
        self._used: OrderedDict[bytes, tuple[int, _Whose]] = OrderedDict()
        self._of_one: dict[_Whose, int] = {}
        self._lock = threading.Lock()

    def read(self, request: Request, url: str) -> Ticket:
        """Open the ticket of a request, and compare what it is for with what is asked.

        ``url``: of the request, as its client sees it, without its query.

        Raises:
            Rejected: ``malformed``, ``wrong_type``, ``bad_signature`` or ``wrong_target``.
        """
        found = tickets_in(request.query)
        if len(found) != 1 or len(found[0]) > MAX_LENGTH:
            raise Rejected(Reason.MALFORMED, detail=_WORDS[Reason.MALFORMED])
        ticket = self._opened(found[0])
        is_get = request.method in SAFE and not request.may_become_another
        if not is_get or _digest(request, url, ticket.headers) != ticket.request:
            raise Rejected(Reason.WRONG_TARGET, fingerprint=ticket.jti)
        return ticket

    def _opened(self, unverified: bytes) -> Ticket:
        signed = self._signed
        if signed is not None and not unverified.startswith(PREFIX):
            if not unverified.isascii():
                raise Rejected(Reason.MALFORMED, detail=_WORDS[Reason.MALFORMED])
            return signed.opened(unverified.decode("ascii"))
        try:
            return self._opener.opened(unverified)
        except BadTicket as bad:
            raise Rejected(bad.reason, detail=_WORDS[bad.reason]) from None

    def verified(self, ticket: Ticket) -> Verified:
        """Give a ticket the shape of its parent, as far as that reaches; it says nothing of now.

        Raises:
            Rejected: ``wrong_issuer`` where the parent's issuer is trusted no more.
        """
        checks = self._checks
        state = checks.states.get(ticket.iss)
        if state is None:
            raise Rejected(Reason.WRONG_ISSUER, fingerprint=ticket.jti)
        return Verified(
            _token(ticket, checks),
            checks.end_of(ticket),
            0.0,
            Binding(*ticket.binding) if ticket.binding is not None else UNBOUND,
            ticket.marks(checks.audience),
            state,
            None,
        )

    def take(self, ticket: Ticket) -> None:
        """Use up a ticket that is good once. In this process: others have memories of their own.

        Raises:
            Rejected: ``used_up``; ``stale`` where the memory is full, or the part of it that one
                user may fill, for none is forgotten.
        """
        nonce, whose = ticket.nonce, (ticket.iss, ticket.sub)
        if not nonce:
            return
        with self._lock:
            self._forget_expired()
            used, of_one = self._used, self._of_one
            if nonce in used:
                raise Rejected(Reason.USED_UP, fingerprint=ticket.jti)
            held = of_one.get(whose, 0)
            if len(used) >= self.policy.remembered or held >= self.policy.remembered_of_one:
                detail = "too many tickets are good once: the memory of them is full"
                raise Rejected(Reason.STALE, detail=detail, fingerprint=ticket.jti)
            used[nonce] = ticket.expires_at, whose
            of_one[whose] = held + 1

    def _forget_expired(self) -> None:
        used, of_one, now = self._used, self._of_one, self._checks.clock()
        while used and next(iter(used.values()))[0] <= now:
            _, (_, whose) = used.popitem(last=False)
            of_one[whose] -= 1
            if not of_one[whose]:
                del of_one[whose]


def _digest(request: Request, url: str, names: Iterable[str]) -> bytes:
    query = without_ticket(request.query)
    try:
        text = canonical_text(f"{url}?{query.decode('latin-1')}" if query else url)
    except UrlRefused:
        return b""
    headers = []
    for name in names:
        # No header has a name outside ASCII (RFC 9110 §5.1), whatever an issuer has signed.
        values = request.values(name.encode("ascii")) if name.isascii() else ()
        if len(values) != 1:
            return b""
        headers.append((name, values[0]))
    return digest_of(text, headers)


def _token(ticket: Ticket, checks: Checks) -> Token:
    claims: dict[str, object] = {
        "iss": ticket.iss,
        "sub": ticket.sub,
        "aud": checks.audience,
        "exp": ticket.expires_at,
        "iat": ticket.iat,
        "client_id": ticket.client_id,
        "jti": ticket.jti,
        "scope": ticket.scope,
        **ticket.said,
    }
    if ticket.binding is not None:
        claims["cnf"] = Binding(*ticket.binding).confirmation()
    return Token(
        subject=ticket.sub,
        client_id=ticket.client_id,
        scopes=checks.hierarchy.scopes_of(ticket.scope),
        audience=(checks.audience,),
        issuer=ticket.iss,
        expires_at=ticket.expires_at,
        issued_at=ticket.iat,
        fingerprint=ticket.jti,
        family=ticket.fam,
        claims=MappingProxyType(claims),
        by_ticket=True,
    )
