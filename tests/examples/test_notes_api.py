"""The notes API: who may do what, and what a refusal says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from examples.notes_api.app import WELCOME, notes_api
from tests.examples.demonstration import Demonstration, demonstration

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    with demonstration(tmp_path_factory.mktemp("run") / "data") as it:
        yield it


@asynccontextmanager
async def calling(run: Demonstration, scope: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Call the running API with a token of the demonstration's service."""
    pair = run.commands[0].split(" -u ")[1].split()[0]
    form = {"grant_type": "client_credentials", "scope": scope}
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{run.issuer}/token", data=form, auth=tuple(pair.split(":")))
        token = answer.json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=run.api, headers=headers, trust_env=False) as client:
        yield client


async def test_notes_are_read_and_written(run: Demonstration):
    async with calling(run, "notes:read notes:write") as client:
        assert (await client.get("/notes")).json() == {"notes": [WELCOME]}
        written = await client.post("/notes", json={"text": " Buy milk "})
        assert (written.status_code, written.json()) == (201, {"text": "Buy milk"})
        assert (await client.get("/notes")).json() == {"notes": [WELCOME, "Buy milk"]}


@pytest.mark.parametrize(
    ("scope", "method", "needed"),
    [("notes:read", "POST", "notes:write"), ("notes:write", "GET", "notes:read")],
)
async def test_a_scope_that_was_not_granted_is_refused_by_its_name(
    run: Demonstration, scope: str, method: str, needed: str
):
    async with calling(run, scope) as client:
        answer = await client.request(method, "/notes", json={"text": "x"})
        assert answer.status_code == 403
        assert answer.json()["error_reason"] == "insufficient_scope"
        assert answer.json()["scope"] == needed
        assert f'scope="{needed}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"{}", b'{"text": 1}', b'{"text": " "}', b"\xff"]
)
async def test_a_note_that_is_none_is_refused_in_a_sentence(run: Demonstration, body: bytes):
    async with calling(run, "notes:write") as client:
        answer = await client.post("/notes", content=body)
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_request"


async def test_without_a_token_nothing_but_health_is_open(run: Demonstration):
    async with httpx2.AsyncClient(base_url=run.api, trust_env=False) as client:
        answer = await client.get("/notes")
        assert answer.status_code == 401
        assert answer.json()["error_reason"] == "missing"
        assert (await client.get("/health")).text == "ok\n"


def test_a_misspelt_issuer_is_refused_at_the_start():
    with pytest.raises(ValueError, match="https"):
        notes_api("http://id.example", "https://notes.example")
