"""Whoever would have the token of another API: by redirects, and by what an API says of itself."""

import asyncio
import json
import logging
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import requests
from msgspec.structs import replace

from counterfoil.cli.profiles import Profile, Profiles
from counterfoil.client import AsyncClient, Client, DpopKey, Tokens
from tests.attacks.hostile import Hostile, hostile
from tests.cli.guarded import Api, Terminal, api_of, registered, terminal
from tests.interop.serving import Serving, serving

pytestmark = pytest.mark.one_engine("about what leaves the client")

TOKEN = "s3cret-access-t0ken"
HELD = Tokens(access_token=TOKEN, refresh_token="s3cret-refresh-t0ken")


@pytest.fixture
def api() -> Iterator[Hostile]:
    with hostile() as it:
        yield it


@pytest.fixture
def thief() -> Iterator[Hostile]:
    with hostile() as it:
        it.say("/", {})
        yield it


def told(thief: Hostile) -> str:
    return str(thief.asked)


def call_in_every_way(api: Hostile, path: str) -> list[int]:
    """Call by httpx2, requests and the holder itself; redirects are followed where that is done."""
    statuses = []
    with Client(api.url, "app") as client:
        holder = client.holder(resource=api.url)
        holder.take(HELD)
        url = f"{api.url}{path}"
        with httpx2.Client(auth=holder.auth(), follow_redirects=True, trust_env=False) as http:
            statuses.append(http.get(url).status_code)
        statuses.append(requests.get(url, auth=holder.requests_auth(), timeout=5).status_code)
        statuses.append(holder.fetch(url).status)

    async def call() -> None:
        async with AsyncClient(api.url, "app") as client:
            held = client.holder(resource=api.url)
            await held.take(HELD)
            async with httpx2.AsyncClient(
                auth=held.auth(), follow_redirects=True, trust_env=False
            ) as http:
                statuses.append((await http.get(url)).status_code)
            statuses.append((await held.fetch(url)).status)

    asyncio.run(call())
    return statuses


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_takes_the_token_to_another_origin(api: Hostile, thief: Hostile, status: int):
    """Another port of one machine is another origin."""
    api.say("/", {}, status, Location=thief.url)
    assert call_in_every_way(api, "/") == [200, 200, status, 200, status]
    assert len(api.asked) == 5
    assert len(thief.asked) == 3
    assert "t0ken" not in told(thief)


def test_a_thief_cannot_have_a_second_token_sent_after_the_first(api: Hostile, thief: Hostile):
    """The refusal of whoever was redirected to is not heeded: no refresh, no second call."""
    challenge = 'Bearer error="invalid_token"'
    thief.say("/", {}, 401, WWW_Authenticate=challenge)
    api.say("/", {}, 307, Location=thief.url)
    assert call_in_every_way(api, "/") == [401, 401, 307, 401, 307]
    assert "t0ken" not in told(thief)
    assert len(api.asked) == 5


def test_a_bound_token_s_proof_is_for_one_place(api: Hostile, thief: Hostile):
    """RFC 9449 §4.3: what a redirect takes along proves nothing to anybody else."""
    api.say("/", {}, 307, Location=thief.url)
    with Client(api.url, "app", dpop_key=DpopKey.in_memory()) as client:
        holder = client.holder(resource=api.url)
        holder.take(Tokens(access_token=TOKEN, token_type="DPoP"))
        with httpx2.Client(auth=holder.auth(), follow_redirects=True, trust_env=False) as http:
            http.get(api.url)
    assert TOKEN not in told(thief)


def test_a_cookie_of_one_person_goes_with_nobody_else_s_call(api: Hostile):
    """An API that takes sessions too (S62) would else serve the second one as the first."""
    api.say("/", {}, Set_Cookie="session=ada; Path=/")
    with Client(api.url, "app") as client:
        for each in ("ada", "eve"):
            client.fetch(Tokens(access_token=each), f"{api.url}/")

    async def call() -> None:
        async with AsyncClient(api.url, "app") as client:
            for each in ("ada", "eve"):
                await client.fetch(Tokens(access_token=each), f"{api.url}/")

    asyncio.run(call())
    assert len(api.asked) == 4
    assert not [headers for _, headers, _ in api.asked if "cookie" in headers]


@pytest.mark.parametrize(
    "url", ["http://api.example/", "https://api.example:444/", "https://api.example.evil/"]
)
def test_no_call_leaves_with_a_token_for_elsewhere(url: str):
    with Client("https://id.example", "app") as client:
        holder = client.holder(resource="https://api.example")
        holder.take(HELD)
        with pytest.raises(ValueError, match="example"):
            holder.fetch(url)
        with httpx2.Client(auth=holder.auth()) as http, pytest.raises(ValueError, match="example"):
            http.get(url)


def test_nothing_is_logged(api: Hostile, caplog: pytest.LogCaptureFixture):
    """S110: by us, or by the libraries on our behalf, at any level."""
    with caplog.at_level(logging.DEBUG):
        api.publish()
        api.say("/token", {"access_token": "s3cret-n3w", "token_type": "Bearer"})
        api.say("/", {}, 401, WWW_Authenticate='Bearer error="invalid_token"')
        call_in_every_way(api, "/")
    assert "s3cret" not in caplog.text


