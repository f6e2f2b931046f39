"""The only place that signs tokens: access tokens (RFC 9068), ID tokens (OpenID Connect), lists."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from counterfoil.jose.jwt import Signer
from counterfoil.oauth.access import OPENID_SCOPES
from counterfoil.oauth.access_token import AccessToken
from counterfoil.oauth.acr import acr_of
from counterfoil.oauth.delegation import ACCESS_TOKEN, NO_ACCESS_TOKEN, TICKET, actor_named
from counterfoil.oauth.errors import OAuthError, invalid_request, invalid_target
from counterfoil.oauth.id_token import TYPE as ID_TOKEN
from counterfoil.oauth.id_token import IdToken
from counterfoil.oauth.logout_token import LIFETIME as LOGOUT_LIFETIME
from counterfoil.oauth.logout_token import TYPE as LOGOUT
from counterfoil.oauth.logout_token import LogoutToken
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.sensitive_claims import SENSITIVE, Exposed, demand_unreadable
from counterfoil.oauth.signed_ticket import SignedTicket
from counterfoil.oauth.status_list import TYPE as STATUS_LIST
from counterfoil.oauth.status_list import Status, StatusListToken
from counterfoil.oauth.ticket import MAX_LENGTH
from counterfoil.oauth.token_response import TokenResponse
from counterfoil.server.protocol.audience import Audience
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.issuance import Issuance, Lineage, Ticket
from counterfoil.server.protocol.person import personal_claims
from counterfoil.server.protocol.size_budget import excess_of
from counterfoil.server.records.encryption_key import EncryptionKey
from counterfoil.server.records.logout import Logout
from counterfoil.server.records.signing_key import Purpose


class Form(Struct, frozen=True):
    """What a token has that is written down: a text of its own instead of a JWT, or a status."""

    reference: Secret | None = None
    status: Status | None = None


class Minted(Struct, frozen=True):
    """The answer, and what its access token says. ``kid`` is empty where nothing was signed."""

    response: TokenResponse
    claims: AccessToken
    kid: str


_ENCODER: Final = msgspec.json.Encoder()
PLAIN: Final = Form()
_LEFT_OUT: Final = (None, "", ())
"""What a claim is that the token does not have."""
_SENSITIVE: Final = tuple(name for name in SignedTicket.__struct_fields__ if name in SENSITIVE)
"""Of the claims that any token of ours may have, those that only the API may read."""
_OF_ITS_OWN: Final = Lineage(())


def mint(authority: Authority, issuance: Issuance) -> TokenResponse:
    """Sign what was decided. It writes nothing."""
    return mint_as(authority, issuance, PLAIN).response


def mint_as(authority: Authority, issuance: Issuance, form: Form) -> Minted:
    """Make the tokens that were decided, the access token in this form. It writes nothing."""
    wants_id_token = "openid" in issuance.access.openid and issuance.signed_in is not None
    refresh_token = issuance.refresh_token
    claims = _claims(authority, issuance, form.status)
    access_token, kid = _access_token(authority, claims, form.reference, issuance.audience)
    response = TokenResponse(
        access_token=access_token,
        token_type=issuance.binding.token_type,
        expires_in=issuance.audience.lifetime,
        scope=claims.scope,
        refresh_token=refresh_token.reveal() if refresh_token else None,
        id_token=_id_token(authority, issuance) if wants_id_token else None,
        authorization_details=issuance.permitted,
        issued_token_type=ACCESS_TOKEN if issuance.lineage and issuance.lineage.parents else None,
        token_budget=excess_of(authority, issuance, access_token) if kid else None,
        max_uses=claims.max_uses,
    )
    return Minted(response, claims, kid)


def mint_like(authority: Authority, issuance: Issuance, before: Minted) -> TokenResponse:
    """Make an access token that differs from one before in its time and its handle alone."""
    lifetime, at = issuance.audience.lifetime, issuance.issued_at
    claims = replace(before.claims, exp=at + lifetime, iat=at, jti=issuance.handle)
    seal = _seal_for(authority, claims, issuance.audience)
    text = seal.close(seal.signer.sign(claims))
    excess = excess_of(authority, issuance, text)
    return replace(before.response, access_token=text, token_budget=excess)


def mint_alike(
    authority: Authority, issuance: Issuance, handles: Sequence[str], at_once: int
) -> Iterator[list[TokenResponse]]:
    """Sign a token, and then others that differ from it in their handle alone, some at each step.

    What they say is written once. It writes nothing to the store.
    """
    first = mint_as(authority, issuance, PLAIN)
    response, seal = first.response, _seal_for(authority, first.claims, issuance.audience)
    yield [response]
    # Nobody can have named this handle elsewhere: it was drawn when all else had been said.
    before, after = _ENCODER.encode(first.claims).split(issuance.handle.encode())
    for begin in range(0, len(handles), at_once):
        named = map(str.encode, handles[begin : begin + at_once])
        signed = seal.signer.sign_around(before, named, after)
        yield [replace(response, access_token=seal.close(each)) for each in signed]


def mint_ticket(authority: Authority, issuance: Issuance, ticket: Ticket) -> TokenResponse:
    """Sign a ticket, good for one GET (S73). It writes nothing.

    Raises:
        OAuthError: ``invalid_request`` where it would be too long for a URL, ``invalid_target``
            where it would have to be counted how often it is used, or would do what limits forbid.
    """
    if issuance.uses is not None:
        raise invalid_target("Nobody counts how often a ticket is used: ask for one that is not.")
    if issuance.permitted is not None:
        raise invalid_target("A ticket says nothing of limits: ask for one without them.")
    claims = SignedTicket(
        **asdict(_claims(authority, issuance, None)),
        request=ticket.request,
        headers=ticket.headers,
        once=ticket.once,
    )
    _demand_readable(authority, claims)
    text = authority.keyring.signer(Purpose.TOKENS, claims.type, claims.iat).sign(claims)
    if len(text) > MAX_LENGTH:
        raise invalid_request("The ticket would be too long for a URL: ask for fewer headers.")
    return TokenResponse(
        access_token=text,
        token_type=NO_ACCESS_TOKEN,
        expires_in=issuance.audience.lifetime,
        scope=claims.scope,
        issued_token_type=TICKET,
    )


def mint_status_list(authority: Authority, claims: StatusListToken) -> tuple[str, str]:
    """Sign a status list; gives it with the ``kid`` of its key."""
    signer = authority.keyring.signer(Purpose.TOKENS, STATUS_LIST, claims.iat)
    return signer.sign(claims), signer.kid


def mint_logout_token(authority: Authority, logout: Logout, jti: str, now: int) -> str:
    """Sign what a client is told of a logout: each time anew, under a ``jti`` of its own."""
    claims = LogoutToken(
        iss=authority.issuer,
        aud=logout.client_id,
        iat=now,
        exp=now + LOGOUT_LIFETIME,
        jti=jti,
        sub=logout.sub,
        sid=logout.session_id or None,
    )
    return authority.keyring.signer(Purpose.TOKENS, LOGOUT, now).sign(claims)


class _Seal(Struct, frozen=True):
    """How claims become an access token of an API: signed, then encrypted where it has a key."""

    authority: Authority
    signer: Signer
    key: EncryptionKey | None
    now: int

    def close(self, signed: str) -> str:
        if self.key is None:
            return signed
        return self.authority.encrypting.encrypt(self.key, signed, self.now)


def _seal_for(authority: Authority, claims: AccessToken, audience: Audience) -> _Seal:
    purpose = Purpose.TOKENS
    if audience.policy.signing_algorithm is not None:
        purpose = Purpose.POST_QUANTUM
    signer = authority.keyring.signer(purpose, claims.type, claims.iat)
    return _Seal(authority, signer, audience.encryption_key, claims.iat)


def _access_token(
    authority: Authority, claims: AccessToken, reference: Secret | None, audience: Audience
) -> tuple[str, str]:
    if reference is not None:
        return reference.reveal(), ""
    seal = _seal_for(authority, claims, audience)
    if seal.key is None:
        _demand_readable(authority, claims)
    return seal.close(seal.signer.sign(claims)), seal.signer.kid


def exposure_of(authority: Authority, issuance: Issuance) -> str:
    """Say what stands against signing what was decided: that it can be read (S69); else nothing."""
    policy, marked = issuance.audience.policy, authority.settings.sensitive_claims
    if not marked or not policy.is_readable:
        return ""
    try:
        _demand_readable(authority, _claims(authority, issuance, None))
    except OAuthError as error:
        return error.description
    return ""


def _demand_readable(authority: Authority, claims: AccessToken) -> None:
    """Refuse what must not be read by whoever holds the token (S69)."""
    marked = authority.settings.sensitive_claims
    # Only what could be sensitive is looked at: a batch asks this of each of its tokens.
    said = [name for name in (*_SENSITIVE, *marked) if getattr(claims, name, None) not in _LEFT_OUT]
    if not said:
        return
    try:
        demand_unreadable(said, marked)
    except Exposed as exposed:
        raise invalid_target(str(exposed)) from None


def _claims(authority: Authority, issuance: Issuance, status: Status | None) -> AccessToken:
    audience, lineage = issuance.audience, issuance.lineage or _OF_ITS_OWN
    signed_in = issuance.signed_in
    actor = issuance.may_act or issuance.client.policy.may_act
    claims = AccessToken(
        iss=authority.issuer,
        sub=issuance.subject,
        aud=audience.uri,
        exp=issuance.issued_at + audience.lifetime,
        iat=issuance.issued_at,
        client_id=issuance.client.client_id,
        jti=issuance.handle,
        scope=issuance.access.scope,
        fam=issuance.family_id,
        gen=(issuance.client.generation, audience.generation),
        auth_time=signed_in.auth_time if signed_in else lineage.auth_time,
        acr=acr_of(signed_in.amr) if signed_in else lineage.acr,
        cnf=issuance.binding.confirmation(),
        status=status,
        url_bound=issuance.url_bound,
        act=lineage.act,
        may_act=actor_named(actor) if actor else None,
        parents=lineage.parents,
        max_uses=issuance.uses,
        authorization_details=issuance.permitted,
    )
    person = _of_the_person(issuance)
    return replace(claims, **person) if person else claims


def _of_the_person(issuance: Issuance) -> dict[str, Any]:
    """Say of the person what the API wants to know, if there is one."""
    policy, signed_in = issuance.audience.policy, issuance.signed_in
    if not policy.claims or signed_in is None:
        return {}
    person = personal_claims(signed_in.user, OPENID_SCOPES)
    return {name: getattr(person, name) for name in policy.claim_names}


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
        acr=acr_of(signed_in.amr),
        amr=signed_in.amr,
        sid=signed_in.session_id,
        email=person.email,
        email_verified=person.email_verified,
        name=person.name,
        locale=person.locale,
    )
    signer = authority.keyring.signer(Purpose.TOKENS, ID_TOKEN, issuance.issued_at)
    return signer.sign(claims)
