"""OpenID Connect Back-Channel Logout 1.0: what clients are told, and how it is registered."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.oauth.errors import OAuthError
from tests.installation import CALLBACK, Installation, Person
from tests.receiving import PATIENCE, SERVED, Receiver, hearing, receiver

pytestmark = pytest.mark.anyio
APP: dict[str, Any] = {
    "grant_types": ("authorization_code", "refresh_token"),
    "redirect_uris": (CALLBACK,),
    "scopes": frozenset({"openid", "notes:read"}),
}
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def listening() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


@pytest.fixture
async def tokens(place: Installation, person: Person, listening: Receiver) -> dict[str, Any]:
    """Of an app that listens."""
    name = f"app-{person.user_id}"
    await place.add_client(name, backchannel_logout_uri=listening.url, **APP)
    return await person.tokens(name)


async def told(person: Person, listening: Receiver, tokens: dict[str, Any]) -> str:
    await person.browser.get("/logout", params={"id_token_hint": tokens["id_token"]})
    return await asyncio.to_thread(listening.next)


async def test_the_server_says_that_it_does_it(place: Installation):
    """§2.1."""
    async with place.browser() as anyone:
        said = (await anyone.get("/.well-known/openid-configuration")).json()
    assert said["backchannel_logout_supported"] is True
    assert said["backchannel_logout_session_supported"] is True


@pytest.mark.parametrize(
    ("uri", "more"),
    [
        ("http://app.example/x", {}),
        ("https://app.example/x#fragment", {}),
        ("https://user@app.example/x", {}),
        ("com.example.app:/x", {}),
        ("ftp://127.0.0.1/x", {}),
        ("https:///x", {}),
        ("https://app.example/ x", {}),
        ("", {"backchannel_logout_session_required": True}),
        (
            "https://app.example/x",
            {"grant_types": ("client_credentials",), "redirect_uris": (), "scopes": frozenset()},
        ),
    ],
)
async def test_what_cannot_be_called_is_not_registered(
    place: Installation, uri: str, more: dict[str, Any]
):
    """§2.2: an absolute URI without a fragment; here https, or loopback."""
    with pytest.raises(OAuthError, match="invalid_request"):
        await place.add_client("never", backchannel_logout_uri=uri, **(APP | more))


async def test_the_token_says_what_it_must_and_no_more(
    place: Installation, person: Person, listening: Receiver, tokens: dict[str, Any]
):
    """§2.4: iss, aud, iat, exp, jti, events, and whose session; never a nonce."""
    token = await told(person, listening, tokens)
    header, claims = unverified_header(token), unverified_claims(token)
    known = unverified_claims(tokens["id_token"])
    assert header == {"alg": "ES256", "typ": "logout+jwt", "kid": header["kid"]}
    now = int(place.clock())
    assert claims == {
        "iss": place.issuer,
        "aud": f"app-{person.user_id}",
        "iat": now,
        "exp": now + 120,
        "jti": claims["jti"],
        "sub": known["sub"],
        "sid": known["sid"],
        "events": {EVENT: {}},
    }


async def test_the_sid_is_no_secret(place: Installation, person: Person, tokens: dict[str, Any]):
    """§2.1: it names the session; what proves it stands in the cookie alone."""
    sid = str(unverified_claims(tokens["id_token"])["sid"])
    assert sid not in "".join(f"{c.value}" for c in person.browser.cookies.jar)
    again = await person.tokens(f"app-{person.user_id}")
    assert unverified_claims(again["id_token"])["sid"] == sid
    async with place.browser() as thief:
        for cookie in person.browser.cookies.jar:
            thief.cookies.set(cookie.name, sid)
        assert (await thief.get("/account/apps")).status_code != 200


async def test_it_comes_as_a_form_by_post(
    person: Person, listening: Receiver, tokens: dict[str, Any]
):
    """§2.5."""
    await told(person, listening, tokens)
    path, headers = listening.asked[0]
    assert path == "/logged-out"
    assert headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("status", [200, 204])
async def test_what_was_taken_is_not_sent_again(
    place: Installation, person: Person, listening: Receiver, tokens: dict[str, Any], status: int
):
    """§2.8: 200; some send 204."""
    listening.status = status
    with hearing(SERVED) as served:
        await told(person, listening, tokens)
        await asyncio.wait_for(served.wait(), PATIENCE)
    waiting = place.authority.store.read(lambda tx: tx.logouts.in_line(f"app-{person.user_id}", 1))
    assert await waiting == []
    assert len(listening.tokens) == 1
