"""What the app's scripts may ask and do: who is signed in, and sign out."""

from counterfoil.bff.asgi import Reply, Request, TurnedAway, document
from counterfoil.bff.cookies import ASKED, BACK, cookies_in
from counterfoil.bff.own_scripts import demand_own_script
from counterfoil.bff.sessions import Session
from counterfoil.bff.setup import Setup
from counterfoil.client import HttpFailure, SignInNeeded

SIGNED_OUT = "signed_out"


async def session_of(setup: Setup, request: Request) -> Session:
    """Give the session of a request.

    Raises:
        TurnedAway: there is none; and it is said whether to try to sign in silently.
    """
    cookies = cookies_in(request)
    session = await setup.custody.find(cookies.get(setup.cookies.session, ""))
    if session is None:
        raise signed_out(setup, request)
    return session


def signed_out(setup: Setup, request: Request) -> TurnedAway:
    """Say that nobody is signed in (any more)."""
    silent = cookies_in(request).get(setup.cookies.welcome) == BACK
    sentence = "Nobody is signed in."
    return TurnedAway(401, SIGNED_OUT, sentence, signed_in=False, silent=silent)


async def show(setup: Setup, request: Request) -> Reply:
    """Say who is signed in: nothing but what a page shows.

    The marker is put right by the way: it must not say for long what is not so.
    """
    demand_own_script(request, setup.origin)
    cookies = cookies_in(request)
    marked = setup.marker is not None and setup.marker.name in cookies
    try:
        session = await session_of(setup, request)
        await _demand_alive(setup, session, request)
    except TurnedAway as turned_away:
        return turned_away.reply.with_headers(*(setup.unmarked() if marked else ()))
    told = {"sub": session.subject, "name": session.name, "email": session.email}
    known = {name: value for name, value in told.items() if value is not None}
    reply = document({"signed_in": True, **known})
    if cookies.get(setup.cookies.welcome) == ASKED:
        reply = reply.with_headers(setup.cookies.welcome_back())
    return reply if marked else reply.with_headers(*setup.marked())


async def sign_out(setup: Setup, request: Request) -> Reply:
    """End the session and its tokens; say where the person can sign out of the server as well.

    The ID token would spare them a question there, but it would pass through the browser.
    """
    demand_own_script(request, setup.origin)
    held = cookies_in(request).get(setup.cookies.session, "")
    session = await setup.custody.find(held)
    ended = await setup.custody.end(session.key) if session else True
    try:
        location = await setup.client.logout_url()
    except HttpFailure:
        location = setup.home
    reply = document({"signed_in": False, "ended_at_server": ended, "location": location})
    cookies = (setup.cookies.drop_session(), setup.cookies.ask_no_more())
    return reply.with_headers(*cookies, *setup.unmarked())


async def _demand_alive(setup: Setup, session: Session, request: Request) -> None:
    try:
        await setup.custody.tokens(session)
    except SignInNeeded:
        raise signed_out(setup, request) from None
    except TurnedAway:
        return  # who it is stays known; what they may do is for the APIs to say
