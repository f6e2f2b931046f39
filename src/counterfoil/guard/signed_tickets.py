"""Tickets that an issuer has signed, verified with the keys that are held of it. No I/O (S73)."""

from collections.abc import Callable, Mapping

from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.token import Rejected
from counterfoil.guard.verification import REASONS, issuer_named_in, without_keys
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jwt import Verifier
from counterfoil.oauth.access_token import LEEWAY
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.signed_ticket import LIFETIME, TYPE, signed_ticket_from
from counterfoil.oauth.ticket import MAX_LENGTH, Ticket


class SignedTickets:
    """Opens tickets for one API. Threads may share it.

    ``states`` are the issuers that are trusted; ``wake`` has keys that are missed fetched.
    """

    def __init__(
        self,
        audience: str,
        states: Mapping[str, IssuerState],
        clock: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._audience = audience
        self._states = states
        self._clock = clock
        self._wake = wake
        self._verifiers: dict[str, Verifier] = {}

    def opened(self, unverified: str) -> Ticket:
        """Open a ticket.

        Raises:
            Rejected: where no issuer of ours has signed it, or it is for another API.
        """
        state = self._state_for(unverified)
        try:
            verified = self._verifier_of(state).verify(unverified)
        except JoseError as error:
            reason = REASONS.get(error.reason, Reason.MALFORMED)
            if reason is Reason.UNKNOWN_KEY and state.keys.missed(self._clock()):
                self._wake()
            raise Rejected(reason, detail=f"the ticket: {error}") from None
        claims = signed_ticket_from(verified.claims)
        ticket = claims.as_ticket(verified.kid) if claims is not None else None
        if claims is None or ticket is None or claims.exp > claims.iat + LIFETIME:
            raise Rejected(Reason.MALFORMED, detail="the ticket does not say what tickets do")
        if claims.iss != state.issuer.url:
            raise Rejected(Reason.WRONG_ISSUER, fingerprint=claims.jti)
        if claims.aud != self._audience:
            detail = f"this guard's audience is {self._audience!r}"
            raise Rejected(Reason.WRONG_AUDIENCE, detail=detail, fingerprint=claims.jti)
        if claims.begins_at > self._clock() + LEEWAY:
            raise Rejected(Reason.ISSUED_IN_FUTURE, fingerprint=claims.jti)
        return ticket

    def _state_for(self, unverified: str) -> IssuerState:
        """Choose the issuer: one whose endings are heard of, and that signs tickets so."""
        states = self._states
        name = next(iter(states)) if len(states) == 1 else issuer_named_in(unverified)
        state = states.get(name)
        if state is None or state.issuer.revocation != "feed":
            raise Rejected(Reason.WRONG_ISSUER)
        return state

    def _verifier_of(self, state: IssuerState) -> Verifier:
        held = state.keys.verifier
        if held is None:
            raise without_keys(state.issuer.url)
        verifier = self._verifiers.get(state.issuer.url)
        if verifier is None or verifier.keys is not held.keys:
            verifier = Verifier(held.keys, TYPE, max_bytes=MAX_LENGTH)
            self._verifiers[state.issuer.url] = verifier
        return verifier
