"""Administrators let people in: they invite them, and start recoveries. They set no password."""

from functools import partial
from typing import Final

from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity import joining, recovery
from counterfoil.server.pages.admin.views import AdminInvitePage, AdminSendPage, Verb
from counterfoil.server.pages.admin.visit import Visit
from counterfoil.server.protocol import events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.profile import tidy_name
from counterfoil.server.protocol.registration import NewUser, add_user
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.web.browser import go, show
from counterfoil.server.web.csrf import demand_own_form
from counterfoil.server.web.reading import form_of, origin_of

_TAKEN: Final = "Somebody has this address already."
_RECOVERY: Final = (
    "They get a mail with a link to choose a new password. Nothing ends before they do; then they "
    "are signed out everywhere."
)
_INVITATION: Final = (
    "They get a mail with a link by which they choose their name and their password. A link that "
    "was sent before works no more."
)


def deeds_for(visit: Visit, user: User) -> tuple[Verb, ...]:
    """Say what can be sent to somebody: an invitation as long as they have no password."""
    if not user.is_enabled or visit.server.sender is None:
        return ()
    recovers = user.password_hash is not None
    return (
        Verb(
            says=_RECOVERY if recovers else _INVITATION,
            label="Start a recovery" if recovers else "Invite them again",
            href=visit.url("users", user.id, "link"),
        ),
    )


async def ask(visit: Visit) -> AdminSendPage | None:
    """``GET /admin/users/{user_id}/link``."""
    user = await _find(visit)
    return _asking(visit, user) if user is not None else None


async def answer(visit: Visit) -> Response:
    """``POST /admin/users/{user_id}/link``: sends a link to them, and shows it to nobody."""
    await _demand_own_form(visit)
    user = await _find(visit)
    if user is None:
        raise invalid_request("There is no such person.")
    authority, by = visit.server.authority, _by(visit)
    send = recovery.start if user.password_hash is not None else joining.invite

    async def work(tx: Transaction) -> None:
        await send(authority, tx, user, by)

    try:
        await authority.store.transact(work)
    except OAuthError as error:
        return show(visit.server, _asking(visit, user, error=error.description), status=400)
    _wake(visit)
    return show(visit.server, _asking(visit, user, sent=True))


async def ask_whom(visit: Visit) -> AdminInvitePage:
    """``GET /admin/invite``."""
    return _inviting(visit)


async def invite(visit: Visit) -> Response:
    """``POST /admin/invite``: adds somebody without a password, and sends them a link."""
    form = await _demand_own_form(visit)
    email, name = form.get("email") or "", form.get("name") or ""
    try:
        new = NewUser(email, None, tidy_name(form.get("name") or ""))
        work = partial(_invite, visit.server.authority, new, _by(visit))
        added = await visit.server.authority.store.transact(work)
    except Conflict:
        return show(visit.server, _inviting(visit, email, name, error=_TAKEN), status=409)
    except OAuthError as error:
        page = _inviting(visit, email, name, error=error.description)
        return show(visit.server, page, status=400)
    _wake(visit)
    return go(visit.url("users", added.id))


async def _invite(authority: Authority, new: NewUser, by: Actor, tx: Transaction) -> User:
    added = await add_user(tx, new, by)
    await joining.invite(authority, tx, added, by)
    return added


async def _find(visit: Visit) -> User | None:
    return await visit.read(lambda tx: tx.users.find(visit.names["user_id"]))


async def _demand_own_form(visit: Visit) -> Parameters:
    form, server = await form_of(visit.request), visit.server
    demand_own_form(server.authority.keys.csrf, visit.person.session.id, form, visit.request)
    return form


def _by(visit: Visit) -> Actor:
    origin = origin_of(visit.request, visit.server.authority.settings.trusted_proxies)
    return events.by_session(visit.person.session, origin)


def _wake(visit: Visit) -> None:
    if visit.server.sender is not None:
        visit.server.sender.wake()


def _asking(visit: Visit, user: User, *, sent: bool = False, error: str = "") -> AdminSendPage:
    recovers = user.password_hash is not None
    return AdminSendPage(
        prefix=visit.server.prefix,
        frame=visit.frame("users"),
        action=visit.url("users", user.id, "link"),
        back=visit.url("users", user.id),
        title="Start a recovery?" if recovers else "Invite them again?",
        sentence=_RECOVERY if recovers else _INVITATION,
        email=user.email,
        sent=sent,
        error=error or None,
    )


def _inviting(
    visit: Visit, email: str = "", name: str = "", error: str | None = None
) -> AdminInvitePage:
    return AdminInvitePage(
        prefix=visit.server.prefix,
        frame=visit.frame("users"),
        action=visit.url("invite"),
        back=visit.url("users"),
        closed=visit.server.sender is None,
        email=email,
        name=name,
        error=error,
    )
