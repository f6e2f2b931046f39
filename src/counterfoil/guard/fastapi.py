"""The guard as a FastAPI dependency: the token as an argument, its scopes in OpenAPI."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, Response, Security
from fastapi.security import HTTPBearer, SecurityScopes

from counterfoil.guard.asgi import LOCAL_PROXY, TOKEN, challenge_of, headers_of, token_of
from counterfoil.guard.guard import Guard
from counterfoil.guard.token import Rejected, Token
from counterfoil.guard.transport import Transport


class Guarded:
    """Makes dependencies that give a `Token`::

        guarded = Guarded(app, guard)

        @app.get("/notes")
        def notes(token: Annotated[Token, guarded("notes:read")]): ...

    Refusals are answered as the middleware answers them, also those of ``token.require`` in an
    endpoint. The guard starts with the first request, unless it was started before.
    """

    def __init__(
        self,
        app: FastAPI,
        guard: Guard,
        *,
        realm: str = "",
        proxies: Sequence[str] = LOCAL_PROXY,
    ) -> None:
        self._guard = guard
        self._realm = realm
        self._dependency = _Bearer(guard, Transport(proxies))
        app.add_exception_handler(Rejected, self._answer)

    def __call__(self, *scopes: str) -> Any:  # as fastapi.Security is declared
        """A dependency that demands these scopes."""
        return Security(self._dependency, scopes=scopes)

    def _answer(self, _request: Request, error: Exception) -> Response:
        if not isinstance(error, Rejected):
            raise error
        challenge = challenge_of(error, self._realm)
        return Response(challenge.body, challenge.status, headers_of(challenge))


class _Bearer(HTTPBearer):
    def __init__(self, guard: Guard, transport: Transport) -> None:
        super().__init__(bearerFormat="JWT", scheme_name="counterfoil")
        self._guard = guard
        self._transport = transport

    async def __call__(  # type: ignore[override]  # FastAPI looks at this signature, not at its base's
        self, request: Request, security_scopes: SecurityScopes
    ) -> Token:
        token = request.scope.get(TOKEN)
        if not isinstance(token, Token):
            token = await token_of(self._guard, self._transport, request.scope)
        token.require(*security_scopes.scopes)
        return token
