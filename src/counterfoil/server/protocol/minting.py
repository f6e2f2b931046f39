"""The only place that signs tokens: access tokens (RFC 9068), ID tokens (OpenID Connect)."""

from counterfoil.oauth.access_token import TYPE as ACCESS_TOKEN
from counterfoil.oauth.access_token import AccessToken
from counterfoil.oauth.id_token import TYPE as ID_TOKEN
from counterfoil.oauth.id_token import IdToken
from counterfoil.oauth.token_response import TokenResponse
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.issuance import Issuance
from counterfoil.server.protocol.person import personal_claims
from counterfoil.server.records.signing_key import Purpose


def mint(authority: Authority, issuance: Issuance) -> TokenResponse:
    """Sign what was decided. It writes nothing."""
    wants_id_token = "openid" in issuance.access.openid and issuance.signed_in is not None
    refresh_token, scope = issuance.refresh_token, issuance.access.scope
    return TokenResponse(
        access_token=_access_token(authority, issuance, scope),
        token_type="Bearer" if issuance.binding.is_bearer else "DPoP",
        expires_in=issuance.audience.lifetime,
        scope=scope,
        refresh_token=refresh_token.reveal() if refresh_token else None,
        id_token=_id_token(authority, issuance) if wants_id_token else None,
    )


def _access_token(authority: Authority, issuance: Issuance, scope: str) -> str:
    audience = issuance.audience
    claims = AccessToken(
        iss=authority.issuer,
        sub=issuance.subject,
        aud=audience.uri,
        exp=issuance.issued_at + audience.lifetime,
        iat=issuance.issued_at,
        client_id=issuance.client.client_id,
        jti=issuance.handle,
        scope=scope,
        fam=issuance.family_id,
        gen=(issuance.client.generation, audience.generation),
        auth_time=issuance.signed_in.auth_time if issuance.signed_in else None,
        cnf=issuance.binding.confirmation(),
    )
    signer = authority.keyring.signer(Purpose.TOKENS, ACCESS_TOKEN, issuance.issued_at)
    return signer.sign(claims)


def _id_token(authority: Authority, issuance: Issuance) -> str:
    signed_in = issuance.signed_in
    if signed_in is None:
        raise ValueError("an ID token speaks of a person who signed in")
    person = personal_claims(signed_in.user, issuance.access.openid)
    claims = IdToken(
        iss=authority.issuer,
        sub=issuance.subject,
        aud=issuance.client.client_id,
        exp=issuance.issued_at + authority.settings.id_token_lifetime,
        iat=issuance.issued_at,
        auth_time=signed_in.auth_time,
        nonce=signed_in.nonce,
        amr=("pwd",),
        sid=signed_in.session_id,
        email=person.email,
        email_verified=person.email_verified,
        name=person.name,
    )
    signer = authority.keyring.signer(Purpose.TOKENS, ID_TOKEN, issuance.issued_at)
    return signer.sign(claims)
