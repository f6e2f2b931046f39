"""My account, passkeys: the list, adding one, renaming one, removing one (S76, S105)."""

from functools import partial
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.server.identity import ceremony, passkeys
from counterfoil.server.identity.passkeys import (
    Adding,
    PasskeyRefused,
    PasskeyUnknown,
    Removal,
    SignInTooOld,
)
from counterfoil.server.identity.ways_in import has_another_way_in
from counterfoil.server.pages.account_views import SecurityRow
from counterfoil.server.pages.ending import ended_sentence
from counterfoil.server.pages.onward import NEW_PASSKEY, PASSKEYS, Onward, sign_in_first
from counterfoil.server.pages.passkey_forms import SCRIPT, answer_in, creation_form
from counterfoil.server.pages.passkey_views import (
    NewPasskeyPage,
    PasskeyForm,
    PasskeyPage,
    PasskeyRow,
    PasskeysPage,
)
from counterfoil.server.pages.views import EndedPage
from counterfoil.server.pages.wording import ago, day_of, device_of, moment_of
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.passkey import Passkey
from counterfoil.server.records.sentence import say, say_many
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.web.browser import Person, go, person_of, show
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.fresh import signed_in_just_now
from counterfoil.server.web.reading import form_of, origin_of
from counterfoil.server.web.server import Server

_NO_ANSWER: Final = say(
    "Your browser made no passkey. Passkeys need scripts, and a browser of today."
)
_REMOVED: Final = say("Nobody signs in by it any more. What is signed in stays so.")


async def section(tx: Transaction, user: User) -> SecurityRow:
    """Say on the page of security how many there are."""
    count = len(await tx.passkeys.of_user(user.id))
    some = say_many("You have one passkey.", "You have {count} passkeys.", count)
    return SecurityRow(
        title=say("Passkeys"),
        state=some if count else say("You have no passkey."),
        path="passkeys",
        verb=say("See your passkeys"),
    )


async def listed(server: Server, request: Request) -> Response:
    """``GET /account/passkeys``."""
    person = await person_of(server, request)
    if person is None:
        return _sign_in_first(server)
    now, user_id = int(server.clock()), person.user.id
    own = await server.authority.store.read(lambda tx: tx.passkeys.of_user(user_id))
    page = PasskeysPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        passkeys=tuple(_row(each, now) for each in own),
        available=ceremony.party(server.authority) is not None,
    )
    return show(server, page)


async def ask(server: Server, request: Request) -> Response:
    """``GET /account/passkeys/new``: after a fresh sign-in."""
    person = await person_of(server, request)
    if person is None or not await signed_in_just_now(server, person):
        return _sign_in_first(server, NEW_PASSKEY)
    return await _new(server, person, _name_for(request))


async def answer(server: Server, request: Request) -> Response:
    """``POST /account/passkeys/new``: adds what the browser has made."""
    form = await form_of(request)
    person = await person_of(server, request)
    if person is None:
        return _sign_in_first(server, NEW_PASSKEY)
    demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    name = form.get("name") or ""
    if not form.get("credential"):
        return await _new(server, person, name, _NO_ANSWER)
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    adding = Adding(person.session, origin, name, answer_in(form))
    try:
        await passkeys.add(server.authority, adding, server.clock())
    except SignInTooOld:
        return _sign_in_first(server, NEW_PASSKEY)
    except PasskeyRefused as refused:
        return await _new(server, person, name, refused.sentence)
    return go(f"{server.prefix}/account/passkeys")


async def ask_change(server: Server, request: Request) -> Response:
    """``GET /account/passkeys/change/{name}``."""
    person = await person_of(server, request)
    if person is None:
        return _sign_in_first(server)
    return await _one(server, person, request.path_params["name"])


async def change(server: Server, request: Request) -> Response:
    """``POST /account/passkeys/change/{name}``: renames it, or removes it."""
    form = await form_of(request)
    person = await person_of(server, request)
    name = request.path_params["name"]
    if person is None:
        return _sign_in_first(server)
    demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    try:
        if form.get("decision") == "remove":
            removal = Removal(person.session, origin, name, lost=form.get("lost") == "yes")
            return await _remove(server, removal)
        given = (name, form.get("name") or "")
        rename = partial(_rename, person, origin, given)
        await server.authority.store.transact(rename)
    except SignInTooOld:
        return _sign_in_first(server)
    except PasskeyUnknown:
        raise _unknown() from None
    except PasskeyRefused as refused:
        return await _one(server, person, name, refused.sentence)
    return go(f"{server.prefix}/account/passkeys")


async def _rename(person: Person, origin: Origin, given: tuple[str, str], tx: Transaction) -> None:
    await passkeys.rename(tx, person.session, origin, given)


async def _remove(server: Server, removal: Removal) -> Response:
    authority = server.authority
    work = partial(_removing, server, removal)
    ending = await authority.store.transact(work)
    await authority.hub.catch_up()
    page = EndedPage(
        prefix=server.prefix,
        title=say("The passkey has been removed"),
        sentence=ended_sentence(ending) if ending.ended else say("Nobody signs in by it any more."),
        receipt=str(ending.position),
        back=f"{server.prefix}/account/passkeys",
        back_title=say("Back to my passkeys"),
    )
    return show(server, page)


async def _removing(server: Server, removal: Removal, tx: Transaction) -> Ending:
    return await passkeys.remove(server.authority, tx, removal)


async def _new(server: Server, person: Person, name: str, error: str | None = None) -> Response:
    form: PasskeyForm | None = None
    try:
        form = await creation_form(server, person)
    except PasskeyRefused as refused:
        error = error or refused.sentence
    page = NewPasskeyPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        passkey=form,
        name=name,
        error=error,
    )
    return show(server, page, status=400 if error else 200, script=SCRIPT)


async def _one(
    server: Server, person: Person, passkey_id: str, error: str | None = None
) -> Response:
    user = person.user

    async def find(tx: Transaction) -> tuple[Passkey, bool]:
        passkey = await passkeys.own_passkey(tx, user.id, passkey_id)
        return passkey, await has_another_way_in(tx, user, without=passkey.id)

    try:
        passkey, has_another = await server.authority.store.read(find)
    except PasskeyUnknown:
        raise _unknown() from None
    page = PasskeyPage(
        prefix=server.prefix,
        user_email=user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/account/passkeys/change/{quote(passkey.id)}",
        name=passkey.name,
        sentence=_REMOVED,
        lost_sentence=say(CONSEQUENCES[Cause.PASSKEY_LOST].sentence),
        only_way_in=not has_another,
        error=error,
    )
    return show(server, page, status=400 if error else 200)


def _row(passkey: Passkey, now: int) -> PasskeyRow:
    used = passkey.last_used_at
    return PasskeyRow(
        passkey_id=passkey.id,
        name=passkey.name,
        made=day_of(passkey.created_at),
        last_used=say("Never used")
        if used is None
        else say("Last used {when}", when=ago(used, now)),
        synced=passkey.backed_up,
        suspect=moment_of(passkey.suspect_at),
    )


def _name_for(request: Request) -> str:
    """Propose a name: the device in front of us is most often the one that keeps it."""
    return device_of(request.headers.get("user-agent", ""))


def _sign_in_first(server: Server, word: str = PASSKEYS) -> Response:
    return sign_in_first(server, Onward(next=word))


def _unknown() -> OAuthError:
    return invalid_request("There is no such passkey. It may have been removed already.")
