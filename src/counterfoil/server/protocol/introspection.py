"""Token introspection: whether a token stands, for those who may know (RFC 7662)."""

import hmac
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.jose.keys import KeySet
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
from counterfoil.server.protocol.client_authentication import AuthenticatedClient, Credentials
from counterfoil.server.protocol.lifetimes import limits_in_force
from counterfoil.server.protocol.rates import Once
from counterfoil.server.protocol.refresh_tokens import read_refresh_token
from counterfoil.server.protocol.repeats import At
from counterfoil.server.protocol.standing import what_stands
from counterfoil.server.protocol.token_reading import ReadToken
from counterfoil.server.records.client import INTROSPECT, Client
from counterfoil.server.records.family import Family
from counterfoil.server.records.personal_token import Use
from counterfoil.server.records.signing_key import Purpose
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


class _Asked(Struct, frozen=True):
    """What is asked, by whom it says; nothing of it is believed. ``name``: see `Repeats`."""

    name: bytes
    credentials: Credentials
    unverified: str
    knows: frozenset[str]
    address: str


class _Known(Struct, frozen=True):
    """What was answered of a signed token to a client that had proved itself by a secret.

    The token was genuine by ``keys``. What has expired or was ended is judged each time.
    """

    asker: AuthenticatedClient
    read: ReadToken
    keys: KeySet
    answer: Introspection


async def introspect(authority: Authority, form: bytes, authorization: str | None) -> Introspection:
    """Answer whether a token stands. Whoever may not know is told that it does not.

    Raises:
        OAuthError: the caller is no client that may ask (RFC 7662 §2.3).
        StoreUnavailable: nothing can be said at the moment.
    """
    name = authority.repeats.name(At.INTROSPECTION, authorization, form)
    once = Once(authority.client_rates)
    await authority.hub.catch_up()
    answer = await authority.store.glance(partial(_answer_again, authority, name, once))
    if answer is not None:
        return answer
    asked = await _read(authority, name, Parameters.parse(form), authorization)
    await authority.hub.catch_up()
    return await authority.store.read(partial(_answer, authority, asked, once))


async def _answer_again(
    authority: Authority, name: bytes, once: Once, tx: Transaction
) -> Introspection | None:
    """Answer as to the same question before; ``None`` where nothing is known of one."""
    known = await tx.decisions.find(name)
    if not isinstance(known, _Known) or known.keys is not _keys(authority, tx):
        return None
    if not known.asker.would_still(tx.now):
        return None
    once.demand(known.asker.client, tx.now)
    authority.activity.note_secret(known.asker.secret_id, tx.now)
    read = authority.reader.judge(known.read, tx.now)
    if isinstance(read, Reason):
        return INACTIVE
    exp = authority.hub.revocations.expiry_of(read.marks, read.token.exp)
    return known.answer if exp == known.answer.exp else replace(known.answer, exp=exp)


async def _read(
    authority: Authority, name: bytes, parameters: Parameters, authorization: str | None
) -> _Asked:
    credentials = await client_authentication.credentials_of(authority, parameters, authorization)
    knows = frozenset((parameters.get(KNOWN) or "").split(" "))
    address = parameters.get(CLIENT_ADDRESS) or ""
    return _Asked(name, credentials, parameters.require("token"), knows, address)


async def _answer(
    authority: Authority, asked: _Asked, once: Once, tx: Transaction
) -> Introspection:
    asker = await client_authentication.authenticate(tx, asked.credentials)
    once.demand(asker.client, tx.now)
    authority.activity.note_secret(asker.secret_id, tx.now)
    client_authentication.demand_confidential(asker.client)
    if is_spelled(Kind.REFRESH_TOKEN, asked.unverified):
        return await _of_refresh_token(authority, tx, asker.client, asked.unverified)
    keys = _keys(authority, tx)  # before the token is read: they may be others afterwards
    read = authority.reader.judge(await authority.reader.find(asked.unverified, tx), tx.now)
    if isinstance(read, Reason):
        return INACTIVE
    answer = _of_access_token(authority, asker.client, read, asked.knows)
    if answer.active:
        _note_use(authority, read, Use(tx.now, place_of(asked.address)))
        if asker.secret_id is not None and _says_all_itself(read):
            await tx.decisions.keep(asked.name, _Known(asker, read, keys, answer))
    return answer


def _keys(authority: Authority, tx: Transaction) -> KeySet:
    return authority.keyring.published(Purpose.TOKENS, tx.now)


def _says_all_itself(read: ReadToken) -> bool:
    """Whether all of it is in its text: no row is asked, of its issue or of whoever made it."""
    return bool(read.marks.kid) and not read.registered and read.personal is None


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


async def _of_refresh_token(
    authority: Authority, tx: Transaction, asker: Client, unverified: str
) -> Introspection:
    family = await _standing_family(authority, tx, unverified)
    shown = read_refresh_token(authority.keys.refresh_mac, unverified)
    if (
        family is None
        or shown is None
        or family.ended_at is not None
        or not hmac.compare_digest(shown.digest, family.refresh_digest or b"")
        or tx.now >= family.refresh_expires_at
        or not _may_know(asker, family.client_id)
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


def _of_access_token(
    authority: Authority, asker: Client, read: ReadToken, knows: frozenset[str]
) -> Introspection:
    if not _may_know(asker, read.token.client_id):
        return INACTIVE
    token, is_opaque = read.token, not read.marks.kid
    networks = read.personal.networks if read.personal is not None else ()
    if not _narrowing_types(token, networks) <= knows:
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
    if _is_guard_of(asker, token):
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


def _note_use(authority: Authority, read: ReadToken, use: Use) -> None:
    """Note that a personal token was shown, unless it was from where it is not good."""
    token = read.personal
    if token is None:
        return
    if not token.networks or is_from(use.address, networks_in(token.networks)):
        authority.activity.note_personal_token(token.id, use)
