"""Signing in: a window of the browser goes to the server and comes back (RFC 10017 §6.1).

Tokens are exchanged here, on the server; the browser gets a new handle, and no token.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from counterfoil.bff.asgi import Reply, Request, redirect
from counterfoil.bff.attempts import LIFE, Begun
from counterfoil.bff.cookies import ASKED, cookies_in
from counterfoil.bff.custody import key_of, logger
from counterfoil.bff.own_scripts import demand_navigation
from counterfoil.bff.return_to import local, with_error
from counterfoil.bff.setup import Setup
from counterfoil.client import Attempt, CacheUnusable, HttpFailure, NotTrusted, Refused
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters

NOT_BEGUN: Final = "not_begun_here"
UNREACHABLE: Final = "server_unreachable"
_QUIET: Final = frozenset(
    {"login_required", "consent_required", "interaction_required", "account_selection_required"}
)
"""What the server says where it would have to show a page (OpenID Connect Core §3.1.2.6)."""
_TOLD: Final = frozenset({"access_denied", *_QUIET, "temporarily_unavailable", "invalid_scope"})


_WORDS: Final[Mapping[type[Exception], str]] = {
    HttpFailure: UNREACHABLE,
    NotTrusted: "not_trusted",
    CacheUnusable: "token_unavailable",
}


async def begin(setup: Setup, request: Request) -> Reply:
    """Send the browser to the server; ``silent=1``: only if that needs no page there."""
    demand_navigation(request)
    asked = _parameters_in(request)
    return_to = local(asked.get("return_to"), setup.home, setup.own)
    cookies, silent = cookies_in(request), asked.get("silent") == "1"
    if silent and cookies.get(setup.cookies.welcome) == ASKED:
        return redirect(return_to)  # a page that always asks would never come to rest
    try:
        further = {"prompt": "none"} if silent else {}
        sign_in = await setup.client.begin(setup.scope, **further)
    except HttpFailure as failure:
        logger.warning("nobody can sign in: %s", failure)
        return redirect(with_error(return_to, UNREACHABLE))
    held = cookies.get(setup.cookies.session, "")
    begun = Begun(
        state=sign_in.attempt.state,
        nonce=sign_in.attempt.nonce,
        code_verifier=sign_in.attempt.code_verifier,
        began_at=int(setup.outside.clock()),
        return_to=return_to,
        silent=silent,
        before=key_of(held) if held else "",
    )
    reply = _keeping(setup, begun, cookies, redirect(_naming_apis(setup, sign_in.url)))
    return reply.with_headers(setup.cookies.ask_no_more()) if silent else reply


async def complete(setup: Setup, request: Request) -> Reply:
    """Take the browser back: the code becomes tokens, and the session gets a new id.

    Whoever did not begin here, or comes a second time, changes nothing.
    """
    demand_navigation(request)
    state = _parameters_in(request).get("state") or ""
    name = setup.cookies.attempt_of(state)
    now = setup.outside.clock()
    begun = setup.attempts.open(cookies_in(request).get(name, ""), name, now)
    if begun is None:
        return redirect(with_error(setup.home, NOT_BEGUN))
    done = redirect(begun.return_to).with_headers(setup.cookies.drop_attempt(name))
    if not await setup.custody.sessions.take(name, begun.began_at + LIFE):
        return done
    try:
        tokens = await setup.client.complete(_attempt_of(setup, begun), request.query)
        identifier = await setup.custody.open(tokens, begun.before)
    except (Refused, NotTrusted, HttpFailure, CacheUnusable) as failure:
        return _failed(setup, begun, failure).with_headers(setup.cookies.drop_attempt(name))
    # After a silent one, only once the session was seen to last (`browser_session.show`): where
    # none lasts, the page would ask for ever.
    welcome = () if begun.silent else (setup.cookies.welcome_back(),)
    return done.with_headers(setup.cookies.hold_session(identifier), *welcome, *setup.marked())


def _naming_apis(setup: Setup, url: str) -> str:
    """Ask for access to every API, in one sign-in (RFC 8707 §2.1)."""
    resources = dict.fromkeys(each.resource for each in setup.apis.values() if each.resource)
    return "&".join([url, *(urlencode({"resource": each}) for each in resources)])


def _keeping(setup: Setup, begun: Begun, cookies: dict[str, str], reply: Reply) -> Reply:
    name = setup.cookies.attempt_of(begun.state)
    sealed = setup.attempts.seal(begun, name)
    old = setup.attempts.superfluous(cookies, setup.cookies.attempts, begun.began_at)
    dropped = [setup.cookies.drop_attempt(each) for each in old]
    return reply.with_headers(*dropped, setup.cookies.hold_attempt(name, sealed, LIFE))


def _attempt_of(setup: Setup, begun: Begun) -> Attempt:
    return Attempt(
        state=begun.state,
        nonce=begun.nonce,
        code_verifier=begun.code_verifier,
        redirect_uri=setup.client.registration.redirect_uri,
        scope=setup.scope,
        resource=setup.resource,
    )


def _failed(setup: Setup, begun: Begun, failure: Exception) -> Reply:
    """Go where the person wanted to go; the page there tells them. A silent try stays silent."""
    if isinstance(failure, Refused):
        if begun.silent and failure.error in _QUIET:
            return redirect(begun.return_to)
        error = failure.error if failure.error in _TOLD else "refused"
    else:
        error = next(word for kind, word in _WORDS.items() if isinstance(failure, kind))
    logger.warning("a sign-in failed: %r", failure)  # what came by the browser stays one line
    return redirect(with_error(begun.return_to, error))


def _parameters_in(request: Request) -> Parameters:
    try:
        return Parameters.parse(request.query)
    except OAuthError:
        return Parameters({}, {})
