"""The lists: a part of each, newest first, by one text for all nouns."""

from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from counterfoil.server.documents import apis, clients, grants, keys, sessions, users
from counterfoil.server.pages.admin import rows
from counterfoil.server.pages.admin.views import AdminListPage, Row, Verb
from counterfoil.server.pages.admin.visit import ROOMS, SAYS, SHOWN, Visit
from counterfoil.server.records.event import EventQuery
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.cursors import cut

T = TypeVar("T")


async def of_clients(visit: Visit) -> AdminListPage:
    """``GET /admin/clients``."""

    async def work(tx: Transaction) -> list[clients.ClientDocument]:
        found = [await tx.clients.find(each) for each in await tx.lists.clients(visit.part)]
        return [clients.document_of(each) for each in found if each is not None]

    shown, after = cut(
        await visit.read(work), SHOWN, lambda each: (each.client_id_issued_at, each.client_id)
    )
    return _page(visit, "clients", [rows.of_client(visit, each) for each in shown], after)


async def of_apis(visit: Visit) -> AdminListPage:
    """``GET /admin/apis``: all of them, for they are few."""

    async def work(tx: Transaction) -> list[apis.ApiDocument]:
        return [apis.document_of(each) for each in await tx.apis.every()]

    return _page(visit, "apis", [rows.of_api(visit, each) for each in await visit.read(work)])


async def of_users(visit: Visit) -> AdminListPage:
    """``GET /admin/users``."""

    async def work(tx: Transaction) -> list[users.UserDocument]:
        found = [await tx.users.find(each) for each in await tx.lists.users(visit.part)]
        return [await users.described(tx, each) for each in found if each is not None]

    shown, after = cut(await visit.read(work), SHOWN, lambda each: (each.created_at, each.id))
    page = _page(visit, "users", [rows.of_user(visit, each) for each in shown], after)
    if visit.server.sender is None:
        return page
    says = "Somebody new is sent a link by which they make an account theirs."
    invite = Verb(says=says, label="Invite somebody", href=visit.url("invite"))
    return replace(page, adds=invite)


async def of_grants(visit: Visit) -> AdminListPage:
    """``GET /admin/grants``, of one person or client where they are named."""
    asked = visit.query

    async def work(tx: Transaction) -> list[grants.GrantDocument]:
        ids = await tx.lists.grants(
            visit.part, user_id=asked.get("user_id"), client_id=asked.get("client_id")
        )
        found = [await tx.grants.find(each) for each in ids]
        return [await grants.document_of(tx, each) for each in found if each is not None]

    shown, after = cut(await visit.read(work), SHOWN, lambda each: (each.created_at, each.id))
    return _page(visit, "grants", [rows.of_grant(visit, each) for each in shown], after)


async def of_sessions(visit: Visit) -> AdminListPage:
    """``GET /admin/sessions``, of one person where they are named."""

    async def work(tx: Transaction) -> list[sessions.SessionDocument]:
        ids = await tx.lists.sessions(visit.part, visit.query.get("user_id"))
        found = [await tx.sessions.find(each) for each in ids]
        return [await sessions.document_of(tx, each) for each in found if each is not None]

    shown, after = cut(await visit.read(work), SHOWN, lambda each: (each.auth_time, each.id))
    return _page(visit, "sessions", [rows.of_session(visit, each) for each in shown], after)


async def of_keys(visit: Visit) -> AdminListPage:
    """``GET /admin/keys``: all of them, for they are few."""
    found = await visit.read(keys.documents)
    return _page(visit, "keys", [rows.of_key(visit, each) for each in reversed(found)])


async def of_events(visit: Visit) -> AdminListPage:
    """``GET /admin/events``."""
    part = visit.part
    query = EventQuery(before=part.at, limit=part.limit)
    found = await visit.read(lambda tx: tx.events.find(query))
    shown, after = cut(found, SHOWN, lambda each: (each.number, "-"))
    return _page(visit, "events", [rows.of_event(each) for each in shown], after)


def _page(visit: Visit, room: str, lines: Sequence[Row], after: str | None = None) -> AdminListPage:
    asked = visit.query
    is_later = asked.pop("cursor", None) is not None
    of = {name: asked[name] for name in ("user_id", "client_id") if name in asked}
    return AdminListPage(
        prefix=visit.server.prefix,
        frame=visit.frame(room),
        title=dict(ROOMS)[room],
        lead=SAYS[room],
        rows=tuple(lines),
        after=visit.url(room, cursor=after, **of) if after else None,
        first=visit.url(room, **of) if is_later else None,
    )
