"""One operation of the admin API: what it needs, takes and answers, and how it is run."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Struct
from starlette.requests import Request

from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.server.protocol.events import Actor
from counterfoil.server.records.session import Origin
from counterfoil.server.web.gate import Admitted
from counterfoil.server.web.reading import json_of, origin_of, query_of
from counterfoil.server.web.server import Server

Q = TypeVar("Q")
B = TypeVar("B")
_LONGEST_COMPLAINT: Final = 300


class Asked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a request may say. A field that is not known is refused, not overlooked."""


class Nothing(Asked, frozen=True, forbid_unknown_fields=True):
    """An operation without parameters, or without a body."""


class Call(Struct, Generic[Q, B], frozen=True):
    """One request that was let in, read whole. ``names`` are those in the path: data, no more."""

    server: Server
    admitted: Admitted
    origin: Origin
    names: Mapping[str, str]
    query: Q
    body: B

    @property
    def by(self) -> Actor:
        """The one who acts."""
        return self.admitted.acting_from(self.origin)


class Shape(Struct, frozen=True):
    """The types of an operation: its query, its body, its answer."""

    query: type
    body: type
    answer: type


class Operation(Struct, frozen=True):
    """One row of the table, from which both the route and its description are made.

    ``scope`` is what the token must carry; ``says`` is one sentence for people.
    """

    method: str
    path: str
    scope: str
    says: str
    handler: Callable[[Call[Any, Any]], Awaitable[Any]]
    status: int = 200

    @property
    def name(self) -> str:
        """The ``operationId``."""
        return self.handler.__name__

    @property
    def shape(self) -> Shape:
        """What it takes and answers, as its handler says."""
        hints = get_type_hints(self.handler, include_extras=True)
        query, body = get_args(hints["call"])
        return Shape(query, body, hints["return"])


async def read_call(
    server: Server, request: Request, admitted: Admitted, shape: Shape
) -> Call[Any, Any]:
    """Read a request that was let in, whole.

    Raises:
        OAuthError: ``invalid_request``, saying what cannot be read.
    """
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    query = _query_of(request, shape.query)
    body = await _body_of(request, shape.body)
    return Call(server, admitted, origin, request.path_params, query, body)


def _query_of(request: Request, wanted: type) -> object:
    parameters = query_of(request)
    given = {**parameters.single, **parameters.repeated}
    try:
        return msgspec.convert(given, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise _unreadable("The query", error) from None


async def _body_of(request: Request, wanted: type) -> object:
    if wanted is Nothing:
        return Nothing()
    try:
        return msgspec.json.decode(await json_of(request), type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable("The body", error) from None


def _unreadable(part: str, error: Exception) -> OAuthError:
    """Say what is wrong and where; of a stranger's text only so much."""
    said = "".join(c if c.isprintable() else "?" for c in str(error)[:_LONGEST_COMPLAINT])
    return invalid_request(f"{part} cannot be read: {said}.")
