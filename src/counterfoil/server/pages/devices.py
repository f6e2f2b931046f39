"""My account, devices: browsers and what apps do there, by device and place (S05, S06)."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import groupby

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.pages import onward
from counterfoil.server.pages.account_views import DeviceGroup, DeviceRow, DevicesPage
from counterfoil.server.pages.ending import DEVICES, ended_sentence
from counterfoil.server.pages.fresh_visit import fresh_form, fresh_person
from counterfoil.server.pages.onward import Onward
from counterfoil.server.pages.places import place_of
from counterfoil.server.pages.views import EndedPage, EndPage
from counterfoil.server.pages.wording import ago, day_of, device_of
from counterfoil.server.protocol import events, revocation, what_hangs
from counterfoil.server.protocol.fresh_sign_in import demand_fresh
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.protocol.what_hangs import Hanging
from counterfoil.server.records.family import Family
from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.sentence import say, say_many
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person, go, person_of, show
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.reading import origin_of
from counterfoil.server.web.server import Server

OTHERS = f"{DEVICES}/others"


class Found(Struct, frozen=True):
    """What a person is signed in with: browsers, what apps hold, and the names of these apps.

    ``remembered`` are browsers, by what they are remembered by.
    """

    sessions: list[Session]
    families: list[Family]
    names: dict[str, str]
    remembered: dict[str, RememberedBrowser]


class Seen(Struct, frozen=True):
    """One browser, or one app that goes on without one: from where, and when last."""

    origin: Origin
    last_used_at: int
    row: DeviceRow


async def devices(server: Server, request: Request) -> Response:
    """``GET /account/devices``."""
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    found = await server.authority.store.read(partial(_found, person.user.id))
    seen, place = _seen(server, person, found), partial(place_of, server)
    page = DevicesPage(
        prefix=server.prefix,
        user_email=person.user.email,
        user_id=person.user.id,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        groups=grouped(seen, place, int(server.clock())),
    )
    return show(server, page)


async def _found(user_id: str, tx: Transaction) -> Found:
    """What an administrator's right has made is no device, and stands with the apps (S58)."""
    allowed = {grant.id: grant.client_id for grant in await tx.grants.of_user(user_id)}
    families = await tx.families.live_of_user(user_id)
    names = dict[str, str]()
    for client_id in set(allowed.values()):
        client = await tx.clients.find(client_id)
        names[client_id] = client.client_name if client else client_id
    own = [family for family in families if family.grant_id in allowed]
    remembered = {each.id: each for each in await tx.remembered_browsers.of_user(user_id)}
    return Found(await tx.sessions.of_user(user_id), own, names, remembered)


def _seen(server: Server, person: Person, found: Found) -> list[Seen]:
    now, browsers = int(server.clock()), {each.id for each in found.sessions}
    alone = (each for each in found.families if each.session_id not in browsers)
    tied = {each.remembered_id for each in found.sessions}
    away = (each for each in found.remembered.values() if each.id not in tied)
    return [
        *(_browser(server, person, found, session) for session in _shown(server, found)),
        *(Seen(each.origin, each.used_at, _remembered_row(each, now)) for each in away),
        *(Seen(each.origin, each.last_used_at, _app_row(each, found, now)) for each in alone),
    ]


def _shown(server: Server, found: Found) -> list[Session]:
    """Leave out what a remembered browser had before: it ends with the session that it has now."""
    now, idle = int(server.clock()), server.authority.settings.session_idle_lifetime
    live = {each.id: each.remembered_id for each in found.sessions if each.is_live(now, idle)}
    back = {name for name in live.values() if name}
    return [each for each in found.sessions if each.id in live or each.remembered_id not in back]


def _browser(server: Server, person: Person, found: Found, session: Session) -> Seen:
    now, idle = int(server.clock()), server.authority.settings.session_idle_lifetime
    here = session.id == person.session.id
    within = [each for each in found.families if each.session_id == session.id]
    used = now if here else max([session.last_used_at, *(each.last_used_at for each in within)])
    remembered = found.remembered.get(session.remembered_id)
    row = DeviceRow(
        kind="session",
        name=session.id,
        title=say("Browser"),
        since=day_of(session.auth_time),
        last_used=ago(used, now),
        apps=tuple(_app_row(each, found, now) for each in within),
        current=here,
        asleep=not session.is_live(now, idle),
        remembered=day_of(remembered.expires_at) if remembered is not None else "",
    )
    return Seen(session.origin, used, row)


