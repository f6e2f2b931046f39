"""An administrator lets a client mint for people: by a form, after a fresh sign-in (S58)."""

from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from starlette.responses import Response

from counterfoil.oauth.access import scopes_in
from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.pages.admin.views import AdminMintRightPage, MintableScope, Verb
from counterfoil.server.pages.admin.visit import Visit, nothing_here
from counterfoil.server.pages.onward import MINT_RIGHT, Onward, sign_in_first
from counterfoil.server.pages.views import SpanChoice
from counterfoil.server.protocol import events, mint_rights
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.fresh_sign_in import demand_fresh
from counterfoil.server.protocol.mint_rights import LONGEST_RIGHT, MOST_USERS, NewMintRight
from counterfoil.server.protocol.own_api import is_own
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import MINT, Client
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import go, show
from counterfoil.server.web.csrf import demand_own_form
from counterfoil.server.web.fresh import signed_in_just_now
from counterfoil.server.web.reading import form_of, origin_of

_DAY: Final = 24 * 60 * 60
_USUAL_DAYS: Final = 90
_USUAL: Final = "3600"
_LIFETIMES: Final = MappingProxyType(
    {
        "300": "5 minutes",
        _USUAL: "1 hour",
        str(_DAY): "1 day",
        str(7 * _DAY): "7 days",
        str(30 * _DAY): "30 days",
    }
)
_REPEATABLE: Final = frozenset({"permission"})
_MOST_FIELDS: Final = 512


class _Wish(Struct, frozen=True, kw_only=True):
    """What the form says, as it was typed."""

    users: str = ""
    any_user: bool = False
    permissions: frozenset[str] = frozenset()
    longest: str = _USUAL
    until: str = ""


class _Open(Struct, frozen=True):
    """A client, and the APIs at which it may be let mint."""

    client: Client
    apis: list[Api]


def deeds_for(visit: Visit, client_id: str) -> tuple[Verb, ...]:
    """Say what a client can be given."""
    says = "Lets it make tokens for people, at the APIs that you name, until a day."
    href = visit.url("clients", client_id, "mint-right")
    return (Verb(says=says, label="Let it mint for people", href=href),)


async def ask(visit: Visit) -> Response:
    """``GET /admin/clients/{client_id}/mint-right``: after a fresh sign-in."""
    if not await signed_in_just_now(visit.server, visit.person):
        return _sign_in_first(visit)
    found = await visit.read(partial(_open, visit.names["client_id"]))
    if found is None:
        return nothing_here(visit.server)
    until = _day_at(visit.now + _USUAL_DAYS * _DAY)
    return show(visit.server, _page(visit, found, _Wish(until=until)))


async def answer(visit: Visit) -> Response:
    """``POST /admin/clients/{client_id}/mint-right``: gives it, and shows the client."""
    form, server = await form_of(visit.request, _REPEATABLE, _MOST_FIELDS), visit.server
    demand_own_form(server.authority.keys.csrf, visit.person.session.id, form, visit.request)
    if not await signed_in_just_now(server, visit.person):
        return _sign_in_first(visit)
    wish = _wish_in(form)
    by = events.by_session(
        visit.person.session, origin_of(visit.request, server.authority.settings.trusted_proxies)
    )
    try:
        await server.authority.store.transact(partial(_give, visit, wish, by))
    except OAuthError as error:
        return await _again(visit, wish, error)
    return go(visit.url("clients", visit.names["client_id"]))


async def _give(visit: Visit, wish: _Wish, by: Actor, tx: Transaction) -> None:
    await demand_fresh(visit.server.authority.settings, tx, visit.person.session)
    wanted = NewMintRight(
        client_id=visit.names["client_id"],
        apis=_apis_in(wish.permissions),
        longest=int(wish.longest),
        ends_at=_end_of(wish.until),
        users=await _users_in(tx, wish.users),
        any_user=wish.any_user,
    )
    if await mint_rights.give(tx, wanted, by) is None:
        raise invalid_request("There is no such client.")


async def _again(visit: Visit, wish: _Wish, error: OAuthError) -> Response:
    found = await visit.read(partial(_open, visit.names["client_id"]))
    if found is None:
        raise error
    return show(visit.server, _page(visit, found, wish, error.description), status=400)


async def _open(client_id: str, tx: Transaction) -> _Open | None:
    client = await tx.clients.find(client_id)
    if client is None:
        return None
    found = [await tx.apis.find(uri) for uri in sorted(client.access.apis)]
    return _Open(client, [api for api in found if api is not None and not is_own(api)])


async def _users_in(tx: Transaction, typed: str) -> tuple[str, ...]:
    names = typed.replace(",", " ").split()
    if len(names) > MOST_USERS:
        raise invalid_request(f"A right to mint names at most {MOST_USERS} people.")
    found = [await tx.users.find_by_email(each) or await tx.users.find(each) for each in names]
    for name, user in zip(names, found, strict=True):
        if user is None:
            raise invalid_request(f"Nobody here has the address {name[:100]}.")
    return tuple(user.id for user in found if user is not None)


def _wish_in(form: Parameters) -> _Wish:
    longest = form.get("longest") or ""
    return _Wish(
        users=form.get("users") or "",
        any_user=form.get("any_user") == "any",
        permissions=frozenset(form.every("permission")),
        longest=longest if longest in _LIFETIMES else "0",
        until=form.get("until") or "",
    )


def _apis_in(permissions: frozenset[str]) -> dict[str, frozenset[str]]:
    apis = dict[str, frozenset[str]]()
    for uri, _, scope in (each.partition(" ") for each in permissions):
        apis[uri] = apis.get(uri, frozenset()) | scopes_in(scope)
    return apis


def _end_of(day: str) -> int:
    """Read the last day; 0, which is past, where it is none."""
    try:
        first_second = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return int(first_second.timestamp()) + _DAY


def _day_at(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def _sign_in_first(visit: Visit) -> Response:
    return sign_in_first(visit.server, Onward(next=MINT_RIGHT, carried=visit.names["client_id"]))


def _page(visit: Visit, found: _Open, wish: _Wish, error: str | None = None) -> AdminMintRightPage:
    client = found.client
    permissions = tuple(each for api in found.apis for each in _scopes_of(client, api, wish))
    return AdminMintRightPage(
        prefix=visit.server.prefix,
        frame=visit.frame("clients"),
        action=visit.url("clients", client.client_id, "mint-right"),
        back=visit.url("clients", client.client_id),
        client_name=client.client_name,
        permissions=permissions,
        lifetimes=tuple(
            SpanChoice(value=value, title=title, chosen=value == wish.longest)
            for value, title in _LIFETIMES.items()
        ),
        refused=_why_not(client, permissions),
        users=wish.users,
        any_user=wish.any_user,
        until=wish.until,
        first_day=_day_at(visit.now),
        last_day=_day_at(visit.now + LONGEST_RIGHT - _DAY),
        error=error,
    )


def _why_not(client: Client, permissions: tuple[MintableScope, ...]) -> str:
    if MINT not in client.scopes:
        return f"Register it with the scope {MINT} first."
    return "" if permissions else "Register it for scopes of an API first."


def _scopes_of(client: Client, api: Api, wish: _Wish) -> list[MintableScope]:
    registered = client.access.apis[api.uri] & api.scopes.keys()
    values = {scope: f"{api.uri} {scope}" for scope in sorted(registered)}
    return [
        MintableScope(
            value=value,
            title=api.scopes[scope] or scope,
            api_name=api.name,
            chosen=value in wish.permissions,
        )
        for scope, value in values.items()
    ]
