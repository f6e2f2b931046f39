"""The logout token, checked by the client that it is for (Back-Channel Logout 1.0 §2.6). Pure."""

from counterfoil.client.errors import NotTrusted
from counterfoil.jose import jwt
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet
from counterfoil.oauth.logout_token import TYPE, Between, Ended, WrongLogoutToken, read


def ended_in(unverified: str, keys: KeySet, between: Between, now: float) -> Ended:
    """Verify a logout token, and say whose session has ended.

    Raises:
        NotTrusted: it is not this issuer's, not for this client, of another kind, or expired.
    """
    try:
        return read(jwt.verify(unverified, keys, TYPE).claims, between, int(now))
    except (JoseError, WrongLogoutToken) as error:
        raise NotTrusted(f"the logout token: {error}") from None
