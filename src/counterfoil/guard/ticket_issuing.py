"""Giving a ticket for an access token that was let pass: it says less, and ends with it (S73)."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.guard.reply import Reply
from counterfoil.guard.ticket_policy import Tickets
from counterfoil.guard.token import Rejected, Token
from counterfoil.oauth.binding import CERTIFICATE, COOKIE, binding_of
from counterfoil.oauth.canonical_url import MAX_LENGTH, CanonicalUrl, UrlRefused, canonical
from counterfoil.oauth.delegation import Parent
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.ticket import MAX_LENGTH as LONGEST_TICKET
from counterfoil.oauth.ticket import (
    NAME,
    NONCE_BYTES,
    Ticket,
    covered,
    digest_of,
    sealed,
    tickets_in,
)

ANSWER_HEADERS: Final[Mapping[str, str]] = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
}
MOST_BYTES: Final = 32_768
"""So long may be what is asked for; nobody need read more of it."""
_SAID: Final = ("acr", "auth_time", "act")
_NARROWS: Final = ("url_bound", "max_uses", "authorization_details")
"""What makes less of a token than its scopes say, and is more than a ticket can hold."""


class _Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for. ``url`` is of this API: absolute, or from its ``/`` on."""

    url: str
    headers: dict[str, str] = {}
    once: bool = False


class Giver(Struct, frozen=True):
    """Who gives tickets: the API's name, and the time and chance of its guard.

    ``clock`` gives seconds since the epoch, ``random`` so many random bytes. ``max_age``: seconds
    from their issue in which the API takes tokens, if it has said so.
    """

    audience: str
    max_age: float | None
    clock: Callable[[], float]
    random: Callable[[int], bytes]


class TicketIssuing:
    """Gives the tickets of one API."""

    def __init__(self, policy: Tickets, giver: Giver) -> None:
        self._policy = policy
        self._giver = giver

    def answer(self, token: Token, asked_at: str, body: bytes) -> Reply:
        """Answer a request for a ticket.

        Args:
            token: with which it was let pass.
            asked_at: its URL as its client sees it; the ticket is for the same origin.
            body: JSON with ``url``, and perhaps ``headers`` and ``once``.

        Raises:
            Rejected: ``not_permitted`` where there are no tickets for such a token, ``expired``
                where it has no second left.
        """
        _demand_parent(token)
        try:
            if len(body) > MOST_BYTES:
                raise ValueError(f"What is asked for has {MOST_BYTES} bytes at most.")
            wanted = msgspec.json.decode(body, type=_Wanted)
            url, headers = _url_in(wanted, asked_at), covered(wanted.headers)
        except (ValueError, msgspec.MsgspecError) as error:
            return _invalid(str(error))
        now = int(self._giver.clock())
        ends = self._end(token, now)
        nonce = self._giver.random(NONCE_BYTES) if wanted.once else b""
        grounds = _Grounds(digest_of(str(url), headers), ends, tuple(dict(headers)), nonce)
        key, audience = self._policy.keys[0], self._giver.audience.encode()
        try:
            text = sealed(_ticket(token, grounds), key, audience)
        except OverflowError as error:
            return _invalid(f"The access token says what no ticket can hold: {error}.")
        if len(text) > LONGEST_TICKET:
            return _invalid("The ticket would be too long: the access token has too many scopes.")
        answer = {
            "ticket": text,
            "url": f"{url}{'&' if url.query else '?'}{NAME}={text}",
            "expires_in": ends - now,
        }
        return Reply(status=200, headers=ANSWER_HEADERS, body=msgspec.json.encode(answer))

    def _end(self, token: Token, now: int) -> int:
        """Say when the ticket ends: never after its parent."""
        ends = min(now + self._policy.lifetime, token.expires_at)
        if self._giver.max_age is not None:
            ends = min(ends, int(token.issued_at + self._giver.max_age))
        if ends <= now:
            raise Rejected(Reason.EXPIRED, fingerprint=token.fingerprint)
        return ends


class _Grounds(Struct, frozen=True):
    """What is a ticket's own; all else is its parent's."""

    request: bytes
    expires_at: int
    headers: tuple[str, ...]
    nonce: bytes


def _invalid(sentence: str) -> Reply:
    said = {"error": "invalid_request", "error_description": sentence}
    return Reply(status=400, headers=ANSWER_HEADERS, body=msgspec.json.encode(said))


def _demand_parent(token: Token) -> None:
    """Demand a token by whose handles the ticket can end, and that may do whatever its scopes say.

    A limited one is none: its ticket would be good more often.

    A ticket gives no ticket: it would live on for ever.
    """
    is_narrowed = any(token.claims.get(name) is not None for name in _NARROWS)
    if token.by_ticket or not token.kid or not token.fingerprint or is_narrowed:
        detail = f"tickets are given for signed access tokens without {' or '.join(_NARROWS)}"
        raise Rejected(Reason.NOT_PERMITTED, detail=detail, fingerprint=token.fingerprint)


def _url_in(wanted: _Wanted, asked_at: str) -> CanonicalUrl:
    origin = canonical(asked_at).origin
    url = canonical(origin + wanted.url if wanted.url.startswith("/") else wanted.url)
    if url.origin != origin:
        raise UrlRefused("A ticket is for the host that was asked for it.")
    if tickets_in(url.query.encode()):
        raise UrlRefused("The URL has a ticket already.")
    if len(str(url)) > MAX_LENGTH // 2:
        raise UrlRefused("The URL is too long to have a ticket added.")
    return url


def _ticket(token: Token, grounds: _Grounds) -> Ticket:
    claims = token.claims
    return Ticket(
        request=grounds.request,
        expires_at=grounds.expires_at,
        headers=grounds.headers,
        nonce=grounds.nonce,
        iss=token.issuer,
        sub=token.subject,
        client_id=token.client_id,
        scope=" ".join(sorted(token.scopes)),
        jti=token.fingerprint,
        fam=token.family,
        gen=_generations(claims),
        kid=token.kid,
        iat=token.issued_at,
        binding=_binding(token),
        said={name: claims[name] for name in _SAID if claims.get(name) is not None},
        parents=_parents(claims),
    )


def _binding(token: Token) -> tuple[str, str] | None:
    """Keep what a browser proves by itself; no link can carry the proof of a key (RFC 9449)."""
    confirmation = token.claims.get("cnf")
    binding = binding_of(confirmation if isinstance(confirmation, Mapping) else None)
    is_kept = binding.method in (COOKIE, CERTIFICATE)
    return (binding.method, binding.thumbprint) if is_kept else None


def _generations(claims: Mapping[str, object]) -> tuple[int, int]:
    """Give ``gen`` of a token of ours; others have none."""
    match claims.get("gen"):
        case [int(client), int(api)]:
            return client, api
    return 0, 0


def _parents(claims: Mapping[str, object]) -> tuple[Parent, ...]:
    """Give ``parents`` of a token of ours; what others put there ends nothing."""
    try:
        return msgspec.convert(claims.get("parents", ()), tuple[Parent, ...])
    except msgspec.ValidationError:
        return ()
