"""Binding a token to a URL at its issue: parameters of the token request. It only ever narrows."""

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.errors import invalid_request, invalid_target
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.url_binding import UrlBound, bound_to, hashed
from counterfoil.server.protocol.issuance import Issuance

URL, METHODS, HASHED = "url", "url_methods", "url_hashed"


class Narrowing(Struct, frozen=True):
    """The request for which a client wants its token to be good, and whether hashed (S53)."""

    bound: UrlBound
    is_hashed: bool

    def narrow(self, issuance: Issuance, issuer: str) -> Issuance:
        """Bind what was decided. The token for the server itself cannot be bound.

        Raises:
            OAuthError: ``invalid_target``.
        """
        if issuance.audience.uri == issuer:
            raise invalid_target("Only the access token of an API can be bound to a URL.")
        bound = hashed(self.bound, issuance.handle) if self.is_hashed else self.bound
        return replace(issuance, url_bound=bound)


def narrowing_in(parameters: Parameters) -> Narrowing | None:
    """Read ``url``, ``url_methods`` (``GET``, if nothing is said) and ``url_hashed``.

    Raises:
        OAuthError: ``invalid_request``, saying what is wrong. Nothing has happened yet.
    """
    url = parameters.get(URL)
    if url is None:
        if parameters.get(METHODS) or parameters.get(HASHED):
            raise invalid_request("The parameter url is missing: the token would not be bound.")
        return None
    if parameters.get(HASHED) not in (None, "true", "false"):
        raise invalid_request("The parameter url_hashed is true or false.")
    is_hashed = parameters.get(HASHED) == "true"
    try:
        bound = bound_to(url, tuple((parameters.get(METHODS) or "GET").split(" ")))
        if is_hashed:
            hashed(bound, "")
    except ValueError as error:
        raise invalid_request(f"The parameters url and url_methods: {error}") from None
    return Narrowing(bound, is_hashed)
