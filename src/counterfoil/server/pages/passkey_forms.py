"""The forms that ask for a passkey: in signing in, as a second factor, and to make one (S76)."""

from typing import Final, TypeAlias

from counterfoil.oauth.acr import SINGLE
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity import passkeys
from counterfoil.server.identity.ceremony import Answer, Holder, Purpose
from counterfoil.server.identity.passkey_proof import Fresh, Question, ask_anybody, ask_person
from counterfoil.server.identity.second_passkey import holder_of
from counterfoil.server.identity.webauthn import CHALLENGE_BYTES, USER_HANDLE_BYTES
from counterfoil.server.pages.halves import SECOND_FACTOR_PATH, Halfway
from counterfoil.server.pages.passkey_views import PasskeyForm
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.protocol.second_factor_policy import adds_key
from counterfoil.server.web.browser import Browser, Person
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.server import Server

SCRIPT: Final = "passkeys.js"
"""The static file that a page with one of these forms is shown with."""

Fields: TypeAlias = tuple[tuple[str, str], ...]


def fresh(server: Server) -> Fresh:
    """Draw a challenge, and a handle should one be needed."""
    handle = server.random(USER_HANDLE_BYTES)
    return Fresh(server.random(CHALLENGE_BYTES), int(server.clock()), handle)


def answer_in(form: Parameters) -> Answer:
    """Read what a form brings back."""
    return Answer(form.get("ceremony") or "", form.get("credential") or "")


def sign_in_form(
    server: Server, browser: Browser, pending: Pending | None, fields: Fields
) -> PasskeyForm | None:
    """Ask for anybody's passkey; ``None`` where this server can have none.

    Where the app demands more than one factor, the device must ask for the person itself.
    """
    least = pending.least_acr if pending is not None else None
    holder = Holder(Purpose.SIGN_IN, browser.name)
    must_verify = least not in {None, SINGLE}
    question = ask_anybody(server.authority, holder, fresh(server), must_verify=must_verify)
    if question is None:
        return None
    action = f"{server.prefix}/sign-in/passkey"
    return _form(server, browser.name, question, action, fields)


async def second_form(
    server: Server, browser: Browser, halfway: Halfway, fields: Fields
) -> PasskeyForm | None:
    """Ask for a passkey of somebody who has shown their password; ``None``: it would add nothing.

    Its answer is good for this browser, and for this half of a sign-in or session.
    """
    if not adds_key(halfway.factors, halfway.amr):
        return None
    holder = holder_of(browser.name, halfway.half, halfway.session)
    question = await ask_person(server.authority, holder, fresh(server), halfway.user.id)
    action = f"{server.prefix}/{SECOND_FACTOR_PATH}/passkey"
    return _form(server, browser.name, question, action, fields) if question else None


async def creation_form(server: Server, person: Person) -> PasskeyForm:
    """Ask the browser to make a passkey.

    Raises:
        PasskeyRefused: there can be none, or no more.
    """
    question = await passkeys.begin(server.authority, person.user, person.session, fresh(server))
    return PasskeyForm(
        action=f"{server.prefix}/account/passkeys/new",
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        ceremony=question.sealed,
        options=question.options,
        kind="create",
    )


def _form(
    server: Server, holder: str, question: Question, action: str, fields: Fields
) -> PasskeyForm:
    return PasskeyForm(
        action=action,
        csrf=csrf_token(server.authority.keys.csrf, holder),
        ceremony=question.sealed,
        options=question.options,
        kind="get",
        fields=fields,
    )
