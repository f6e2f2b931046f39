"""Ending what is one's own: a page that says what will end, and one that says what has (S03)."""

from functools import partial
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.server.pages.onward import Onward, end_word, sign_in_first
from counterfoil.server.pages.views import EndedPage, EndPage
from counterfoil.server.protocol import endings, events
from counterfoil.server.protocol.endings import Ending, Ends, Foreseen, Target, owner_of
from counterfoil.server.protocol.fresh_sign_in import demand_fresh
from counterfoil.server.records.sentence import Listed, say, say_many
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, go, person_of, show
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.fresh import signed_in_just_now
from counterfoil.server.web.reading import form_of, origin_of
from counterfoil.server.web.server import Server


class _Verb(Struct, frozen=True):
    """One verb of the account: what its page is called, its button, and where it came from."""

    title: str
    verb: str
    page: str


ENDED: Final = (
    ("{count} browser was signed out", "{count} browsers were signed out"),
    ("{count} session of an app ended", "{count} sessions of apps ended"),
    ("{count} personal token ended", "{count} personal tokens ended"),
    ("{count} browser is remembered no more", "{count} browsers are remembered no more"),
)
APPS: Final = "account/apps"
DEVICES: Final = "account/devices"
TOKENS: Final = "account/tokens"
VERBS: Final = MappingProxyType(
    {
        Ends.FAMILY: _Verb(say("End this session?"), say("End this session"), APPS),
        Ends.APP_SESSIONS: _Verb(
            say("Sign the app out everywhere?"), say("Sign out everywhere"), APPS
        ),
        Ends.GRANT: _Verb(say("Remove this app?"), say("Remove this app"), APPS),
        Ends.PERSONAL_TOKEN: _Verb(say("End this token?"), say("End this token"), TOKENS),
        Ends.SESSION: _Verb(say("Sign this browser out?"), say("Sign this browser out"), DEVICES),
        Ends.REMEMBERED: _Verb(say("Forget this browser?"), say("Forget this browser"), DEVICES),
        Ends.USER: _Verb(say("End everything?"), say("End everything"), DEVICES),
    }
)
"""What a person may end of their own. They are the kinds that have an owner."""


async def ask(server: Server, request: Request) -> Response:
    """``GET /account/end/{kind}/{name}``: says what will end. It changes nothing.

    ``/account/devices/forget/{name}`` is the same, of a remembered browser.
    """
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    target = _target(request)
    if await _is_to_sign_in(server, person, target):
        return sign_in_first(server, Onward(next=end_word(target.kind), carried=target.name))
    work = partial(_foresee, server, person, target)
    return _asking(server, person, await server.authority.store.read(work))


async def answer(server: Server, request: Request) -> Response:
    """``POST /account/end/{kind}/{name}``: ends it, and says what has ended."""
    form = await form_of(request)
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    target = _target(request)
    if await _is_to_sign_in(server, person, target):
        return sign_in_first(server, Onward(next=end_word(target.kind), carried=target.name))
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    by = events.by_session(person.session, origin)

    async def work(tx: Transaction) -> Ending:
        if _is_elsewhere(person, target):
            await demand_fresh(server.authority.settings, tx, person.session)
        await _demand_own(tx, person, target)
        return await endings.carry_out(server.authority, tx, target, by)

    ending = await server.authority.store.transact(work)
    await server.authority.hub.catch_up()
    here = _signs_out_here(person, target)
    response = show(server, _ended(server, target, ending, here=here))
    if here:
        server.cookies.clear_session(response)
        server.cookies.clear_remembered(request, response)
    return response


async def _is_to_sign_in(server: Server, person: Person, target: Target) -> bool:
    return _is_elsewhere(person, target) and not await signed_in_just_now(server, person)


def _is_elsewhere(person: Person, target: Target) -> bool:
    """Whether this is ended only by who signed in just now: all but one's own browser.

    Whoever copied a session must not be able to sign its owner out everywhere.
    """
    return target.name != person.session.id


def _target(request: Request) -> Target:
    kind, name = request.path_params.get("kind", Ends.REMEMBERED), request.path_params["name"]
    own = next((each for each in VERBS if each.value == kind), None)
    if own is None:
        raise _nothing()
    return Target(own, name)


async def _foresee(server: Server, person: Person, target: Target, tx: Transaction) -> Foreseen:
    await _demand_own(tx, person, target)
    return await endings.foresee(server.authority, tx, target)


async def _demand_own(tx: Transaction, person: Person, target: Target) -> None:
    """What is another's looks as if it were not there."""
    if await owner_of(tx, target) != person.user.id:
        raise _nothing()


def _nothing() -> OAuthError:
    return invalid_request("There is nothing of yours by this name. It may have ended before.")


def _signs_out_here(person: Person, target: Target) -> bool:
    if target.kind is Ends.REMEMBERED:
        return target.name == person.session.remembered_id
    return target.kind is Ends.USER or target.name == person.session.id


def _asking(server: Server, person: Person, foreseen: Foreseen) -> Response:
    target = foreseen.target
    verb = VERBS[target.kind]
    page = EndPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/account/end/{target.kind.value}/{target.name}",
        back=f"{server.prefix}/{verb.page}",
        title=verb.title,
        verb=verb.verb,
        sentence=foreseen.sentence,
        nothing=foreseen.nothing,
        here=_signs_out_here(person, target),
    )
    return show(server, page)


def _ended(server: Server, target: Target, ending: Ending, *, here: bool) -> EndedPage:
    return EndedPage(
        prefix=server.prefix,
        title=say("It has ended") if ending.ended else say("Nothing was left to end"),
        sentence=ended_sentence(ending),
        receipt=str(ending.position),
        back=f"{server.prefix}/{'sign-in' if here else VERBS[target.kind].page}",
        back_title=say("Sign in again") if here else say("Back to my account"),
    )


def ended_sentence(ending: Ending) -> str:
    """Say in plain words how much has ended."""
    counted = (
        (ending.sessions, ENDED[0]),
        (ending.families, ENDED[1]),
        (ending.personal_tokens, ENDED[2]),
        (ending.remembered, ENDED[3]),
    )
    said = tuple(say_many(one, many, count) for count, (one, many) in counted if count)
    if said:
        return say("{what}.", what=Listed(said))
    return say("The permission has gone.") if ending.ended else say("It had ended before.")
