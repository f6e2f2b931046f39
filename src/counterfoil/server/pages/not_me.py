"""My account, "this was not me": one form ends everything else and changes the password (S38)."""

from functools import partial
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity.disowning import disown
from counterfoil.server.identity.password_change import Changed, PasswordChange, change_password
from counterfoil.server.identity.passwords import PasswordRefused, TooBusy
from counterfoil.server.identity.throttle import source_of
from counterfoil.server.pages.account_views import NotMePage
from counterfoil.server.pages.activity import number_in, read_log
from counterfoil.server.pages.activity_words import is_own, sentence_of
from counterfoil.server.pages.ending import ended_sentence
from counterfoil.server.pages.known import known_in
from counterfoil.server.pages.onward import NOT_ME, Onward, sign_in_first
from counterfoil.server.pages.password import BUSY, DIFFERENT, WRONG, renew_cookie
from counterfoil.server.pages.places import place_of
from counterfoil.server.pages.views import EndedPage
from counterfoil.server.pages.wording import device_of, moment_of
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from counterfoil.server.protocol.ending_targets import Ends, Target, owner_of
from counterfoil.server.records.event import EventQuery
from counterfoil.server.records.family import Family
from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.sentence import Row, say
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, go, person_of, show
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.fresh import signed_in_just_now
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server

_ENDS: Final = MappingProxyType(
    {each.value: each for each in (Ends.SESSION, Ends.FAMILY, Ends.REMEMBERED)}
)
_NEW: Final = say("Your password is the new one.")
_TOLD: Final = say("The administrators are told.")
_LOOK_TOO: Final = say(
    "Look at your passkeys and whatever else is under Security: remove what is not yours."
)


class Disowned(Struct, frozen=True):
    """What was not the person: ``name`` as the form carries it, ``what`` in words."""

    name: str
    what: str


async def ask(server: Server, request: Request) -> Response:
    """``GET /account/not-me?about=…``: an event, or what can be ended. It changes nothing."""
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    disowned = await _disowned(server, person, query_of(request).get("about") or "")
    if not await signed_in_just_now(server, person):
        return sign_in_first(server, Onward(next=NOT_ME, carried=disowned.name))
    return _page(server, person, disowned)


async def answer(server: Server, request: Request) -> Response:
    """``POST /account/not-me``."""
    form = await form_of(request)
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    disowned = await _disowned(server, person, form.get("about") or "")
    if not await signed_in_just_now(server, person):
        return sign_in_first(server, Onward(next=NOT_ME, carried=disowned.name))
    if (form.get("new") or "") != (form.get("again") or ""):
        return _page(server, person, disowned, (DIFFERENT, 400))
    source = source_of(origin_of(request, server.authority.settings.trusted_proxies).address)
    if not server.sign_in_throttle.allows(source, server.clock()):
        return _page(server, person, disowned, (BUSY, 429))
    server.sign_in_throttle.count(source, server.clock())
    whose = (person, disowned)
    return await _try(server, request, whose, _change(server, request, whose, form))


async def _disowned(server: Server, person: Person, unverified: str) -> Disowned:
    """Find what is meant. What is another's looks as if it were not there."""
    kind, _, name = unverified.partition(":")
    work = partial(_event if kind == "event" else _target, server, person, (kind, name))
    return await server.authority.store.read(work)


async def _event(
    server: Server, person: Person, named: tuple[str, str], tx: Transaction
) -> Disowned:
    number = number_in(named[1])
    if number is None:
        raise _nothing_such()
    user_id = person.user.id
    query = EventQuery(person=user_id, before=number + 1, after=number - 1, limit=1)
    log = await read_log(query, tx)
    if not log.events or not is_own(log.events[0], user_id):
        raise _nothing_such()
    (event,) = log.events
    where = _where(server, Origin(event.address, event.user_agent))
    said = sentence_of(event, user_id, log.names)
    what = Row((said, Row((moment_of(event.at), where), ", ")))
    return Disowned(f"event:{event.number}", what)


async def _target(
    server: Server, person: Person, named: tuple[str, str], tx: Transaction
) -> Disowned:
    kind, name = _ENDS.get(named[0]), named[1]
    if kind is None or await owner_of(tx, Target(kind, name)) != person.user.id:
        raise _nothing_such()
    found = await _found(tx, kind, name)
    if found is None:
        raise _nothing_such()
    since = moment_of(found.auth_time)
    where = _where(server, found.origin)
    if kind is Ends.FAMILY:
        what = say("An app, signed in since {since}, {where}", since=since, where=where)
    else:
        what = say("A browser, signed in since {since}, {where}", since=since, where=where)
    return Disowned(f"{kind.value}:{name}", what)


async def _found(
    tx: Transaction, kind: Ends, name: str
) -> Session | Family | RememberedBrowser | None:
    match kind:
        case Ends.SESSION:
            return await tx.sessions.find(name)
        case Ends.FAMILY:
            return await tx.families.find(name)
    return await tx.remembered_browsers.find(name)


def _where(server: Server, origin: Origin) -> str:
    place = place_of(server, origin)
    device = device_of(origin.user_agent)
    return Row((device, place), ", ") if place else device


def _nothing_such() -> Exception:
    return invalid_request("There is nothing like this in your account.")


def _change(
    server: Server, request: Request, whose: tuple[Person, Disowned], form: Parameters
) -> PasswordChange:
    person, disowned = whose
    return PasswordChange(
        person.session,
        Secret(form.get("current") or ""),
        Secret(form.get("new") or ""),
        origin_of(request, server.authority.settings.trusted_proxies),
        disowned.name,
        known_in(server, request),
    )


async def _try(
    server: Server, request: Request, whose: tuple[Person, Disowned], change: PasswordChange
) -> Response:
    person, disowned = whose
    try:
        changed = await _changed(server, person, change)
    except PasswordRefused as error:
        return _page(server, person, disowned, (error.sentence, 400))
    except TooBusy:
        return _page(server, person, disowned, (BUSY, 503))
    if changed is None:
        return _page(server, person, disowned, (WRONG, 400))
    await server.authority.hub.catch_up()
    words = (_NEW,) if person.user.has_password else ()
    return _done(server, request, changed, words)


async def _changed(server: Server, person: Person, change: PasswordChange) -> Changed | None:
    if not person.user.has_password:
        return await disown(server.authority, change)
    return await change_password(server.authority, server.passwords, change)


def _done(server: Server, request: Request, changed: Changed, words: tuple[str, ...]) -> Response:
    ending = changed.ending
    ended = ended_sentence(ending) if ending.ended else say("You were signed in nowhere else.")
    page = EndedPage(
        prefix=server.prefix,
        title=say("Only this browser is signed in now"),
        sentence=Row((ended, *words, _TOLD, _LOOK_TOO)),
        receipt=str(ending.position),
        back=f"{server.prefix}/account/security",
        back_title=say("Look at Security"),
    )
    return renew_cookie(server, request, changed, show(server, page))


def _page(
    server: Server, person: Person, disowned: Disowned, wrong: tuple[str | None, int] = (None, 200)
) -> Response:
    error, status = wrong
    page = NotMePage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/account/not-me",
        about=disowned.name,
        what=disowned.what,
        sentence=say(CONSEQUENCES[Cause.INTRUSION_REPORTED].sentence),
        error=error,
        has_password=person.user.has_password,
    )
    return show(server, page, status=status)
