"""The guard as a FastAPI dependency: the token as an argument, its scopes in OpenAPI."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import fastapi.routing
from fastapi import Security
from fastapi.requests import HTTPConnection
from fastapi.security import HTTPBearer, SecurityScopes

from counterfoil.guard import starlette
from counterfoil.guard.demands import Demand, Demands, demands_of, scope_of
from counterfoil.guard.token import Token

HOW: Final = 'token: Annotated[Token, guarded("a scope")]  among its parameters'


class Guarded(starlette.Guarded):
    """Makes dependencies that give a `Token`::

        guarded = Guarded(app, guard)

        @app.get("/notes")
        def notes(token: Annotated[Token, guarded("notes:read")]): ...

    All else is as in `counterfoil.guard.starlette.Guarded`: refusals are answered alike wherever
    `Rejected` is raised, and an app with a route that declares nothing does not start.
    ``dependencies=[guarded("notes:read")]`` of a route, a router or an app declares too. FastAPI's
    own pages are opened by ``guarded.open_paths("/docs", "/openapi.json")``.
    """

    how = HOW

    def __call__(self, *said: str | Demand) -> Any:  # as fastapi.Security is declared
        """Make a dependency that demands scopes by their names, and values such as ``MaxAge(60)``.

        Raises:
            TypeError: where something is neither.
        """
        demands = demands_of(*said)
        return Security(_Bearer(self, demands), scopes=scope_of(demands).split())

    def routes_of(self, routes: Iterable[Any], prefix: str) -> Iterator[tuple[str, Any]]:
        """Give all routes, those of included routers too, and what FastAPI keeps beside them."""
        in_context = getattr(fastapi.routing, "iter_route_contexts", iter)
        yield from super().routes_of(in_context(list(routes)), prefix)

    def is_declared(self, route: Any) -> bool:
        """Whether a route says what it demands, by whatever it depends on."""
        return _depends_on_a_guard(getattr(route, "dependant", None)) or super().is_declared(route)


class _Bearer(HTTPBearer):
    def __init__(self, guarded: Guarded, demands: Demands) -> None:
        super().__init__(bearerFormat="JWT", scheme_name="counterfoil")
        self._guarded = guarded
        self._demands = demands
        self._scopes = frozenset(scope_of(demands).split())

    async def __call__(  # type: ignore[override]  # FastAPI looks at this signature, not at its base's
        self, connection: HTTPConnection, security_scopes: SecurityScopes
    ) -> Token:
        # What depends on this may demand further scopes, as FastAPI has it.
        further = [scope for scope in security_scopes.scopes if scope not in self._scopes]
        demands = (*self._demands, *demands_of(*further)) if further else self._demands
        return await self._guarded.admit(connection.scope, demands)


def _depends_on_a_guard(dependant: Any) -> bool:
    if dependant is None:
        return False
    return isinstance(dependant.call, _Bearer) or any(
        _depends_on_a_guard(each) for each in dependant.dependencies
    )
