"""From claims that somebody vouches for, a signature or an issuer's answer, to a token. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from counterfoil.guard.policy import Issuer
from counterfoil.guard.scope_hierarchy import ScopeHierarchy
from counterfoil.guard.token import Rejected, Token
from counterfoil.guard.token_profile import STANDARD
from counterfoil.oauth.access_token import AccessToken, access_token_from
from counterfoil.oauth.reasons import Reason

_OURS: Final = frozenset({"fam", "gen", "parents"})
_OF_THE_ANSWER: Final = frozenset({"active", "token_type"})


def access_token_in(claims: Mapping[str, object], issuer: Issuer) -> AccessToken:
    """Read the claims of a token; what is ours is not read at those who do not speak our feed.

    Raises:
        Rejected: ``malformed`` where one is missing, ``wrong_issuer`` where it is another's.
    """
    if claims.get("iss") != issuer.url:
        raise Rejected(Reason.WRONG_ISSUER, detail=f"the issuer of this guard is {issuer.url}")
    if issuer.revocation != "feed" and not _OURS.isdisjoint(claims):
        claims = {name: value for name, value in claims.items() if name not in _OURS}
    profile = issuer.profile
    if profile is not STANDARD and not profile.is_standard:
        claims = profile.adapted(claims)
    access_token = access_token_from(claims)
    if access_token is None:
        raise Rejected(Reason.MALFORMED, detail="a claim of RFC 9068 §2.2 is missing or wrong")
    return access_token


def claims_of(answer: Mapping[str, object]) -> dict[str, object]:
    """Give the claims of a reference token from what its issuer says of it (RFC 7662 §2.2)."""
    return {name: value for name, value in answer.items() if name not in _OF_THE_ANSWER}


def token_of(
    access_token: AccessToken,
    claims: Mapping[str, object],
    hierarchy: ScopeHierarchy,
    kid: str = "",
) -> Token:
    """Give the token as the API sees it; ``claims`` are its own from now on.

    ``kid`` is the key that signed it, empty if none did.
    """
    audience = access_token.aud
    return Token(
        subject=access_token.sub,
        client_id=access_token.client_id,
        scopes=hierarchy.scopes_of(access_token.scope),
        audience=(audience,) if isinstance(audience, str) else audience,
        issuer=access_token.iss,
        expires_at=access_token.exp,
        issued_at=access_token.first_issued_at,
        fingerprint=access_token.jti,
        family=access_token.fam,
        claims=MappingProxyType(claims),
        kid=kid,
        max_uses=access_token.max_uses,
    )
