"""What every adapter does with a request: read it, have it decided, let it pass or say why not.

The adapters differ in how they read a request and write an answer; all else stands here.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from typing import TYPE_CHECKING, Final

from counterfoil.guard.asked import AUTHORIZATION, Asked, RequestReader
from counterfoil.guard.demands import NOTHING, Demands, Presented, scope_of
from counterfoil.guard.guard import Guard
from counterfoil.guard.manners import Manners, Said
from counterfoil.guard.reply import Refusal, Reply
from counterfoil.guard.request import Request
from counterfoil.guard.sessions import Found, Sessions, origin_of
from counterfoil.guard.token import Rejected, Token
from counterfoil.guard.transport import Transport
from counterfoil.oauth.challenge import BEARER, BOTH, DPOP, REQUEST_ID, Challenge, Schemes
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.ticket import tickets_in

if TYPE_CHECKING:
    from counterfoil.guard.tickets import TicketCheck

LOCAL_PROXY: Final = ("127.0.0.1", "::1")
WAIT_AT_START: Final = 5.0
"""Seconds that start-up waits for the issuers; it goes on without them."""


class Gate:
    """A guard in front of HTTP.

    Args:
        guard: who decides. Its ``Options(web=...)`` say how it behaves on the web.
        realm: named in the challenge.
        proxies: addresses or networks of reverse proxies whose word is believed, on https and on
            where a request comes from.

    An adapter does four things: it answers with `answer`, where that is something; it lets pass
    what `admit` admits; it makes an answer of each `refusal`; and it sets `further_headers` in all
    that the app itself answers to guarded requests.

    Raises:
        TypeError: where the guard is none.
        ValueError: where the realm cannot be said, or a proxy is no address.
    """

    def __init__(
        self, guard: Guard, *, realm: str = "", proxies: Sequence[str] = LOCAL_PROXY
    ) -> None:
        given: object = guard
        if not isinstance(given, Guard):
            raise TypeError(
                f"a {type(given).__name__} is no guard: write Guard(issuer, audience=...)"
            )
        Challenge(Reason.MISSING, realm)
        self.guard = guard
        self._realm = realm
        self._transport = Transport(proxies)
        self._reader = RequestReader(guard, self._transport)
        self._manners = Manners(guard)
        self._sessions = guard.web.sessions

    def answer(self, request: Request) -> Reply | None:
        """Answer what needs no token, before anything else: a preflight, or the API's metadata.

        ``None`` where the request is neither. It is asked for open paths too.
        """
        return self._manners.answer(request)

    async def admit(self, request: Request, demands: Demands = NOTHING) -> Token:
        """Decide about the token of a request, and whether it is enough for this endpoint.

        Raises:
            Rejected: with the reason. `refusal` makes an answer of it.
        """
        try:
            sessions = self._sessions
            if sessions is not None and self._is_by_session(request, sessions):
                found = sessions.look_up(self._session_in(request, sessions))
                token = self._signed_in(await _waited_for(found), request, demands)
                return await self._enriched(token)
            tickets = self._tickets_for(request)
            if tickets is not None:
                if not self.guard.is_started:
                    await self.start()
                return await self._enriched(self._by_ticket(tickets, request, demands))
            asked = self._reader.read(request)
            if not self.guard.is_started:
                await self.start()
            token = await self.guard.decide(
                asked.unverified, asked.proved, asked.at_least, asked.where, counts=True
            )
            token = await self._enriched(self._passed(asked, token, request, demands))
            return token if token.max_uses is None else await self.guard.uses.spend(token)
        except Rejected as rejected:
            raise _with_all_scopes(rejected, demands) from None

    def admit_blocking(self, request: Request, demands: Demands = NOTHING) -> Token:
        """Decide as :meth:`admit`, for code that has no event loop.

        Raises:
            TypeError: where sessions are looked up by a coroutine function.
        """
        try:
            sessions = self._sessions
            if sessions is not None and self._is_by_session(request, sessions):
                found = sessions.look_up(self._session_in(request, sessions))
                return self._enriched_blocking(self._signed_in(_at_once(found), request, demands))
            tickets = self._tickets_for(request)
            if tickets is not None:
                if not self.guard.is_started:
                    self.start_blocking()
                return self._enriched_blocking(self._by_ticket(tickets, request, demands))
            asked = self._reader.read(request)
            if not self.guard.is_started:
                self.start_blocking()
            token = self.guard.decide_blocking(
                asked.unverified, asked.proved, asked.at_least, asked.where, counts=True
            )
            token = self._enriched_blocking(self._passed(asked, token, request, demands))
            return token if token.max_uses is None else self.guard.uses.spend_blocking(token)
        except Rejected as rejected:
            raise _with_all_scopes(rejected, demands) from None

    async def start(self) -> None:
        """Start the guard and wait a little for its issuers, without holding up the event loop."""
        self.guard.start()
        await asyncio.to_thread(self.guard.wait_until_fresh, WAIT_AT_START)

    def start_blocking(self) -> None:
        """Start the guard and wait a little for its issuers."""
        self.guard.start()
        self.guard.wait_until_fresh(WAIT_AT_START)

    def demand(self, token: Token, request: Request, demands: Demands) -> None:
        """Demand more of a token that was let pass before.

        Raises:
            Rejected: with the reason.
            TypeError: where a demand answers something, as if that would refuse.
        """
        if not demands:
            return
        guard = self.guard
        presented = Presented(token, request, guard.now(), guard.heard_at(token.issuer))
        try:
            for each in demands:
                # It is typed to answer nothing; one that was written without types may do so.
                said: object = each.examine(presented)  # type: ignore[func-returns-value]
                if said is not None:
                    raise TypeError(
                        f"{each!r} must raise Rejected, not answer: {said!r} is ignored"
                    )
        except Rejected as rejected:
            raise _with_all_scopes(rejected, demands) from None

    def refusal(self, rejected: Rejected, request: Request) -> Refusal:
        """Name and log a refusal, and say it for the wire; the operator's detail stays here."""
        if rejected.when_answered is not None:
            rejected.when_answered()
        challenge = Challenge(
            rejected.reason,
            self._realm,
            rejected.scope,
            rejected.fingerprint,
            self._schemes(rejected.reason, request),
            self.guard.note_refusal(rejected),
            self._manners.metadata_url,
            rejected.asks,
        )
        headers = _headers_of(challenge)
        headers |= self.further_headers(request, headers.get)
        return Refusal(
            reason=rejected.reason,
            status=challenge.status,
            headers=headers,
            body=challenge.body,
        )

    def further_headers(self, request: Request, said: Said) -> dict[str, str]:
        """Give the headers to set in an answer of the app; each takes the place of its like.

        They hold the nonce for the next proof (RFC 9449 §9), what scripts may read, and what
        caches may not keep. A `Refusal` and a `Reply` have theirs already.

        Args:
            request: what is answered.
            said: gives what the answer says in a header, by its lower-case name, or ``None``.
        """
        return self._manners.further_headers(request, said)

    def ticket(self, request: Request, token: Token, body: bytes) -> Reply:
        """Answer a request for a ticket, which was let pass with this token (S73).

        ``body`` is JSON: ``url``, and perhaps ``headers`` and ``once``.

        Raises:
            Rejected: where there are no tickets for such a token.
            TypeError: where the guard has no ``Options(tickets=...)``.
        """
        issuing = self.guard.ticket_issuing
        if issuing is None:
            raise TypeError("this guard gives no tickets: write Options(tickets=Tickets(keys=...))")
        return issuing.answer(token, self._reader.url_of(request), body)

    def _tickets_for(self, request: Request) -> "TicketCheck | None":
        """Give who checks tickets, where a request has one and they are taken."""
        tickets = self.guard.tickets
        return tickets if tickets is not None and tickets_in(request.query) else None

    def _by_ticket(self, tickets: "TicketCheck", request: Request, demands: Demands) -> Token:
        guard = self.guard
        proved, at_least = self._reader.beside_ticket(request)
        ticket = tickets.read(request, self._reader.url_of(request))
        token = guard.check_ticket(tickets.verified(ticket), proved, at_least)
        if guard.reports:
            guard.saw(token, self._transport.place_of(request))
        self.demand(token, request, demands)
        tickets.take(ticket)
        return token

    def _is_by_session(self, request: Request, sessions: Sessions) -> bool:
        return sessions.decide(request) and self._tickets_for(request) is None

    def _passed(self, asked: Asked, token: Token, request: Request, demands: Demands) -> Token:
        # Used up by a token that stands, so that nobody fills the memory who has none.
        if asked.proof is not None:
            self.guard.proofs.take(asked.proof)
        if self.guard.reports:
            self.guard.saw(token, self._transport.place_of(request))
        self.demand(token, request, demands)
        return token

    async def _enriched(self, token: Token) -> Token:
        enrichment = self.guard.enrichment
        return token if enrichment is None else await enrichment.enriched(token)

    def _enriched_blocking(self, token: Token) -> Token:
        enrichment = self.guard.enrichment
        return token if enrichment is None else enrichment.enriched_blocking(token)

    def _session_in(self, request: Request, sessions: Sessions) -> str:
        self._reader.demand_safe(request)
        return sessions.value_in(request, origin_of(self._reader.url_of(request)))

    def _signed_in(self, found: Found, request: Request, demands: Demands) -> Token:
        if found is None:
            raise Rejected(Reason.MISSING, detail="the session of the cookie is not known")
        token = found.as_token(self.guard.hierarchy, self.guard.now())
        self.demand(token, request, demands)
        return token

    def _schemes(self, reason: Reason, request: Request) -> Schemes:
        """Choose the scheme that was used, or should have been (RFC 9449 §7.1, §7.2)."""
        used = [value[:5].lower() for value in request.values(AUTHORIZATION)]
        required = self.guard.proofs.policy.required
        if required or used == ["dpop "] or reason is Reason.WRONG_BINDING:
            return DPOP
        return BOTH if reason is Reason.MISSING else BEARER


async def _waited_for(found: Found | Awaitable[Found]) -> Found:
    return await found if isinstance(found, Awaitable) else found


def _at_once(found: Found | Awaitable[Found]) -> Found:
    if isinstance(found, Awaitable):
        if isinstance(found, Coroutine):
            found.close()
        raise TypeError("look_up must be a plain function where there is no event loop")
    return found


def _with_all_scopes(rejected: Rejected, demands: Demands) -> Rejected:
    """Name all that the endpoint needs in one challenge, so that it is asked for at once."""
    if demands and (not rejected.scope or rejected.reason is Reason.INSUFFICIENT_SCOPE):
        rejected.scope = scope_of(demands) or rejected.scope
    return rejected


def _headers_of(challenge: Challenge) -> dict[str, str]:
    headers = {
        "content-type": "application/json",
        "cache-control": "no-store",
        "www-authenticate": challenge.header,
        REQUEST_ID: challenge.request_id,
    }
    if challenge.status == 503:
        headers["retry-after"] = "1"
    return headers
