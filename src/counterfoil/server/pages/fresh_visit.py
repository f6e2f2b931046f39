"""Who comes to a page that asks for a fresh sign-in; others sign in first, and come back (S105)."""

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.parameters import Parameters
from counterfoil.server.pages.onward import Onward, sign_in_first
from counterfoil.server.web.browser import Person, person_of
from counterfoil.server.web.csrf import demand_own_form
from counterfoil.server.web.fresh import signed_in_just_now
from counterfoil.server.web.reading import form_of
from counterfoil.server.web.server import Server


class Sent(Struct, frozen=True):
    """A form of ours, and who sent it: somebody who signed in just now."""

    person: Person
    form: Parameters


async def fresh_person(server: Server, request: Request, onward: Onward) -> Person | Response:
    """Find who asks for the page to which ``onward`` leads; or say where they go instead."""
    person = await person_of(server, request)
    if person is None or not await signed_in_just_now(server, person):
        return sign_in_first(server, onward)
    return person


async def fresh_form(server: Server, request: Request, onward: Onward) -> Sent | Response:
    """Read what somebody sends from that page; or say where they go first.

    Raises:
        OAuthError: ``access_denied``: the form is not ours, or not theirs.
    """
    form = await form_of(request)
    person = await person_of(server, request)
    if person is None:
        return sign_in_first(server, onward)
    demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    if not await signed_in_just_now(server, person):
        return sign_in_first(server, onward)
    return Sent(person, form)
