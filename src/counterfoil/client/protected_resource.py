"""What an API says of itself: who issues its tokens, and under which name (RFC 9728)."""

import msgspec
from msgspec import Struct

from counterfoil.client.call import is_below, origin_of
from counterfoil.client.errors import NotTrusted
from counterfoil.net.exchange import Answer, Exchange, Request
from counterfoil.net.http import BadAnswer, demand_safe
from counterfoil.oauth.challenge_reading import parameter_in


class ProtectedResource(Struct, frozen=True, kw_only=True):
    """An API: its name for tokens, the issuers that it accepts, and the scopes that it knows."""

    resource: str
    authorization_servers: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] = ()
    scope: str = ""
    """The scopes that the refused call needs, if its refusal said so."""


def learned(url: str, refusal: Answer) -> Exchange[ProtectedResource | None]:
    """Read what the API behind a URL says of itself, after it refused a call (RFC 9728 §5.1).

    ``None``: it says nothing. What it says of another place than the one that was called is not
    believed (§3.3): else any API could have the tokens of another sent to it.

    Raises:
        NotTrusted: it speaks for another place.
        BadAnswer: what it says cannot be read.
    """
    place = parameter_in(refusal.www_authenticate, "resource_metadata")
    if refusal.status != 401 or not place:
        return None
    try:
        demand_safe(place)
    except ValueError as error:
        raise BadAnswer(f"the resource metadata of {url}: {error}") from None
    if origin_of(place) != origin_of(url):
        raise NotTrusted(f"{url} names resource metadata of another origin: {place!r}")
    answer = yield Request(place)
    if answer.status != 200:
        raise BadAnswer(f"{place} answered {answer.status}, not 200")
    return _read(answer, url, parameter_in(refusal.www_authenticate, "scope"))


def _read(answer: Answer, url: str, scope: str) -> ProtectedResource:
    try:
        found = msgspec.convert(answer.json(), ProtectedResource)
        for address in (found.resource, *found.authorization_servers):
            demand_safe(address)
    except (msgspec.ValidationError, ValueError) as error:
        raise BadAnswer(f"{answer.url}: {error}") from None
    if not is_below(url, found.resource):
        raise NotTrusted(f"{answer.url} speaks for {found.resource!r}, and not for {url}")
    return msgspec.structs.replace(found, scope=scope)
