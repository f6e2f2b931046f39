"""Who is to show a second factor: half a sign-in of this browser, or whoever is signed in at it."""

from functools import partial
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.identity.half_sign_in import LIFETIME, HalfSignIn, seal, unseal
from counterfoil.server.records.second_factor import Factors
from counterfoil.server.records.session import Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.web.browser import Browser, person_in, session_named
from counterfoil.server.web.server import Server

SECOND_FACTOR_PATH: Final = "sign-in/second-factor"
AUTHENTICATOR_PATH: Final = "sign-in/authenticator"
MAILED_CODE_PATH: Final = "sign-in/mailed-code"


class Halfway(Struct, frozen=True):
    """Somebody who has shown something: by ``half`` a sign-in, or, without one, a ``session``."""

    user: User
    factors: Factors
    half: HalfSignIn | None
    session: Session | None

    @property
    def amr(self) -> tuple[str, ...]:
        """What they have shown."""
        if self.half is not None:
            return self.half.amr
        return self.session.amr if self.session is not None else ()


def keep_half(server: Server, browser: Browser, half: HalfSignIn, response: Response) -> None:
    """Give a browser half a sign-in."""
    sealed = seal(server.authority.pending, half, browser.name)
    server.cookies.set_half(response, sealed, LIFETIME)


def half_in(server: Server, request: Request, browser: Browser) -> HalfSignIn | None:
    """Open half a sign-in that this browser brings; whether it is still good is not looked at."""
    sealed = server.cookies.half_of(request)
    return unseal(server.authority.pending, sealed, browser.name) if sealed else None


async def halfway_of(server: Server, request: Request, browser: Browser) -> Halfway | None:
    """Find who is to show a second factor at this browser.

    Half a sign-in comes first: it is what was done last.
    """
    half = half_in(server, request, browser)
    return await server.authority.store.read(partial(_find, server, request, half))


async def _find(
    server: Server, request: Request, half: HalfSignIn | None, tx: Transaction
) -> Halfway | None:
    person = await person_in(server, session_named(server, request), tx)
    session = person.session if person else None
    user = await tx.users.find(half.user_id) if half else None
    if half is not None and user is not None and half.is_good(user, tx.now):
        return Halfway(user, await tx.second_factors.of_user(user.id), half, session)
    if person is None:
        return None
    factors = await tx.second_factors.of_user(person.user.id)
    return Halfway(person.user, factors, None, session)
