"""The official client of the Model Context Protocol, at a guarded server, with our issuer."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from examples.mcp_server.app import mcp_server
from tests.guard.test_asgi import Served
from tests.interop.serving import CALLBACK, Serving, serving

pytestmark = pytest.mark.anyio


class Notebook:
    """The server of the example, at an address that is known before it is made."""

    def __init__(self) -> None:
        self.app = None
        self.served = Served(self)
        self.url = f"{self.served.url}/mcp"

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("issuer") / "data") as it:
        yield it


@pytest.fixture(scope="module")
def notebook(issuer: Serving) -> Iterator[Notebook]:
    it = Notebook()
    scopes = ("notebook:read=Read your notebook", "notebook:write=Write into it")
    given = [word for scope in scopes for word in ("--scope", scope)]
    issuer.counterfoil("api", "add", it.url, "--name", "Notebook", *given)
    allowed = "notebook:read notebook:write offline_access"
    issuer.register("assistant", "--redirect-uri", CALLBACK, "--scope", allowed, "--public")
    it.app = mcp_server(issuer.issuer, it.url)
    with it.served:
        yield it


class Storage:
    """What a registered client has from the beginning, and what it is given."""

    def __init__(self, issuer: str) -> None:
        self.tokens: OAuthToken | None = None
        self.client = OAuthClientInformationFull(
            client_id="assistant", issuer=issuer, redirect_uris=[CALLBACK],
            token_endpoint_auth_method="none",
        )  # fmt: skip

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise AssertionError("a client that is registered registers no more")


class Assistant:
    """The official client, and a person who allows what it asks for."""

    def __init__(self, issuer: Serving, notebook: Notebook) -> None:
        self._issuer = issuer
        self._url = notebook.url
        self.storage = Storage(issuer.issuer)
        self.asked: list[dict[str, str]] = []
        self._back = ""

    async def allow(self, url: str) -> None:
        self.asked.append({k: v[0] for k, v in parse_qs(urlsplit(url).query).items()})
        self._back = await asyncio.to_thread(self._issuer.allow, url)

    async def come_back(self) -> AuthorizationCodeResult:
        said = {name: value[0] for name, value in parse_qs(urlsplit(self._back).query).items()}
        return AuthorizationCodeResult(code=said["code"], state=said["state"], iss=said["iss"])

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        about = OAuthClientMetadata(
            redirect_uris=[CALLBACK], grant_types=["authorization_code", "refresh_token"]
        )
        auth = OAuthClientProvider(self._url, about, self.storage, self.allow, self.come_back)
        async with httpx2.AsyncClient(auth=auth, trust_env=False, timeout=30) as http:
            transport = streamable_http_client(self._url, http_client=http)
            async with Client(transport, mode="2026-07-28") as client:
                yield client


async def test_an_assistant_finds_its_way_and_asks_for_more_when_it_needs_more(
    issuer: Serving, notebook: Notebook
):
    """M14, M15, M19, M21: from no token at all to two tools, with the person asked twice."""
    assistant = Assistant(issuer, notebook)
    async with assistant.client() as client:
        tools = await client.list_tools()
        assert {tool.name for tool in tools.tools} == {"read_notes", "write_note"}
        assert [set(each["scope"].split()) for each in assistant.asked] == [
            {"notebook:read", "offline_access"}
        ]
        assert assistant.asked[0]["resource"] == notebook.url
        read = await client.call_tool("read_notes")
        assert not read.is_error
        written = await client.call_tool("write_note", {"text": "Buy milk"})
        assert not written.is_error, written
        assert {"notebook:read", "notebook:write"} <= set(assistant.asked[1]["scope"].split())
        read = await client.call_tool("read_notes")
        assert "Buy milk" in json.dumps([each.model_dump(mode="json") for each in read.content])
    assert len(assistant.asked) == 2


async def test_a_token_for_another_api_is_none_here(issuer: Serving, notebook: Notebook):
    """M16, M17: and it is not handed on to anybody (M18)."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        form = {"grant_type": "client_credentials", "scope": "notes:read"}
        pair = ("service", issuer.secrets["service"])
        answer = await client.post(f"{issuer.issuer}/token", data=form, auth=pair)
        headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
        refused = await client.post(notebook.url, headers=headers, json={})
    assert refused.status_code == 401
    assert refused.json()["error_reason"] == "wrong_audience"
    assert "resource_metadata=" in refused.headers["www-authenticate"]


async def test_a_token_in_the_url_is_refused(notebook: Notebook):
    """M22."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        refused = await client.post(f"{notebook.url}?access_token=x", json={})
    assert refused.json()["error_reason"] == "token_in_query"
