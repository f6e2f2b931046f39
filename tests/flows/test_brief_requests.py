"""Requests that are begun without a task of their own (`App.is_brief`) never ask for one."""

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from counterfoil.cli.beginning import begun
from tests.installation import CALLBACK, Installation, Person, installed

pytestmark = pytest.mark.anyio


async def ask(place: Installation, path: str, client_id: str, **form: str) -> tuple[int, Any]:
    """Begin a request as a connection does that found it brief."""
    assert place.app.is_brief(path)
    body, sent = urlencode(form).encode(), []
    secret = place.secrets[client_id]
    headers = [
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"authorization", b"Basic " + b64encode(f"{client_id}:{secret}".encode())),
    ]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
    }
    task = begun(place.app(scope, receive, send), asyncio.get_running_loop())
    if task is not None:
        await task
    return sent[0]["status"], msgspec.json.decode(sent[1]["body"])


@pytest.mark.parametrize("path", ["/sign-in/with/token", "/account/end/session/token", "/x/token"])
async def test_nothing_else_is_begun_so(place: Installation, path: str):
    """A stranger or an operator names the last part: what answers there may ask for its task."""
    assert not place.app.is_brief(path)


async def test_below_the_path_of_an_issuer_too(tmp_path: Path):
    async with installed(tmp_path, issuer="https://id.example/auth") as place:
        assert place.app.is_brief("/auth/token")
        assert place.app.is_brief("/token")
        assert not place.app.is_brief("/auth/auth/token")


async def test_every_grant_type_and_introspection(place: Installation, person: Person):
    code = await person.code()
    form = {"code": code, "code_verifier": person.verifier, "redirect_uri": CALLBACK}
    status, tokens = await ask(place, "/token", "app", grant_type="authorization_code", **form)
    assert status == 200
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    answers = await asyncio.gather(*(ask(place, "/token", "app", **again) for _ in range(8)))
    assert {status for status, _ in answers} == {200}
    assert len({answer["refresh_token"] for _, answer in answers}) == 1
    for _ in range(3):
        status, own = await ask(place, "/token", "service", grant_type="client_credentials")
        assert status == 200
        status, said = await ask(place, "/introspect", "service", token=own["access_token"])
        assert (status, said["active"]) == (200, True)
        status, said = await ask(place, "/introspect", "app", token=tokens["access_token"])
        assert (status, said["active"]) == (200, True)


@pytest.mark.parametrize(
    ("path", "form", "error"),
    [
        ("/token", {"grant_type": "magic"}, "unsupported_grant_type"),
        ("/token", {"grant_type": "authorization_code", "code": "x"}, "invalid_request"),
        ("/token", {"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ("/introspect", {}, "invalid_request"),
    ],
)
async def test_refusals(place: Installation, path: str, form: dict[str, str], error: str):
    status, answer = await ask(place, path, "app", **form)
    assert (status, answer["error"]) == (400, error)
