"""Asking for a ticket by token exchange: parameters of our own, beside those of RFC 8693 (S73)."""

from typing import Final

import msgspec
from msgspec.structs import replace

from counterfoil.jose import jws
from counterfoil.oauth.binding import KEY, UNBOUND
from counterfoil.oauth.canonical_url import MAX_LENGTH, UrlRefused, canonical
from counterfoil.oauth.delegation import ACCESS_TOKEN, TICKET
from counterfoil.oauth.errors import invalid_request, invalid_target
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.signed_ticket import LIFETIME
from counterfoil.oauth.ticket import covered, digest_of, tickets_in
from counterfoil.server.protocol.issuance import Issuance, Ticket

URL, HEADERS, ONCE = "ticket_url", "ticket_headers", "ticket_once"
_NARROWING: Final = ("url", "url_methods", "url_hashed")


def ticket_in(parameters: Parameters) -> Ticket | None:
    """Read what is requested; ``None`` where that is an access token.

    ``ticket_headers`` is a JSON object, ``ticket_once`` is ``true`` or ``false``.

    Raises:
        OAuthError: ``invalid_request``, saying what is wrong.
    """
    requested = parameters.get("requested_token_type") or ACCESS_TOKEN
    if requested == ACCESS_TOKEN:
        if any(parameters.get(name) for name in (URL, HEADERS, ONCE)):
            raise invalid_request(f"These parameters go with the requested_token_type {TICKET}.")
        return None
    if requested != TICKET:
        raise invalid_request(f"The requested_token_type is {ACCESS_TOKEN} or {TICKET}.")
    if any(parameters.get(name) for name in _NARROWING):
        raise invalid_request(f"The URL of a ticket is the parameter {URL}.")
    if parameters.get(ONCE) not in (None, "true", "false"):
        raise invalid_request(f"The parameter {ONCE} is true or false.")
    url = _url_in(parameters.require(URL))
    headers = _headers_in(parameters.get(HEADERS))
    digest = jws.encode_part(digest_of(url, headers)).decode("ascii")
    return Ticket(digest, tuple(dict(headers)), parameters.get(ONCE) == "true")


def _url_in(text: str) -> str:
    try:
        url = canonical(text)
    except UrlRefused as error:
        raise invalid_request(f"The parameter {URL}: {error}") from None
    if tickets_in(url.query.encode()):
        raise invalid_request(f"The parameter {URL}: the URL has a ticket already.")
    if len(str(url)) > MAX_LENGTH // 2:
        raise invalid_request(f"The parameter {URL} is too long to have a ticket added.")
    return str(url)


def _headers_in(text: str | None) -> list[tuple[str, str]]:
    if text is None:
        return []
    try:
        return covered(msgspec.json.decode(text, type=dict[str, str]))
    except (ValueError, msgspec.MsgspecError) as error:
        raise invalid_request(f"The parameter {HEADERS}: {error}") from None


def as_ticket(issuance: Issuance, ticket: Ticket) -> Issuance:
    """Make a ticket of what was decided: for minutes, and a bearer's, for no link proves a key.

    Raises:
        OAuthError: ``invalid_target`` where the API wants its tokens written down, encrypted, or
            signed by what is too long for a URL, or limits what they may do.
    """
    policy = issuance.audience.policy
    # A ticket carries no limits, so that it would do what a token may not.
    is_other = policy.signing_algorithm is not None or issuance.permitted is not None
    if policy.costs_a_row or is_other or not policy.is_readable:
        raise invalid_target("The tokens of this API are such that there are no tickets for it.")
    binding = UNBOUND if issuance.binding.method == KEY else issuance.binding
    audience = issuance.audience.at_most(LIFETIME)
    return replace(issuance, ticket=ticket, binding=binding, audience=audience)
