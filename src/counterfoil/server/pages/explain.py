"""Why a token is refused: a page for one's own tokens, and one for administrators (S109, S48).

What is pasted comes by POST, and goes nowhere: not into the answer, an address, the log or a row.
"""

from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.pages.admin.views import AdminExplainPage
from counterfoil.server.pages.views import CheckRow, Explained, ExplainingPage, ExplainPage
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.explain import explain, explain_to
from counterfoil.server.protocol.explaining.explanation import Explanation, Outcome, Verdict, at
from counterfoil.server.records.sentence import say
from counterfoil.server.web.browser import Person, go, person_of, show
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.reading import form_of
from counterfoil.server.web.server import Server

VERDICTS: Final = MappingProxyType(
    {
        Verdict.STANDS: say("The token stands"),
        Verdict.REFUSED: say("The token is refused"),
        Verdict.UNKNOWN: say("Not known"),
        Verdict.SECRET: say("This is a secret"),
    }
)
CHECKS: Final = (
    "actor", "algorithm", "api tokens", "audience", "authorization", "begin", "binding", "claims",
    "client", "client tokens", "encryption", "ended", "expiry", "family", "issuer", "key",
    "networks", "parent", "permission", "person", "record", "registry", "session", "signature",
    "signing key", "spelling", "the rest", "token", "type", "use", "uses",
)  # fmt: skip
"""What checks are called, with spaces, as catalogues know them."""
OUTCOMES: Final = MappingProxyType(
    {
        Outcome.PASSED: say("passed"),
        Outcome.FAILED: say("failed"),
        Outcome.UNKNOWN: say("not known"),
    }
)
Find = Callable[[Authority, str, Person], Awaitable[Explanation]]


class _Desk(Struct, frozen=True):
    """Where the question is asked: its path, and what may be asked there."""

    path: str
    page: type[ExplainingPage]
    whose: str
    names_actors: bool


ACCOUNT: Final = _Desk("/account/explain", ExplainPage, say("a token of yours"), names_actors=False)
ADMIN: Final = _Desk(
    "/admin/explain", AdminExplainPage, "any token of this server", names_actors=True
)


async def account_ask(server: Server, request: Request) -> Response:
    """``GET /account/explain``."""
    person = await person_of(server, request)
    return _page(server, person, ACCOUNT) if person else go(f"{server.prefix}/sign-in")


async def account_answer(server: Server, request: Request) -> Response:
    """``POST /account/explain``: of one's own tokens; all others look unknown."""
    pasted, person = await _pasted(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    found = await explain_to(server.authority, pasted, person.user.id)
    return _page(server, person, ACCOUNT, found)


async def admin_ask(server: Server, person: Person) -> Response:
    """``GET /admin/explain``; that an administrator asks has been seen to."""
    return _page(server, person, ADMIN)


async def admin_answer(server: Server, request: Request, person: Person) -> Response:
    """``POST /admin/explain``: of any token; that an administrator asks has been seen to."""
    form = await form_of(request)
    demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    return _page(server, person, ADMIN, await explain(server.authority, form.get("token") or ""))


async def _pasted(server: Server, request: Request) -> tuple[str, Person | None]:
    form = await form_of(request)
    person = await person_of(server, request)
    if person is not None:
        demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    return form.get("token") or "", person


def _page(
    server: Server, person: Person, desk: _Desk, found: Explanation | None = None
) -> Response:
    page = desk.page(
        prefix=server.prefix,
        action=f"{server.prefix}{desk.path}",
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        user_email=person.user.email,
        whose=desk.whose,
        explained=_explained(found, person, desk) if found else None,
    )
    return show(server, page)


def _explained(found: Explanation, person: Person, desk: _Desk) -> Explained:
    by = found.by if desk.names_actors else _in_words(found.by, person)
    facts = {
        say("Fingerprint"): found.fingerprint,
        say("Reason"): found.reason.value if found.reason else "",
        say("Decided by"): _check(found.decided_by),
        say("Since"): at(found.since) if found.since else "",
        say("By"): by or "",
    }
    return Explained(
        verdict=VERDICTS[found.verdict],
        sentence=found.sentence,
        facts=tuple((name, value) for name, value in facts.items() if value),
        checks=tuple(
            CheckRow(
                check=_check(step.check),
                outcome=OUTCOMES[step.outcome],
                sentence=step.sentence,
            )
            for step in found.steps
        ),
    )


def _check(name: str) -> str:
    return say(name.replace("_", " ")) if name else ""


def _in_words(actor: str | None, person: Person) -> str | None:
    """Name who acted, to a person: nobody learns an administrator's name here."""
    if actor is None:
        return None
    if actor == f"user:{person.user.id}":
        return say("you")
    return (
        say("the app") if actor.startswith("client:") else say("the administrators of this server")
    )
