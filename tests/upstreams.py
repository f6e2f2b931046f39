"""Providers to sign in at, on real ports: one that speaks OpenID Connect, one shaped like GitHub.

Each answers at once for whoever is ``person`` there, and lies where a test tells it to.
"""

import asyncio
import hashlib
import json
import secrets
import socket
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote_plus, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from counterfoil.jose import jwt
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth import pkce

CLIENT_ID, CLIENT_SECRET = "us", "a secret of ours, there: +%"


class Upstream:
    """An OpenID Provider. ``claims`` are put over those of the ID token; ``None`` leaves one out.

    ``spoilt`` is given the token and gives another in its place. ``meanwhile`` is awaited within a
    refresh. ``asked`` are the authentication
    requests that came, ``fetched`` counts the requests of each path.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.issuer = ""
        self.clock = clock
        self.key = PrivateKey.generate("ES256")
        self.person: dict[str, Any] = {}
        self.auth_time: int | None = None
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.answer: dict[str, str | None] = {}
        self.spoilt: Callable[[str], str] = lambda token: token
        self.asked: list[dict[str, str]] = []
        self.fetched: dict[str, int] = {}
        self.revoked: list[str] = []
        self.refreshes = 0
        self.lose_answers = 0
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self.jwks: dict[str, Any] | None = None
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: dict[str, dict[str, Any]] = {}
        self._refreshable: set[str] = set()

    def sign_in(self, subject: str, **claims: Any) -> None:
        """Somebody is there, and signed in at this very moment."""
        self.person = {"sub": subject, **claims}
        self.auth_time = int(self.clock())

    def forget(self) -> None:
        """No refresh token is good any more."""
        self._refreshable.clear()

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid-configuration", self._counted(self._metadata)),
            Route("/authorize", self._counted(self._authorize)),
            Route("/jwks", self._counted(self._jwks)),
            Route("/token", self._counted(self._token), methods=["POST"]),
            Route("/userinfo", self._counted(self._userinfo)),
            Route("/revoke", self._counted(self._revoke), methods=["POST"]),
        ]

    def _counted(
        self, handler: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def counted(request: Request) -> Response:
            path = request.url.path
            self.fetched[path] = self.fetched.get(path, 0) + 1
            return await handler(request)

        return counted

    async def _metadata(self, _: Request) -> Response:
        names = ("token", "userinfo", "revocation")
        paths = {"revocation": "revoke"}
        document = {f"{name}_endpoint": f"{self.issuer}/{paths.get(name, name)}" for name in names}
        document |= {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "jwks_uri": f"{self.issuer}/jwks",
            "authorization_response_iss_parameter_supported": True,
        }
        return JSONResponse(document | self.metadata)

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse(self.jwks or {"keys": [self.key.public.as_jwk()]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.asked.append(asked)
        back: dict[str, str | None] = {"state": asked["state"], "iss": self.issuer}
        if not self.person and asked.get("prompt") == "none":
            back["error"] = "login_required"
        else:
            if asked.get("prompt") == "login":
                self.auth_time = int(self.clock())
            back["code"] = secrets.token_urlsafe(16)
            self._codes[str(back["code"])] = asked
        back |= self.answer
        query = urlencode({name: value for name, value in back.items() if value is not None})
        return RedirectResponse(f"{asked['redirect_uri']}?{query}", 302)

    async def _token(self, request: Request) -> Response:
        form = dict(await request.form())
        if not self._is_us(request, form):
            return JSONResponse({"error": "invalid_client"}, 401)
        if form["grant_type"] == "refresh_token":
            if self.meanwhile is not None:
                await self.meanwhile()
            return self._refreshed(str(form["refresh_token"]))
        asked = self._codes.pop(str(form["code"]), None)
        if (
            asked is None
            or asked["redirect_uri"] != form["redirect_uri"]
            or asked["code_challenge"] != pkce.challenge_of(str(form["code_verifier"]))
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        given = self._given()
        return JSONResponse(given | {"id_token": self._id_token(asked, given["access_token"])})

    def _is_us(self, request: Request, form: dict[str, Any]) -> bool:
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            client_id, _, secret = b64decode(pair).decode().partition(":")
            shown = unquote_plus(client_id), unquote_plus(secret)
        else:
            shown = str(form.get("client_id")), str(form.get("client_secret"))
        return shown == (CLIENT_ID, CLIENT_SECRET)

    def _given(self) -> dict[str, Any]:
        access, refresh = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self._tokens[access] = dict(self.person)
        self._refreshable.add(refresh)
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": 300,
            "refresh_token": refresh,
        }

    def _refreshed(self, refresh: str) -> Response:
        self.refreshes += 1
        if self.lose_answers:
            self.lose_answers -= 1
            return Response("lost", 502)
        if refresh not in self._refreshable:
            return JSONResponse({"error": "invalid_grant"}, 400)
        self._refreshable.discard(refresh)
        return JSONResponse(self._given())

    def _id_token(self, asked: dict[str, str], access_token: str) -> str:
        digest = hashlib.sha256(access_token.encode()).digest()[:16]
        now = int(self.clock())
        claims = {
            "iss": self.issuer,
            "aud": asked["client_id"],
            "iat": now,
            "exp": now + 300,
            "nonce": asked.get("nonce"),
            "auth_time": self.auth_time,
            "at_hash": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            **self.person,
            **self.claims,
        }
        told = {name: value for name, value in claims.items() if value is not None}
        return self.spoilt(jwt.sign(told, self.key, "JWT"))

    async def _userinfo(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        person = self._tokens.get(token)
        return JSONResponse(person or {"error": "invalid_token"}, 200 if person else 401)

    async def _revoke(self, request: Request) -> Response:
        form = dict(await request.form())
        self.revoked.append(str(form["token"]))
        self._refreshable.discard(str(form["token"]))
        return Response(status_code=200 if self._is_us(request, form) else 401)


class GitHub(Upstream):
    """A server with the addresses of a GitHub: ``emails`` is what it knows of its person."""

    emails: list[dict[str, Any]]

    def routes(self) -> list[Route]:
        return [
            Route("/login/oauth/authorize", self._counted(self._authorize)),
            Route("/login/oauth/access_token", self._counted(self._token), methods=["POST"]),
            Route("/api/v3/user", self._counted(self._userinfo)),
            Route("/api/v3/user/emails", self._counted(self._emails)),
        ]

    def _id_token(self, asked: dict[str, str], access_token: str) -> str:
        return ""

    async def _emails(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        known = token in self._tokens
        return Response(
            json.dumps(self.emails if known else {}),
            200 if known else 401,
            media_type="application/json",
        )


@asynccontextmanager
async def upstream(kind: type[Upstream], clock: Callable[[], float]) -> AsyncIterator[Any]:
    """One of them, on a port of its own."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        it = kind(clock)
        it.issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(Starlette(routes=it.routes()), log_level="critical", lifespan="off")
        running = uvicorn.Server(config)
        task = asyncio.create_task(running.serve([listening]))
        try:
            yield it
        finally:
            running.should_exit = True
            await task
