"""My account, apps: one row for each however many sessions (S01, S03, S04, S06)."""

from functools import partial
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.allowances import USES
from counterfoil.oauth.revocations import RevocationSet
from counterfoil.server.pages.made_for import described_scopes, made_for
from counterfoil.server.pages.views import (
    AppRow,
    AppsPage,
    HomePage,
    LimitedRow,
    SessionRow,
)
from counterfoil.server.pages.wording import (
    OPENID_PERMISSIONS,
    ago,
    day_of,
    device_of,
    end_of,
    moment_of,
)
from counterfoil.server.protocol import drawing
from counterfoil.server.records.allowance import Allowance, Owner
from counterfoil.server.records.family import Family
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.listing import Part
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, browser_of, go, person_of, remember, show
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.server import Server

MOST_LIMITED: Final = 20
"""So many limited tokens of an app are looked at, the newest."""


class _App(Struct, frozen=True):
    """A grant with what hangs under it."""

    grant: Grant
    client_name: str
    permissions: tuple[str, ...]
    families: list[Family]
    limited: list[Allowance]


async def home(server: Server, request: Request) -> Response:
    """``GET /``."""
    person = await person_of(server, request)
    browser = browser_of(server, request)
    holder = person.session.id if person else browser.name
    page = HomePage(
        prefix=server.prefix,
        issuer=server.authority.issuer,
        signed_in_as=person.user.email if person else None,
        is_admin=person is not None and person.user.is_admin,
        csrf=csrf_token(server.authority.keys.csrf, holder),
    )
    return remember(server, browser, show(server, page))


async def apps(server: Server, request: Request) -> Response:
    """``GET /account/apps``."""
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    now = int(server.clock())
    dead = server.authority.hub.revocations
    found = await server.authority.store.read(partial(_apps_of, person.user.id, dead))
    made = await server.authority.store.read(partial(made_for, person.user.id))
    page = AppsPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        apps=tuple(_app_row(app, person, now) for app in found),
        made=made,
    )
    return show(server, page)


async def _apps_of(user_id: str, dead: RevocationSet, tx: Transaction) -> list[_App]:
    described = await described_scopes(tx)
    found = list[_App]()
    standing = [grant for grant in await tx.grants.of_user(user_id) if grant.is_live(tx.now)]
    for grant in standing:
        client = await tx.clients.find(grant.client_id)
        families = await tx.families.live_of_grant(grant.id)
        name = client.client_name if client else grant.client_id
        owner = Owner(user_id, grant.client_id)
        standing_tokens = await tx.allowances.live_of(owner, USES, Part(MOST_LIMITED))
        every = [await drawing.seen(tx, one) for one in standing_tokens]
        limited = [one for one in every if one.left and not dead.rejects(one.marks, tx.now)]
        found.append(_App(grant, name, _permissions(grant, described), families, limited))
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
        limited=tuple(map(_limited_row, app.limited)),
    )


def _limited_row(allowance: Allowance) -> LimitedRow:
    until = moment_of(allowance.expires_at)
    return LimitedRow(left=allowance.left, max_uses=allowance.total, until=until)


def _session_row(family: Family, person: Person, now: int) -> SessionRow:
    return SessionRow(
        family_id=family.id,
        device=device_of(family.origin.user_agent),
        place=family.origin.address,
        last_used=ago(family.last_used_at, now),
        current=family.session_id == person.session.id,
        offline=family.is_offline,
    )
