"""The guard as a FastAPI dependency: the token as an argument, its scopes in OpenAPI."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI, Request, Response, Security
from fastapi.security import HTTPBearer, SecurityScopes

from counterfoil.guard.asgi import TOKEN, request_of
from counterfoil.guard.gate import LOCAL_PROXY, Gate
from counterfoil.guard.guard import Guard
from counterfoil.guard.token import Rejected, Token

_CHECKED: Final = "counterfoil.checked"
"""Where the guard and the `Token` that it let pass stand in the scope."""


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
        self._gate = Gate(guard, realm=realm, proxies=proxies)
        self._dependency = _Bearer(self._gate)
        app.add_exception_handler(Rejected, self._answer)

    def __call__(self, *scopes: str) -> Any:  # as fastapi.Security is declared
        """A dependency that demands these scopes."""
        return Security(self._dependency, scopes=scopes)

    def _answer(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, Rejected):
            raise error
        refusal = self._gate.refusal(error, request_of(request.scope))
        return Response(refusal.body, refusal.status, refusal.headers)


class _Bearer(HTTPBearer):
    def __init__(self, gate: Gate) -> None:
        super().__init__(bearerFormat="JWT", scheme_name="counterfoil")
        self._gate = gate

    async def __call__(  # type: ignore[override]  # FastAPI looks at this signature, not at its base's
        self, request: Request, response: Response, security_scopes: SecurityScopes
    ) -> Token:
        token = request.scope.get(TOKEN)
        if not isinstance(token, Token):
            token = await self._checked(request)
            read = request_of(request.scope)
            response.headers.update(self._gate.further_headers(read, response.headers.get))
        token.require(*security_scopes.scopes)
        return token

    async def _checked(self, request: Request) -> Token:
        """Check once for each request: a proof is used up, and dependencies may come twice."""
        guard, checked = request.scope.get(_CHECKED, (None, None))
        if guard is self._gate.guard and isinstance(checked, Token):
            return checked
        token = await self._gate.admit(request_of(request.scope))
        request.scope[_CHECKED] = self._gate.guard, token
        return token