@pytest.fixture(scope="module")
def server(on_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serving") / "data") as it:
        yield it


@pytest.fixture(scope="module")
def running(server: Serving) -> Iterator[Api]:
    with api_of(server) as it:
        registered(server)
        yield it


@pytest.fixture
def me(
    server: Serving, running: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    """Somebody who is signed in for the API, and has called it."""
    with terminal(server, tmp_path, monkeypatch) as it:
        it.login("--resource", running.url)
        it.succeed("call", f"{running.url}/files")
        yield it


def lure(thief: Hostile, said: dict[str, object], metadata_at: str = "") -> str:
    """An API of the thief's own, which says of itself whatever suits it."""
    place = metadata_at or f"{thief.url}/metadata"
    thief.say("/metadata", said)
    thief.say("/x", {}, 401, WWW_Authenticate=f'Bearer resource_metadata="{place}"')
    return f"{thief.url}/x"


def test_an_api_cannot_ask_for_the_token_of_another(me: Terminal, running: Api, thief: Hostile):
    """RFC 9728 §3.3, §7.3: it names the real API as itself, and the real issuer."""
    said = {"resource": running.url, "authorization_servers": [me.server.issuer]}
    refused = me.refused("call", lure(thief, said))
    assert "speaks for" in refused
    assert "Bearer" not in told(thief)


def test_an_api_cannot_point_to_the_metadata_of_another(me: Terminal, running: Api, thief: Hostile):
    refused = me.refused("call", lure(thief, {}, running.metadata_at))
    assert "another origin" in refused
    assert "Bearer" not in told(thief)


def test_an_api_that_the_issuer_does_not_know_gets_nothing(me: Terminal, thief: Hostile):
    """RFC 8707: what it truly is, the issuer gives no token for."""
    said = {"resource": thief.url, "authorization_servers": [me.server.issuer]}
    me.refused("call", lure(thief, said))
    assert "Bearer" not in told(thief)


def jwt_for(*audience: str) -> str:
    claims = json.dumps({"aud": audience}).encode()
    return ".".join(urlsafe_b64encode(each).rstrip(b"=").decode() for each in (b"{}", claims, b"x"))


@pytest.mark.parametrize("token", ["opaque", jwt_for("https://notes.example"), jwt_for()])
def test_an_issuer_that_overlooks_the_resource_gives_nothing_away(
    api: Hostile, thief: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
):
    """RFC 8707 §2: its token is good at the real API, whoever it was asked for."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    api.publish()
    api.say("/token", {"access_token": token, "token_type": "Bearer"})
    profiles, profile = Profiles(), Profile(issuer=api.url, client_id="cli")
    profiles.keep("default", profile)
    with profiles.client(profile) as client:
        profiles.holder(client, "default", profile).take(HELD)
    said = {"resource": thief.url, "authorization_servers": [api.url]}
    me = Terminal(Serving(tmp_path), tmp_path)
    assert "--resource" in me.refused("call", lure(thief, said))
    assert "Bearer" not in told(thief)
    profiles.keep("default", replace(profile, apis=(thief.url,)))
    me.refused("call", f"{thief.url}/x")
    assert f"Bearer {token}" in told(thief)


@pytest.mark.parametrize("place", ["http://api.example/m", "file:///etc/passwd", "x", "https://"])
def test_metadata_is_not_fetched_from_just_anywhere(me: Terminal, thief: Hostile, place: str):
    me.refused("call", lure(thief, {}, place))
    assert thief.paths == ["/x"]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"resource": 1},
        {"resource": ""},
        {"resource": "http://127.0.0.1"},
        {"resource": "https://"},
        {"resource": "javascript:x", "authorization_servers": []},
    ],
)
def test_metadata_that_is_none_is_refused(me: Terminal, thief: Hostile, said: dict[str, object]):
    me.refused("call", lure(thief, said))
    assert "Bearer" not in told(thief)


def test_a_path_beside_an_api_is_another_api(me: Terminal, thief: Hostile):
    """One host, two APIs: the token of ``/a`` is not for ``/x``."""
    said = {"resource": f"{thief.url}/a", "authorization_servers": [me.server.issuer]}
    assert "speaks for" in me.refused("call", lure(thief, said))


def test_an_issuer_of_the_api_s_own_choice_gets_nobody_signed_in(me: Terminal, thief: Hostile):
    """The command says where to sign in; it never goes there by itself."""
    said = {"resource": thief.url, "authorization_servers": ["https://evil.example"]}
    refused = me.refused("call", lure(thief, said))
    assert "sign in first: counterfoil login https://evil.example" in refused


def test_a_redirect_is_said_and_is_no_success(me: Terminal, thief: Hostile):
    thief.say("/x", {}, 307, Location="https://evil.example/")
    assert "answered 307" in me.refused("call", f"{thief.url}/x")


def test_what_an_api_says_steers_no_terminal(me: Terminal, thief: Hostile):
    challenge = 'Bearer error="\x1b[2J", error_description="a\x9bb"'
    thief.say("/x", {}, 403, WWW_Authenticate=challenge.encode("latin-1").decode("latin-1"))
    refused = me.refused("call", f"{thief.url}/x")
    assert all(each.isprintable() for each in refused)
