"""What is asked where a token is exchanged, and the ticket that comes of it (RFC 8693, S73)."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.net.http import BadAnswer
from counterfoil.oauth.delegation import ACCESS_TOKEN, GRANT_TYPE, TICKET
from counterfoil.oauth.ticket import NAME

_TICKET: Final = re.compile(r"[A-Za-z0-9._-]+")


class _Ticket(Struct, frozen=True):
    access_token: str
    issued_token_type: str


def exchange_form(subject_token: str, further: Mapping[str, str]) -> dict[str, str]:
    """Write a request for an access token (RFC 8693 §2.1); ``further`` are parameters of it.

    An actor's token is an access token, if nothing else is said.
    """
    actor = {"actor_token_type": ACCESS_TOKEN} if further.get("actor_token") else {}
    return {
        "grant_type": GRANT_TYPE,
        "subject_token": subject_token,
        "subject_token_type": ACCESS_TOKEN,
        **actor,
        **further,
    }


def ticket_form(subject_token: str, url: str, further: Mapping[str, str]) -> dict[str, str]:
    """Write a request for a ticket for one URL."""
    asked = {"requested_token_type": TICKET, "ticket_url": url}
    return exchange_form(subject_token, asked | dict(further))


def with_ticket(url: str, document: Mapping[str, object]) -> str:
    """Give the URL with the ticket of an answer in it.

    Raises:
        BadAnswer: it is none, or something else was issued (RFC 8693 §2.2.1).
    """
    try:
        read = msgspec.convert(document, _Ticket)
    except msgspec.ValidationError as error:
        raise BadAnswer(f"the token response: {error}") from None
    if read.issued_token_type != TICKET or _TICKET.fullmatch(read.access_token) is None:
        raise BadAnswer("the token response: a ticket was asked for, and this is none")
    return f"{url}{'&' if '?' in url else '?'}{NAME}={read.access_token}"