def _remembered_row(remembered: RememberedBrowser, now: int) -> DeviceRow:
    return DeviceRow(
        kind="remembered",
        name=remembered.id,
        title=say("Browser"),
        since=day_of(remembered.auth_time),
        last_used=ago(remembered.used_at, now),
        remembered=day_of(remembered.expires_at),
    )


def _app_row(family: Family, found: Found, now: int) -> DeviceRow:
    return DeviceRow(
        kind="family",
        name=family.id,
        title=found.names.get(family.client_id, family.client_id),
        since=day_of(family.created_at),
        last_used=ago(family.last_used_at, now),
        offline=family.is_offline,
    )


def grouped(
    seen: Iterable[Seen], place: Callable[[Origin], str], now: int
) -> tuple[DeviceGroup, ...]:
    """Put together what comes from one kind of device at one place; this browser's group first.

    Two devices of the same kind at one place look the same: they stand in one group, a row each.
    """

    def key(one: Seen) -> tuple[str, str]:
        return device_of(one.origin.user_agent), place(one.origin)

    groups = [(each, list(members)) for each, members in groupby(sorted(seen, key=key), key=key)]
    groups.sort(key=lambda group: _latest(group[1]), reverse=True)
    return tuple(
        DeviceGroup(
            device=device,
            place=where,
            last_used=ago(_latest(members)[1], now),
            rows=tuple(each.row for each in sorted(members, key=_order)),
        )
        for (device, where), members in groups
    )


def _latest(members: list[Seen]) -> tuple[bool, int]:
    return any(each.row.current for each in members), max(each.last_used_at for each in members)


def _order(one: Seen) -> tuple[bool, bool, int]:
    return not one.row.current, one.row.kind != "session", -one.last_used_at


async def ask_others(server: Server, request: Request) -> Response:
    """``GET /account/devices/others``: says what will end. It changes nothing."""
    person = await fresh_person(server, request, Onward(next=onward.OTHERS))
    if isinstance(person, Response):
        return person

    async def read(tx: Transaction) -> Hanging:
        return await what_hangs.of_user(tx, person.user.id, person.session.id)

    elsewhere = await server.authority.store.read(read)
    nothing = not (elsewhere.sessions or elsewhere.families or elsewhere.remembered)
    page = EndPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/{OTHERS}",
        back=f"{server.prefix}/{DEVICES}",
        title=say("Sign out everywhere else?"),
        verb=say("Sign out everywhere else"),
        sentence=say("You are signed in nowhere else.") if nothing else _foreseen(elsewhere),
        nothing=nothing,
    )
    return show(server, page)


def _foreseen(elsewhere: Hanging) -> str:
    browsers = say_many(
        "{count} other browser will be signed out",
        "{count} other browsers will be signed out",
        len(elsewhere.sessions),
    )
    apps = say_many(
        "{count} session of apps elsewhere will end",
        "{count} sessions of apps elsewhere will end",
        len(elsewhere.families),
    )
    return say(
        "{browsers}, and {apps}. No other browser is remembered any more. This browser stays "
        "signed in. Apps keep their permissions, and tokens that you made by hand go on.",
        browsers=browsers,
        apps=apps,
    )


async def end_others(server: Server, request: Request) -> Response:
    """``POST /account/devices/others``."""
    sent = await fresh_form(server, request, Onward(next=onward.OTHERS))
    if isinstance(sent, Response):
        return sent
    person = sent.person
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    by = events.by_session(person.session, origin)

    async def work(tx: Transaction) -> Ending:
        await demand_fresh(server.authority.settings, tx, person.session)
        return await revocation.end_elsewhere(tx, person.session, by)

    ending = await server.authority.store.transact(work)
    await server.authority.hub.catch_up()
    page = EndedPage(
        prefix=server.prefix,
        title=say("You are signed out everywhere else"),
        sentence=ended_sentence(ending),
        receipt=str(ending.position),
        back=f"{server.prefix}/{DEVICES}",
        back_title=say("Back to my account"),
    )
    return show(server, page)
