"""My account, profile: what is known of the person, and changing their name."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.pages.account_views import ProfilePage
from counterfoil.server.pages.wording import day_of
from counterfoil.server.protocol import events
from counterfoil.server.protocol.profile import (
    LONGEST_NAME,
    Profile,
    change,
    known_language,
    tidy_name,
)
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, go, person_of, show
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server


async def ask(server: Server, request: Request) -> Response:
    """``GET /account/profile``."""
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    page = _page(server, person, person.user.name or "")
    saved = query_of(request).get("saved") == "yes"
    return show(server, page(saved=saved))


async def answer(server: Server, request: Request) -> Response:
    """``POST /account/profile``."""
    form = await form_of(request)
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    given = form.get("name") or ""
    try:
        profile = Profile(tidy_name(given), known_language(form.get("language") or ""))
    except OAuthError as error:
        page = _page(server, person, given[:LONGEST_NAME])
        return show(server, page(error=say(error.sentence)), status=400)
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    work = partial(_change, person.user.id, profile, events.by_session(person.session, origin))
    await server.authority.store.transact(work)
    await server.authority.hub.catch_up()
    response = go(f"{server.prefix}/account/profile?saved=yes")
    if profile.language != person.user.language:
        # What was chosen last holds, and what this browser was switched to before is over.
        server.cookies.clear_language(request, response)
    return response


async def _change(user_id: str, profile: Profile, by: events.Actor, tx: Transaction) -> Ending:
    return await change(tx, user_id, profile, by)


def _page(server: Server, person: Person, name: str) -> partial[ProfilePage]:
    return partial(
        ProfilePage,
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/account/profile",
        name=name,
        own_language=person.user.language,
        since=day_of(person.user.created_at),
        longest=LONGEST_NAME,
        may_delete=server.authority.settings.account_deletion,
    )
