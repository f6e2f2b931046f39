"""Tokens for the calls that are made with requests, which is known here by its shape alone."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from counterfoil.client.call import Call, Calls
from counterfoil.client.tokens import Tokens


class _Prepared(Protocol):
    """A ``requests.PreparedRequest``."""

    method: Any
    url: Any
    headers: Any
    body: Any

    def register_hook(self, event: Any, hook: Any) -> None: ...

    def copy(self) -> "_Prepared": ...


class _Response(Protocol):
    """A ``requests.Response``."""

    status_code: Any
    headers: Mapping[str, str]
    request: Any
    connection: Any
    history: list[Any]

    @property
    def content(self) -> Any: ...

    def close(self) -> None: ...


class RequestsAuth:
    """For ``requests.get(..., auth=...)``. ``tokens`` gives others than those refused."""

    def __init__(self, calls: Calls, tokens: Callable[[str], Tokens]) -> None:
        self._calls = calls
        self._tokens = tokens

    def __call__(self, request: _Prepared) -> _Prepared:
        """Attach the token, and stay to hear the answer."""
        may_repeat = request.body is None or isinstance(request.body, bytes | str)
        call = self._calls.call(str(request.url), may_repeat=may_repeat)
        self._attach(call, request)

        def heard(response: _Response, **options: Any) -> _Response:
            return self._heard(call, response, options)

        request.register_hook("response", heard)
        return request

    def _attach(self, call: Call, request: _Prepared) -> None:
        tokens = self._tokens(call.refused)
        request.headers.update(call.headers(tokens, str(request.method)))

    def _heard(self, call: Call, response: _Response, options: dict[str, Any]) -> _Response:
        """Send it once more where that mends it. A redirected request comes by here too."""
        while call.heard(str(response.request.url), response.status_code, response.headers):
            response.content  # noqa: B018 - reading it frees the connection
            response.close()
            again = response.request.copy()
            self._attach(call, again)
            following: _Response = response.connection.send(again, **options)
            following.history.append(response)
            following.request = again
            response = following
        return response
