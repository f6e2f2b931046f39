"""My account, apps: one row per app however many sessions, and three verbs (S01, S03 to S06)."""

from collections.abc import Awaitable, Callable
from functools import partial
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.pages.views import AppRow, AppsPage, HomePage, SessionRow
from counterfoil.server.pages.wording import OPENID_PERMISSIONS, ago, day_of, device_of, end_of
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.events import Actor
from counterfoil.server.records.family import Family
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, browser_of, go, person_of, remember, show
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server

NOTICES: Final = MappingProxyType(
    {
        "session": "The session has been ended.",
        "signed-out": "You are signed out of the app on every device. It keeps its permission.",
        "removed": "The app has been removed. It can do nothing in your name any more.",
    }
)
Verb = Callable[[Transaction, Grant, Actor], Awaitable[object]]


class _App(Struct, frozen=True):
    """A grant with what hangs under it."""

    grant: Grant
    client_name: str
    permissions: tuple[str, ...]
    families: list[Family]


async def home(server: Server, request: Request) -> Response:
    """``GET /``."""
    person = await person_of(server, request)
    browser = browser_of(server, request)
    holder = person.session.id if person else browser.name
    page = HomePage(
        prefix=server.prefix,
        issuer=server.authority.issuer,
        signed_in_as=person.user.email if person else None,
        csrf=csrf_token(server.authority.keys.csrf, holder),
    )
    return remember(server, browser, show(server, page))


async def apps(server: Server, request: Request) -> Response:
    """``GET /account/apps``."""
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    now = int(server.clock())
    found = await server.authority.store.read(partial(_apps_of, person.user.id))
    page = AppsPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        apps=tuple(_app_row(app, person, now) for app in found),
        notice=NOTICES.get(query_of(request).get("done") or ""),
    )
    return show(server, page)


async def _apps_of(user_id: str, tx: Transaction) -> list[_App]:
    described = {
        (api.uri, scope): description or scope
        for api in await tx.apis.every()
        for scope, description in api.scopes.items()
    }
    found = list[_App]()
    standing = [grant for grant in await tx.grants.of_user(user_id) if grant.is_live(tx.now)]
    for grant in standing:
        client = await tx.clients.find(grant.client_id)
        families = await tx.families.live_of_grant(grant.id)
        name = client.client_name if client else grant.client_id
        found.append(_App(grant, name, _permissions(grant, described), families))
    return sorted(found, key=lambda app: app.client_name.casefold())


def _permissions(grant: Grant, described: dict[tuple[str, str], str]) -> tuple[str, ...]:
    own = (
        title for scope, (title, _) in OPENID_PERMISSIONS.items() if scope in grant.access.openid
    )
    rest = [(uri, scope) for uri, scopes in grant.access.apis.items() for scope in sorted(scopes)]
    return (*own, *(described.get(each, each[1]) for each in rest))


def _app_row(app: _App, person: Person, now: int) -> AppRow:
    families = sorted(app.families, key=lambda family: family.last_used_at, reverse=True)
    last_used = max((family.last_used_at for family in families), default=app.grant.updated_at)
    return AppRow(
        grant_id=app.grant.id,
        client_name=app.client_name,
        since=day_of(app.grant.created_at),
        last_used=ago(last_used, now),
        permissions=app.permissions,
        sessions=tuple(_session_row(family, person, now) for family in families),
        until=end_of(app.grant),
    )


def _session_row(family: Family, person: Person, now: int) -> SessionRow:
    return SessionRow(
        family_id=family.id,
        device=device_of(family.origin.user_agent),
        place=family.origin.address,
        last_used=ago(family.last_used_at, now),
        current=family.session_id == person.session.id,
        offline=family.is_offline,
    )


async def end_session(server: Server, request: Request) -> Response:
    """``POST /account/apps/{grant_id}/sessions/{family_id}/end``: this one and no other."""
    family_id: str = request.path_params["family_id"]

    async def verb(tx: Transaction, grant: Grant, by: Actor) -> None:
        family = await tx.families.find(family_id)
        if family is not None and family.grant_id == grant.id:
            await revocation.end_family(tx, family_id, "ended_by_user", by)

    return await _do(server, request, verb, "session")


async def sign_out_of_app(server: Server, request: Request) -> Response:
    """``POST /account/apps/{grant_id}/sign-out``: every session; the permission stays (S44)."""

    async def verb(tx: Transaction, grant: Grant, by: Actor) -> None:
        await revocation.sign_out_of_app(tx, grant.id, by)

    return await _do(server, request, verb, "signed-out")


async def remove_app(server: Server, request: Request) -> Response:
    """``POST /account/apps/{grant_id}/remove``: the permission and all under it (S46)."""

    async def verb(tx: Transaction, grant: Grant, by: Actor) -> None:
        await revocation.end_grant(tx, grant.id, by)

    return await _do(server, request, verb, "removed")


async def _do(server: Server, request: Request, verb: Verb, done: str) -> Response:
    form = await form_of(request)
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    by = events.by_user(person.user.id, origin)
    grant_id: str = request.path_params["grant_id"]

    async def work(tx: Transaction) -> None:
        grant = await tx.grants.find(grant_id)
        if grant is not None and grant.user_id == person.user.id:
            await verb(tx, grant, by)

    await server.authority.store.transact(work)
    await server.authority.hub.catch_up()
    return go(f"{server.prefix}/account/apps?done={done}")
