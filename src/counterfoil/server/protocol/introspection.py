"""Token introspection: whether a token stands, for those who may know (RFC 7662)."""

import hmac
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.access_token import AccessToken
from counterfoil.oauth.addresses import place_of
from counterfoil.oauth.delegation import Parent
from counterfoil.oauth.errors import OAuthError, invalid_grant
from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.personal_token import (
    CLIENT_ADDRESS,
    KNOWN_TYPE,
    is_from,
    networks_in,
)
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.sensitive_claims import SENSITIVE
from counterfoil.oauth.url_binding import KNOWN, UrlBound
from counterfoil.oauth.url_binding import TYPE as URL_BOUND
from counterfoil.oauth.use_limit import TYPE as LIMITED
from counterfoil.server.protocol import client_authentication, families
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.client_authentication import AuthenticatedClient
from counterfoil.server.protocol.lifetimes import limits_in_force
from counterfoil.server.protocol.refresh_tokens import read_refresh_token
from counterfoil.server.protocol.standing import what_stands
from counterfoil.server.protocol.token_reading import ReadToken
from counterfoil.server.records.client import INTROSPECT, Client
from counterfoil.server.records.family import Family
from counterfoil.server.records.personal_token import Use
from counterfoil.server.records.store import Transaction


class Introspection(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The answer of RFC 7662 §2.2. Only ``active`` where the token does not stand.

    ``fam``, ``gen`` and ``parents`` are said of a reference token alone, for it says nothing
    itself: whoever follows the notices knows by them when this answer no longer holds.
    ``registered``: it is a signed token whose API keeps a registry, and it stands there (S43).
    ``act`` and ``may_act`` are those of RFC 8693 §4. A token that is ``url_bound``, has
    ``max_uses``, or is good from some ``networks`` only, is described only to those who say that
    they know what that means. ``email`` to ``name`` are for guards: a client is not told what its
    own token hides from it (S68).
    """

    active: bool
    scope: str | None = None
    client_id: str | None = None
    token_type: str | None = None
    exp: int | None = None
    iat: int | None = None
    sub: str | None = None
    aud: str | tuple[str, ...] | None = None
    iss: str | None = None
    jti: str | None = None
    auth_time: int | None = None
    acr: object = None
    cnf: Mapping[str, object] | None = None
    fam: str | None = None
    gen: tuple[int, int] | None = None
    registered: bool = False
    url_bound: UrlBound | None = None
    authorization_details: object = None
    act: object = None
    may_act: object = None
    parents: tuple[Parent, ...] = ()
    networks: tuple[str, ...] | None = None
    email: str | None = None
    email_verified: bool | None = None
    name: str | None = None
    max_uses: int | None = None


INACTIVE: Final = Introspection(active=False)
_SAID: Final = frozenset(Introspection.__struct_fields__) - {"active", "registered", "parents"}
"""What may be left unsaid."""


class _Found(Struct, frozen=True):
    """Who asks and when; an access token, or the family of a refresh token, if all stands."""

    asker: AuthenticatedClient
    now: int
    family: Family | None
    read: ReadToken | Reason


async def introspect(
    authority: Authority, parameters: Parameters, authorization: str | None
) -> Introspection:
    """Answer whether a token stands. Whoever may not know is told that it does not.

    Raises:
        OAuthError: the caller is no client that may ask (RFC 7662 §2.3).
        StoreUnavailable: nothing can be said at the moment.
    """
    credentials = await client_authentication.credentials_of(authority, parameters, authorization)
    unverified = parameters.require("token")
    find = partial(_find, authority, credentials, unverified)
    await authority.hub.catch_up()
    found = await authority.store.read(find)
    authority.activity.note_secret(found.asker.secret_id, found.now)
    client_authentication.demand_confidential(found.asker.client)
    if found.family is not None:
        return _of_refresh_token(authority, found, unverified)
    known = frozenset((parameters.get(KNOWN) or "").split(" "))
    answer = _of_access_token(authority, found, known)
    if answer.active:
        _note_use(authority, found, parameters.get(CLIENT_ADDRESS) or "")
    return answer


async def _find(
    authority: Authority,
    credentials: client_authentication.Credentials,
    unverified: str,
    tx: Transaction,
) -> _Found:
    asker = await client_authentication.authenticate(tx, credentials)
    authority.client_rates.demand(asker.client, tx.now)
    if is_spelled(Kind.REFRESH_TOKEN, unverified):
        family = await _standing_family(authority, tx, unverified)
        return _Found(asker, tx.now, family, Reason.WRONG_TYPE)
    return _Found(asker, tx.now, None, await authority.reader.find(unverified, tx))


async def _standing_family(authority: Authority, tx: Transaction, unverified: str) -> Family | None:
    shown = read_refresh_token(authority.keys.refresh_mac, unverified)
    family = await tx.families.find(shown.family_id) if shown else None
    try:
        return await standing_family(authority, tx, family) if family else None
    except OAuthError:
        return None


async def standing_family(authority: Authority, tx: Transaction, family: Family) -> Family:
    """Give a family as a refresh would find it: what it may still do, and until when.

    Raises:
        OAuthError: ``invalid_grant``, saying what it rested on and has gone.
    """
    owner = await tx.clients.find(family.client_id)
    if owner is None:
        raise invalid_grant("The client has gone.")
    standing = await what_stands(authority, tx, owner, family)
    limits = await limits_in_force(tx, authority.settings)
    limited = families.limited(family, owner, limits)
    ends = limited.refresh_expires_at
    ends = min(ends, standing.until or ends)
    return replace(limited, access=standing.access, refresh_expires_at=ends)


def _may_know(client: Client, owner: str) -> bool:
    return client.client_id == owner or INTROSPECT in client.scopes


def _of_refresh_token(authority: Authority, found: _Found, unverified: str) -> Introspection:
    family = found.family
    shown = read_refresh_token(authority.keys.refresh_mac, unverified)
    if (
        family is None
        or shown is None
        or family.ended_at is not None
        or not hmac.compare_digest(shown.digest, family.refresh_digest or b"")
        or found.now >= family.refresh_expires_at
        or not _may_know(found.asker.client, family.client_id)
    ):
        return INACTIVE
    return Introspection(
        active=True,
        scope=family.access.scope,
        client_id=family.client_id,
        token_type="refresh_token",
        exp=family.refresh_expires_at,
        iat=family.rotated_at,
        sub=family.user_id,
        iss=authority.issuer,
    )


def _of_access_token(authority: Authority, found: _Found, known: frozenset[str]) -> Introspection:
    read = authority.reader.judge(found.read, found.now)
    if isinstance(read, Reason) or not _may_know(found.asker.client, read.token.client_id):
        return INACTIVE
    token, is_opaque = read.token, not read.marks.kid
    networks = read.personal.networks if read.personal is not None else ()
    if not _narrowing_types(token, networks) <= known:
        return INACTIVE
    answer = Introspection(
        active=True,
        scope=token.scope,
        client_id=token.client_id,
        token_type=token.binding.token_type,
        exp=authority.hub.revocations.expiry_of(read.marks, token.exp),
        iat=token.iat,
        sub=token.sub,
        aud=token.aud,
        iss=token.iss,
        jti=token.jti,
        auth_time=token.auth_time,
        acr=token.acr,
        cnf=token.cnf,
        fam=(token.fam or None) if is_opaque else None,
        gen=token.gen if is_opaque else None,
        registered=read.registered,
        url_bound=token.url_bound,
        authorization_details=token.authorization_details,
        act=token.act,
        may_act=token.may_act,
        parents=token.parents if is_opaque else (),
        networks=networks or None,
        email=token.email,
        email_verified=token.email_verified,
        name=token.name,
        max_uses=token.max_uses,
    )
    if _is_guard_of(found.asker.client, token):
        return answer
    return _without_sensitive(answer, authority.settings.sensitive_claims)


def _is_guard_of(client: Client, token: AccessToken) -> bool:
    audiences = (token.aud,) if isinstance(token.aud, str) else token.aud
    return INTROSPECT in client.scopes and any(map(client.guards, audiences))


def _without_sensitive(answer: Introspection, marked: Iterable[str]) -> Introspection:
    """Leave out what a token hides from all but its own API (S69)."""
    return replace(answer, **dict.fromkeys(_SAID.intersection([*SENSITIVE, *marked])))


def _narrowing_types(token: AccessToken, networks: tuple[str, ...]) -> frozenset[str]:
    """Give what whoever asks must know, so as not to overlook what narrows the token."""
    narrowed = (
        (URL_BOUND, token.url_bound is not None),
        (LIMITED, token.max_uses is not None),
        (KNOWN_TYPE, bool(networks)),
    )
    return frozenset(name for name, is_so in narrowed if is_so)


def _note_use(authority: Authority, found: _Found, address: str) -> None:
    """Note that a personal token was shown, unless it was from where it is not good."""
    token = None if isinstance(found.read, Reason) else found.read.personal
    if token is None:
        return
    place = place_of(address)
    if not token.networks or is_from(place, networks_in(token.networks)):
        authority.activity.note_personal_token(token.id, Use(found.now, place))
