"""A provider says that somebody has signed out there (OpenID Connect Back-Channel Logout §2.6)."""

from typing import Final

from msgspec import Struct

from counterfoil.client.errors import NotTrusted
from counterfoil.jose import jwt
from counterfoil.jose.errors import JoseError
from counterfoil.net.exchange import Exchange
from counterfoil.oauth.logout_token import TYPE, Between, Ended, WrongLogoutToken, read
from counterfoil.server.upstream.issuer import Issuer

TYPES: Final = (TYPE, "JWT", jwt.NO_TYP)
"""Many providers do not type it: that it is one, its ``events`` say, which no ID token has."""


class EndedThere(Struct, frozen=True):
    """What has ended at a provider, and the issuer that vouches for it: that of a tenant, maybe."""

    issuer: str
    ended: Ended


def ended_at(issuer: Issuer, client_id: str, unverified: str, now: float) -> Exchange[EndedThere]:
    """Verify a logout token, by the keys that the provider publishes.

    Raises:
        NotTrusted: it is not this provider's, not for us, of another kind, or expired.
        HttpFailure: the keys cannot be had.
    """
    _demand_possible(issuer, unverified)
    keys = yield from issuer.keys_for(unverified)
    try:
        claims = jwt.verify(unverified, keys, TYPES).claims
        iss = str(claims.get("iss"))
        ended = read(claims, Between(iss, client_id), int(now))
    except (JoseError, WrongLogoutToken) as error:
        raise NotTrusted(f"the logout token: {error}") from None
    return EndedThere(iss, ended)


def _demand_possible(issuer: Issuer, unverified: str) -> None:
    """Refuse what cannot be one before anybody is asked for keys."""
    try:
        unverified_iss = jwt.unverified_claims(unverified).get("iss")
    except JoseError as error:
        raise NotTrusted(f"the logout token: {error}") from None
    if not isinstance(unverified_iss, str) or not issuer.names(unverified_iss):
        raise NotTrusted("the logout token: The claim iss names another issuer.")
