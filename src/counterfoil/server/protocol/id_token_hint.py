"""The ID token by which an app says whom it means (OpenID Connect Core §3.1.2.1, Logout §2)."""

import msgspec
from msgspec import Struct

from counterfoil.jose.errors import JoseError
from counterfoil.jose.jwt import Verifier, unverified_claims, unverified_header
from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.id_token import TYPE, IdToken
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.records.signing_key import Purpose

_NOT_OURS = "The parameter id_token_hint is no ID token of ours."


class Hint(Struct, frozen=True):
    """An ID token that was shown; where not genuine, its key is not published (any more).

    It may be ours, from before a key turn: it still names an app, but proves nothing.
    """

    token: IdToken
    is_genuine: bool


def read(authority: Authority, unverified: str, now: int) -> Hint:
    """Read an ID token of ours; one that has expired still says who was meant.

    Raises:
        OAuthError: ``invalid_request`` where it is malformed, forged or of another kind.
    """
    try:
        claims, is_genuine = _claims_in(authority, unverified, now)
        token = msgspec.convert(claims, type=IdToken)
    except (JoseError, msgspec.ValidationError):
        raise invalid_request(_NOT_OURS) from None
    if token.iss != authority.issuer:
        raise invalid_request(_NOT_OURS)
    return Hint(token, is_genuine)


def _claims_in(authority: Authority, unverified: str, now: int) -> tuple[dict[str, object], bool]:
    """Give the claims, and whether a key of ours vouches for them."""
    verifier = Verifier(authority.keyring.published(Purpose.TOKENS, now), TYPE)
    try:
        return verifier.verify(unverified).claims, True
    except JoseError as error:
        if error.reason != "unknown_key" or unverified_header(unverified).get("typ") != TYPE:
            raise
        return unverified_claims(unverified), False
