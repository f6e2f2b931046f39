"""One kept-alive connection with a cookie jar: enough of a browser, and of an app, to set up."""

import http.client
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

_FORM: Final = "application/x-www-form-urlencoded"


class Answer(Struct, frozen=True):
    """An HTTP answer, read to its end."""

    status: int
    location: str
    body: str


class HttpSession:
    """Speaks to one server."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._cookies: dict[str, str] = {}

    @property
    def cookie(self) -> str:
        """The ``Cookie`` header."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def take_cookie(self, cookie: str) -> None:
        """Keep a cookie that somebody else was given, as ``name=value``."""
        name, _, value = cookie.partition("=")
        self._keep(name, value)

    def get(self, path: str, cookie: str = "") -> Answer:
        """Ask for a page, with our own cookies or with others."""
        return self._exchange("GET", path, None, {"Cookie": cookie} if cookie else {})

    def post(
        self, path: str, form: list[tuple[str, str]], authorization: str | None = None
    ) -> Answer:
        """Send a form."""
        headers = {"Content-Type": _FORM}
        if authorization is not None:
            headers["Authorization"] = authorization
        return self._exchange("POST", path, urlencode(form), headers)

    def _exchange(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> Answer:
        if self._cookies and not headers.keys() & {"Authorization", "Cookie"}:
            headers["Cookie"] = self.cookie
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        for value in response.headers.get_all("set-cookie") or ():
            for name, morsel in SimpleCookie(value).items():
                self._keep(name, morsel.value)
        return Answer(response.status, response.headers.get("location", ""), text)

    def _keep(self, name: str, value: str) -> None:
        self._cookies.pop(name, None)
        if value:  # a cookie that is taken away comes without one
            self._cookies[name] = value

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
