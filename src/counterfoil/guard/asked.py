"""What a request asks a guard about: its token, and what was proved with it. No I/O."""

from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec import Struct

from counterfoil.guard.bearer import token_in
from counterfoil.guard.cookies import cookie_in
from counterfoil.guard.dpop import HEADER
from counterfoil.guard.guard import Guard
from counterfoil.guard.request import Request
from counterfoil.guard.token import Rejected
from counterfoil.guard.transport import Transport, has_token_in_query
from counterfoil.oauth.binding import COOKIE, UNBOUND, Binding, Proved, thumbprint_of
from counterfoil.oauth.dpop import Proof, Target
from counterfoil.oauth.feed import Position
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.receipts import AT_LEAST, at_least_from
from counterfoil.oauth.url_binding import Requested

AUTHORIZATION: Final = b"authorization"
_AT_LEAST: Final = AT_LEAST.lower().encode("ascii")


class Asked(Struct, frozen=True):
    """A token as it came, and what was proved with it. ``proof`` is yet to be used up.

    ``where`` says, when it is asked, which request that was.
    """

    unverified: str
    proved: Proved
    proof: Proof | None
    at_least: Position | None
    where: Callable[[], Requested]

    def __repr__(self) -> str:
        return "Asked(…)"


class RequestReader:
    """Reads requests to one guard."""

    def __init__(self, guard: Guard, transport: Transport) -> None:
        self._proofs = guard.proofs
        self._web = guard.web
        self._transport = transport

    def read(self, request: Request) -> Asked:
        """Read the token of a request, and what goes with it.

        Raises:
            Rejected: where it came by a way that is not safe, or is not well formed.
        """
        _demand_none_in_url(request)
        unverified, is_bound = token_in(request.values(AUTHORIZATION))
        self._demand_safe(request)
        at_least, where = _receipt_in(request), partial(self.requested, request)
        if not is_bound:
            return Asked(unverified, self._proved_beside(request), None, at_least, where)
        target = Target(request.method, self.url_of(request), unverified)
        proof = self._proofs.read(request.values(HEADER), target)
        return Asked(unverified, proof.binding, proof, at_least, where)

    def demand_safe(self, request: Request) -> None:
        """Demand that nobody could read along (S94), and that no token stands in the URL.

        Raises:
            Rejected: ``insecure_transport`` or ``token_in_query``.
        """
        _demand_none_in_url(request)
        self._demand_safe(request)

    def _demand_safe(self, request: Request) -> None:
        if not self._transport.is_safe(request):
            raise Rejected(Reason.INSECURE_TRANSPORT)

    def url_of(self, request: Request) -> str:
        """Give the URL of a request as its client sees it."""
        return self._transport.url_of(request, self._proofs.policy.public_url)

    def beside_ticket(self, request: Request) -> tuple[Proved, Position | None]:
        """Give what goes with a ticket: what is proved beside it, and a receipt.

        Raises:
            Rejected: where it came by a way that is not safe, or together with a token.
        """
        self.demand_safe(request)
        if request.values(AUTHORIZATION):
            raise Rejected(Reason.MALFORMED, detail="a ticket and a token came together")
        return self._proved_beside(request), _receipt_in(request)

    def requested(self, request: Request) -> Requested:
        """Say which request this is, as its client sees it, with its query, and whence."""
        url, query = self.url_of(request), request.query.decode("latin-1")
        method = "" if request.may_become_another else request.method
        whole = f"{url}?{query}" if url and query else url
        return Requested(method, whole, self._transport.place_of(request))

    def _proved_beside(self, request: Request) -> Proved:
        """Say what a request proves without a proof of its own: a certificate, a cookie."""
        proved: list[Binding] = []
        certificates, cookie = self._web.certificates, self._web.browser_cookie
        if certificates is not None and self._transport.is_proxy(request.peer):
            name = certificates.header.lower().encode("ascii")
            shown = certificates.binding_in(request.values(name))
            proved += [shown] if shown is not None else []
        if cookie:
            value = cookie_in(request, cookie)
            proved += [Binding(COOKIE, thumbprint_of(value.encode()))] if value else []
        return frozenset(proved) if proved else UNBOUND


def _demand_none_in_url(request: Request) -> None:
    if has_token_in_query(request.query):
        raise Rejected(Reason.TOKEN_IN_QUERY)


def _receipt_in(request: Request) -> Position | None:
    try:
        return at_least_from(request.values(_AT_LEAST))
    except ValueError as error:
        raise Rejected(Reason.BAD_RECEIPT, detail=str(error)) from None
