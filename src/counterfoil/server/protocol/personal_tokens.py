"""Making a personal token: for one API, with scopes of it, for some time, shown once (S11)."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from counterfoil.oauth.acr import MULTIPLE, is_enough
from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, spell
from counterfoil.oauth.personal_token import MOST_NETWORKS, network_in
from counterfoil.server.protocol import events
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.fresh_sign_in import is_recent
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.personal_standing import takes_personal_tokens
from counterfoil.server.records.api import Api
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.personal_token import PersonalToken
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings

_LONGEST_NAME: Final = 100
_KEPT_FOR_EACH: Final = 10
"""So many that have ended are kept for each that may live; whoever makes more has to wait."""


class Maker(Struct, frozen=True):
    """Whose token it will be, and when they signed in; ``None``: an administrator makes it.

    ``amr``: by which methods they did (RFC 8176).
    """

    user_id: str
    auth_time: int | None
    amr: tuple[str, ...] = ()


class Wish(Struct, frozen=True, kw_only=True):
    """What is asked for. ``lifetime`` in seconds; ``None``: the usual one."""

    name: str
    audience: str
    scopes: Sequence[str]
    lifetime: int | None = None
    networks: Sequence[str] = ()


class Made(Struct, frozen=True):
    """A new token, with its text for the one answer that hands it over."""

    token: PersonalToken
    secret: Secret


class SignInTooOld(Exception):
    """The person must sign in anew before they make a token."""


def longest_lifetime(settings: Settings, api: Api) -> int:
    """Say how many seconds a token for an API may live."""
    most, of_api = settings.personal_token_lifetime_most, api.policy.personal_token_lifetime
    return most if of_api is None else min(most, of_api)


async def open_apis(tx: Transaction) -> list[Api]:
    """Give the APIs for which people may make tokens, by name."""
    apis = [api for api in await tx.apis.every() if takes_personal_tokens(api)]
    return sorted(apis, key=lambda api: (api.name.casefold(), api.uri))


async def make(settings: Settings, tx: Transaction, maker: Maker, wish: Wish, by: Actor) -> Made:
    """Make a token. Its text is kept nowhere.

    A person's own scopes are all of those that an open API has: this server knows of no others.
    What a person may do there, the API decides by ``sub``, as with every token.

    Raises:
        OAuthError: ``invalid_request``, saying what cannot be had.
        SignInTooOld: the person signed in too long ago.
    """
    if maker.auth_time is not None and not is_recent(settings, maker.auth_time, tx.now):
        raise SignInTooOld
    api = await _api_of(tx, wish)
    _demand_strength(api, maker, wish)
    expires_at = tx.now + _lifetime_of(settings, api, wish)
    await _demand_room(settings, tx, maker.user_id)
    secret = spell(Kind.PERSONAL_TOKEN, tx.random(SECRET_BYTES))
    token = PersonalToken(
        id=new_handle(tx),
        digest=secret.fingerprint(),
        user_id=maker.user_id,
        name=_name_of(wish),
        audience=api.uri,
        scopes=_scopes_of(api, wish),
        networks=_networks_of(wish),
        created_at=tx.now,
        auth_time=maker.auth_time,
        expires_at=expires_at,
    )
    await tx.personal_tokens.add(token)
    detail = {"user_id": token.user_id, "audience": api.uri, "scope": " ".join(token.scopes)}
    await events.record(tx, EventKind.PERSONAL_TOKEN_MADE, by, token.id, detail)
    return Made(token, secret)


async def _api_of(tx: Transaction, wish: Wish) -> Api:
    api = await tx.apis.find(wish.audience)
    if api is None or not takes_personal_tokens(api):
        raise invalid_request("For this API no personal tokens can be made.")
    return api


def _demand_strength(api: Api, maker: Maker, wish: Wish) -> None:
    if maker.auth_time is None or is_enough(maker.amr, MULTIPLE):
        return
    if not set(wish.scopes).isdisjoint(api.policy.strong_scopes):
        raise invalid_request("One of these permissions is for who signed in with a second factor.")


async def _demand_room(settings: Settings, tx: Transaction, user_id: str) -> None:
    user = await tx.users.find(user_id)
    if user is None or not user.is_enabled:
        raise invalid_request("This account cannot make tokens.")
    kept, most = await tx.personal_tokens.of_user(user_id), settings.personal_tokens_most
    if len(kept) >= _KEPT_FOR_EACH * most:
        raise invalid_request("Too many personal tokens were made in the last 30 days.")
    if sum(token.is_live(tx.now) for token in kept) >= most:
        raise invalid_request(
            say("There are {most} personal tokens already: end one first.", most=most)
        )


def _name_of(wish: Wish) -> str:
    name = " ".join(wish.name.split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise invalid_request(
            say("A token has a name of 1 to {longest} characters.", longest=_LONGEST_NAME)
        )
    return name


def _scopes_of(api: Api, wish: Wish) -> tuple[str, ...]:
    scopes = tuple(sorted(set(wish.scopes)))
    if not scopes or not api.scopes.keys() >= set(scopes):
        raise invalid_request("A token needs one permission at least, of those that its API has.")
    return scopes


def _lifetime_of(settings: Settings, api: Api, wish: Wish) -> int:
    most = longest_lifetime(settings, api)
    lifetime = wish.lifetime
    if lifetime is None:
        return min(most, settings.personal_token_lifetime)
    if not 0 < lifetime <= most:
        raise invalid_request(say("A token for this API lives 1 to {most} seconds.", most=most))
    return lifetime


def _networks_of(wish: Wish) -> tuple[str, ...]:
    if len(wish.networks) > MOST_NETWORKS:
        raise invalid_request(say("A token names {most} networks at most.", most=MOST_NETWORKS))
    try:
        return tuple(dict.fromkeys(str(network_in(each)) for each in wish.networks))
    except ValueError:
        raise invalid_request(
            "An address range is an address, or a network as 192.0.2.0/24 or 2001:db8::/32, "
            "with no bits set after its prefix."
        ) from None
