"""The guard as a FastAPI dependency, under a real server."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import FastAPI

from counterfoil.guard import Guard, Token
from counterfoil.guard.asgi import GuardMiddleware
from counterfoil.guard.fastapi import Guarded
from tests.guard.issuer import AUDIENCE, TinyIssuer
from tests.guard.test_asgi import Served


def notes_app(guard: Guard) -> FastAPI:
    app = FastAPI()
    guarded = Guarded(app, guard, realm="notes")

    @app.get("/notes")
    def read(token: Annotated[Token, guarded("notes:read")]) -> dict[str, str]:
        return {"subject": token.subject}

    @app.get("/admin")
    async def admin(token: Annotated[Token, guarded("notes:read", "notes:admin")]) -> None:
        raise AssertionError

    @app.get("/inside")
    async def inside(token: Annotated[Token, guarded()]) -> None:
        token.require("notes:admin")

    @app.get("/open")
    @guarded.open
    async def free() -> str:
        return "open"

    guarded.open_paths("/docs", "/docs/", "/redoc", "/openapi.json")
    return app


@pytest.fixture(scope="module")
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def served(issuer: TinyIssuer) -> Iterator[Served]:
    with Guard(issuer.url, audience=AUDIENCE) as guard, Served(notes_app(guard)) as served:
        assert guard.wait_until_fresh(10)
        yield served


def test_an_endpoint_gets_its_token(served: Served, issuer: TinyIssuer):
    assert served.get("/notes", issuer.token()).json() == {"subject": "u1"}
    assert served.get("/open").json() == "open"


@pytest.mark.parametrize("path", ["/admin", "/inside"])
def test_a_missing_permission_is_a_403(served: Served, issuer: TinyIssuer, path: str):
    """Asked by the dependency or inside the endpoint: the same answer."""
    answer = served.get(path, issuer.token())
    assert answer.status_code == 403
    assert answer.json()["error_reason"] == "insufficient_scope"
    assert "notes:admin" in answer.headers["www-authenticate"]
    assert answer.headers["cache-control"] == "no-store"


def without_name(answer: Any) -> dict[str, Any]:
    return {name: said for name, said in answer.json().items() if name != "request_id"}


@pytest.mark.parametrize("path", ["/inside", "/inside?access_token=x"])
def test_refusals_are_those_of_the_middleware(served: Served, issuer: TinyIssuer, path: str):
    guard = Guard(issuer.url, audience=AUDIENCE)
    with Served(GuardMiddleware(FastAPI(), guard, realm="notes")) as other:
        for token in (None, issuer.token(aud="x"), "a.b.c"):
            here, there = served.get(path, token), other.get(path, token)
            assert here.status_code == there.status_code
            names = here.json().pop("request_id"), there.json().pop("request_id")
            assert len(set(names)) == 2
            assert here.headers["x-request-id"] == names[0]
            assert without_name(here) == without_name(there)
            for name in ("www-authenticate", "cache-control", "content-type"):
                assert here.headers[name] == there.headers[name]


def test_it_shows_in_openapi(served: Served):
    document = served.get("/openapi.json").json()
    assert document["components"]["securitySchemes"] == {
        "counterfoil": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    assert document["paths"]["/notes"]["get"]["security"] == [{"counterfoil": ["notes:read"]}]
    assert "security" not in document["paths"]["/open"]["get"]
    names = [each["name"] for each in document["paths"]["/notes"]["get"].get("parameters", [])]
    assert names == []


def test_the_app_starts_its_guard_and_stops_it(issuer: TinyIssuer):
    guard = Guard(issuer.url, audience=AUDIENCE)
    with Served(notes_app(guard)) as served:
        assert served.get("/notes", issuer.token()).status_code == 200
        assert guard.is_started
    assert not guard.is_started


def test_behind_the_middleware_the_token_is_checked_once(issuer: TinyIssuer):
    """A proof could not be used twice."""
    guard = Guard(issuer.url, audience=AUDIENCE)
    decided = []
    decide = guard.decide
    guard.decide = lambda *asked, **how: decided.append(asked) or decide(*asked, **how)
    with Served(GuardMiddleware(notes_app(guard), guard)) as served:
        assert served.get("/notes", issuer.token()).status_code == 200
        assert served.get("/admin", issuer.token()).status_code == 403
    assert len(decided) == 2


def test_what_another_guard_let_pass_is_not_let_pass_here(issuer: TinyIssuer):
    """Each guard knows its own issuers and its own audience."""
    outer, inner = (Guard(issuer.url, audience=name) for name in (AUDIENCE, "https://x.example"))
    with Served(GuardMiddleware(notes_app(inner), outer)) as served:
        assert served.get("/notes", issuer.token()).json()["error_reason"] == "wrong_audience"
        both = issuer.token(aud=[AUDIENCE, "https://x.example"])
        assert served.get("/notes", both).status_code == 200
    inner.stop()
