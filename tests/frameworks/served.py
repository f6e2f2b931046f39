"""The same API in every framework, guarded alike, and what a test asks of it."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import MappingProxyType
from typing import Any

import httpx2
from msgspec import Struct

from counterfoil.oauth.feed import Position
from tests.frameworks.apps import (
    django_project,
    fastapi_app,
    litestar_app,
    plain,
    starlette_app,
)
from tests.frameworks.apps.guards import guard_for
from tests.frameworks.serving import client, under_gunicorn, under_uvicorn, wait_until_heard
from tests.guard.issuer import TinyIssuer
from tests.proofs import Holder

OWN_TO_A_SERVER = {"date", "server", "connection", "transfer-encoding", "x-request-id"}
NAMED = re.compile(rb'"request_id":"[^"]+"')


class Framework(Struct, frozen=True):
    """How an app is served, below which path, and what it has."""

    serve: Callable[[str], AbstractContextManager[str]]
    prefix: str = ""
    declares: bool = True
    has_sockets: bool = False


def asgi(build: Callable[..., Any]) -> Callable[[str], AbstractContextManager[str]]:
    return lambda issuer: under_uvicorn(build(guard_for(issuer)))


def wsgi(module: str, factory: str, *options: str) -> Any:
    target = f"tests.frameworks.apps.{module}:{factory}()"
    return lambda issuer: under_gunicorn(target, *options, TEST_ISSUER=issuer)


@contextmanager
def django_asgi(issuer: str) -> Iterator[str]:
    """Django knows no lifespan: the first request starts the guard, the process ends it."""
    guard = guard_for(issuer)
    with under_uvicorn(django_project.asgi(guard), lifespan="off") as url:
        yield url
    guard.stop()


DJANGO = wsgi("django_project", "wsgi")
FRAMEWORKS = MappingProxyType(
    {
        "starlette": Framework(asgi(starlette_app.build), has_sockets=True),
        "fastapi": Framework(asgi(fastapi_app.build), has_sockets=True),
        "litestar": Framework(asgi(litestar_app.build), has_sockets=True),
        "django-asgi": Framework(django_asgi),
        "asgi": Framework(asgi(plain.build_asgi), declares=False),
        "flask": Framework(wsgi("flask_app", "from_environment", "--preload")),
        "django": Framework(DJANGO),
        "rest_framework": Framework(DJANGO, prefix="/rest"),
        "wsgi": Framework(wsgi("plain", "from_environment"), declares=False),
    }
)


class Servers:
    """Servers of one issuer, each started once."""

    def __init__(self) -> None:
        self.issuer = TinyIssuer()
        self.issuer.head_interval = 0.2  # many guards listen
        self._urls: dict[Any, str] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "Servers":
        self._stack.enter_context(self.issuer)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def api(self, name: str) -> "Api":
        framework = FRAMEWORKS[name]
        if framework.serve not in self._urls:
            self._urls[framework.serve] = self._stack.enter_context(
                framework.serve(self.issuer.url)
            )
        http = self._stack.enter_context(client(self._urls[framework.serve] + framework.prefix))
        wait_until_heard(http, self.issuer.token())
        return Api(name, framework, self.issuer, http)


class Api:
    """One API, as its clients see it."""

    def __init__(
        self, name: str, framework: Framework, issuer: TinyIssuer, http: httpx2.Client
    ) -> None:
        self.name = name
        self.framework = framework
        self.issuer = issuer
        self.http = http
        self.url = str(http.base_url).rstrip("/")

    def ask(
        self, path: str, token: str = "", method: str = "GET", **headers: str
    ) -> httpx2.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["authorization"] = f"Bearer {token}"
        return self.http.request(method, path, headers=sent)

    def ask_with_proof(
        self, path: str, holder: Holder, token: str, *, method: str = "GET", **claims: Any
    ) -> httpx2.Response:
        proof = holder.proof(method, self.url + path, time.time(), token, **claims)
        headers = {"authorization": f"DPoP {token}", "dpop": proof}
        return self.http.request(method, path, headers=headers)

    def ask_from(self, position: Position, path: str, token: str) -> httpx2.Response:
        """Ask until the guard knows what was ended up to there."""
        for _ in range(2000):
            answer = self.ask(path, token, counterfoil_at_least=str(position))
            if answer.status_code != 503:
                return answer
        raise AssertionError("the guard never heard of it")


def comparable(answer: httpx2.Response) -> tuple[int, dict[str, str], bytes]:
    """What of an answer is the same wherever it comes from."""
    headers = {
        name: "a nonce" if name == "dpop-nonce" else value
        for name, value in answer.headers.items()
        if name not in OWN_TO_A_SERVER
    }
    return answer.status_code, headers, NAMED.sub(b"", answer.content)
