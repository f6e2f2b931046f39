"""A web app that signs people in with Counterfoil and shows them their notes.

The authorization code flow with a confidential client: tokens stay on this server, the browser
holds an opaque cookie.
"""

import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from counterfoil.client import (
    AsyncClient,
    AsyncHolder,
    HttpFailure,
    NotTrusted,
    Outside,
    Refused,
    SignInNeeded,
    Tokens,
)

from .notes import NotesApi, Refusal
from .pages import HERE, Pages
from .sessions import Session, Sessions

SCOPE = "openid email notes:read notes:write"
LONGEST_FORM = 10_000
T = TypeVar("T")


@dataclass(frozen=True)
class Setup:
    """Where everything is, and who the app is there."""

    issuer: str
    client_id: str
    client_secret: str
    origin: str
    api_url: str


class NotesWeb:
    """The app: sign in, read, write, sign out."""

    def __init__(self, setup: Setup, clock: Callable[[], float]) -> None:
        self._origin = setup.origin
        self._client = AsyncClient(
            setup.issuer,
            setup.client_id,
            setup.client_secret,
            redirect_uri=f"{setup.origin}/callback",
            post_logout_redirect_uri=f"{setup.origin}/",
            outside=Outside(clock=clock),
        )
        self._api = NotesApi(setup.api_url)
        self._sessions = Sessions(secure=self._origin.startswith("https:"))
        self._pages = Pages(setup.issuer)

    @asynccontextmanager
    async def running(self, _: Starlette) -> AsyncIterator[None]:
        """Close the connections at the end."""
        yield
        await self._client.aclose()
        await self._api.aclose()

    async def home(self, request: Request) -> Response:
        """The notes of who is signed in."""
        session = self._sessions.of(request)
        if session is None or session.held is None:
            return self._pages.show("welcome", email=None)
        try:
            scopes = (await self._fresh(session.held)).scopes
            if not scopes & {"notes:read", "notes:write"}:
                return self._pages.show("nothing", email=_email(session))
            notes = await self._with_token(session.held, self._api.read)
        except Refusal as refusal:
            return self._refused(session, refusal)
        may_write = "notes:write" in scopes
        return self._pages.show("notes", email=_email(session), notes=notes, may_write=may_write)

    async def add(self, request: Request) -> Response:
        """Add a note."""
        session = self._sessions.of(request)
        if session is None or session.held is None:
            return _go("/")
        body = await request.body()
        if not self._is_own(request) or len(body) > LONGEST_FORM:
            return PlainTextResponse("This form came from somewhere else.\n", 403)
        text = parse_qs(body.decode("utf-8", "replace")).get("text", [""])[0]
        try:
            await self._with_token(session.held, lambda token: self._api.write(token, text))
        except Refusal as refusal:
            return self._refused(session, refusal)
        return _go("/")

    async def sign_in(self, request: Request) -> Response:
        """Send the browser to the server; ``?again`` has it ask for every permission anew."""
        further = {"prompt": "consent"} if "again" in request.query_params else {}
        try:
            begun = await self._client.begin(SCOPE, **further)
        except HttpFailure as failure:
            return self._failed(503, "The sign-in server cannot be reached.", failure)
        response = RedirectResponse(begun.url, 303)
        before = self._sessions.of(request)
        kept = Session(begun.attempt)
        if before is not None:
            kept.held, kept.identity = before.held, before.identity
        self._sessions.begin(request, response, kept)
        return response

    async def callback(self, request: Request) -> Response:
        """The browser is back: the code becomes tokens, and the session gets a new name."""
        session = self._sessions.of(request)
        if session is None or session.attempt is None:
            return _go("/")
        attempt, session.attempt = session.attempt, None
        try:
            tokens = await self._client.complete(attempt, request.url.query)
        except Refused as refused:
            return _go("/") if session.held else self._not_signed_in(refused)
        except NotTrusted as not_trusted:
            return self._failed(400, "This sign-in cannot be trusted.", not_trusted)
        except HttpFailure as failure:
            return self._failed(503, "The sign-in server cannot be reached.", failure)
        await self._give_back(session.held)
        held = self._client.holder(SCOPE, subject=secrets.token_urlsafe())
        await held.take(tokens)
        response = _go("/")
        self._sessions.begin(request, response, Session(held=held, identity=tokens.identity))
        return response

    async def _give_back(self, held: AsyncHolder | None) -> None:
        """End tokens that are not needed any more: what nobody holds, nobody can lose."""
        if held is not None:
            with suppress(HttpFailure, Refused):
                await held.end()

    async def sign_out(self, request: Request) -> Response:
        """Forget the tokens, and have the server end its session too."""
        session = self._sessions.of(request)
        if not self._is_own(request):
            return PlainTextResponse("This form came from somewhere else.\n", 403)
        try:
            tokens = await self._fresh(session.held) if session and session.held else None
            response = _go(await self._client.logout_url(tokens))
        except (HttpFailure, Refusal):
            response = _go("/")
        await self._give_back(session.held if session else None)
        self._sessions.end(request, response)
        return response

    async def health(self, _: Request) -> Response:
        """For whoever waits for this app."""
        return PlainTextResponse("ok\n")

    async def _with_token(self, held: AsyncHolder, call: Callable[[str], Awaitable[T]]) -> T:
        """Call the API; where the access token has ended, try once more with a fresh one."""
        tokens = await self._fresh(held)
        try:
            return await call(tokens.access_token)
        except Refusal as refusal:
            if refusal.status != 401:
                raise
            try:
                tokens = await self._fresh(held, tokens.access_token)
            except Refusal:
                raise refusal from None
            return await call(tokens.access_token)

    async def _fresh(self, held: AsyncHolder, refused: str = "") -> Tokens:
        """Give tokens that are good, and not the one that was refused."""
        try:
            return await held.tokens(refused=refused)
        except SignInNeeded as error:
            raise Refusal(401, "invalid_grant", str(error)) from None
        except Refused as error:
            raise Refusal(401, error.error, error.description) from None
        except HttpFailure:
            raise Refusal(503, "unreachable", "The sign-in server cannot be reached.") from None

    def _refused(self, session: Session, refusal: Refusal) -> Response:
        email = _email(session)
        if refusal.status == 401:
            session.held = session.identity = None
        return self._pages.show("refused", refusal.status, email=email, refusal=refusal)

    def _not_signed_in(self, refused: Refused) -> Response:
        if refused.error == "access_denied":
            return self._pages.show("denied", email=None)
        return self._failed(400, "The sign-in server said no.", refused)

    def _failed(self, status: int, sentence: str, why: Exception) -> Response:
        return self._pages.show("failed", status, email=None, sentence=sentence, why=str(why))

    def _is_own(self, request: Request) -> bool:
        """Whether a form was sent by a page of this app: every browser says where from."""
        return request.headers.get("origin") == self._origin


def _email(session: Session) -> str | None:
    identity = session.identity
    return (identity.email or identity.subject) if identity else None


def _go(url: str) -> Response:
    return RedirectResponse(url, 303, headers={"Cache-Control": "no-store"})


def notes_web(setup: Setup, clock: Callable[[], float]) -> Starlette:
    """The app with its routes."""
    app = NotesWeb(setup, clock)
    return Starlette(
        routes=[
            Route("/", app.home),
            Route("/notes", app.add, methods=["POST"]),
            Route("/sign-in", app.sign_in),
            Route("/callback", app.callback),
            Route("/sign-out", app.sign_out, methods=["POST"]),
            Route("/health", app.health),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        lifespan=app.running,
    )


def from_environment() -> Starlette:
    """For ``uvicorn --factory``."""
    setup = Setup(
        issuer=os.environ["NOTES_ISSUER"],
        client_id=os.environ["NOTES_CLIENT_ID"],
        client_secret=os.environ["NOTES_CLIENT_SECRET"],
        origin=os.environ["NOTES_WEB_URL"],
        api_url=os.environ["NOTES_API_URL"],
    )
    return notes_web(setup, time.time)
