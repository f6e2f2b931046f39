"""My account, security: by what the person proves who they are, a row for each."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.pages import linked, mailed_code_choice, passkeys
from counterfoil.server.pages.account_views import SecurityPage, SecurityRow
from counterfoil.server.pages.factors import authenticator, recovery_codes
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.web.browser import go, person_of, show
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.server import Server

Section = Callable[[Transaction, User], Awaitable[SecurityRow | None]]
"""Says in the reading transaction of the page how one thing stands with a person.

``None``: there is nothing to be said of it.
"""


async def password(_: Transaction, user: User) -> SecurityRow:
    """Say whether there is one."""
    has_one = user.has_password
    return SecurityRow(
        title=say("Password"),
        state=say("You sign in with a password.") if has_one else say("You have no password."),
        path="password",
        verb=say("Change your password") if has_one else say("Choose a password"),
    )


SECTIONS: Final[tuple[Section, ...]] = (
    password,
    passkeys.section,
    authenticator,
    recovery_codes,
    linked.section,
)
"""What stands on the page, in this order; codes by mail come last, where there are any."""


async def security(server: Server, request: Request) -> Response:
    """``GET /account/security``."""
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    user = person.user

    async def read(tx: Transaction) -> tuple[SecurityRow, ...]:
        sections = (*SECTIONS, mailed_code_choice.section_in(server.authority.settings))
        rows = [await section(tx, user) for section in sections]
        return tuple(row for row in rows if row is not None)

    page = SecurityPage(
        prefix=server.prefix,
        user_email=user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        rows=await server.authority.store.read(read),
    )
    return show(server, page)
