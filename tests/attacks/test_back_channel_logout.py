"""Logout tokens in wrong hands, at wrong doors; receivers that want to do harm."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from counterfoil.jose.errors import JoseError
from counterfoil.jose.jwt import verify
from counterfoil.oauth import logout_token
from counterfoil.oauth.id_token import TYPE as ID_TOKEN
from counterfoil.oauth.id_token import IdToken
from counterfoil.oauth.logout_token import LogoutToken
from counterfoil.server.records.signing_key import Purpose
from tests.guard.desk import Desk
from tests.installation import CALLBACK, EMAIL, NOTES, Installation, Person
from tests.receiving import PATIENCE, SERVED, Receiver, hearing, receiver

pytestmark = pytest.mark.anyio
APP: dict[str, Any] = {
    "grant_types": ("authorization_code", "refresh_token"),
    "redirect_uris": (CALLBACK,),
    "scopes": frozenset({"openid", "notes:read"}),
}


@pytest.fixture
def listening() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


@pytest.fixture
async def ada(site: Installation) -> AsyncIterator[Person]:
    async with site.browser() as browser:
        yield Person(site, browser, EMAIL)


def logout_token_of(site: Installation, **members: Any) -> str:
    """As the server signs them."""
    now = int(site.clock())
    claims = LogoutToken(
        **{
            "iss": site.issuer, "aud": "app", "iat": now, "exp": now + 120, "jti": "j",
            "sub": site.user.id if site.user else "", "sid": "s",
        }
        | members
    )  # fmt: skip
    signer = site.authority.keyring.signer(Purpose.TOKENS, logout_token.TYPE, now)
    return signer.sign(claims)


async def test_a_logout_token_opens_nothing(site: Installation, ada: Person):
    """S75: no API, no userinfo, no introspection, no exchange, and no logout of anybody."""
    await ada.tokens()
    token = logout_token_of(site, aud=NOTES)
    bearer = {"Authorization": f"Bearer {token}"}
    async with site.browser() as thief:
        assert (await thief.get("/userinfo", headers=bearer)).status_code == 401
        assert (await thief.get("/api/clients", headers=bearer)).status_code == 401
    said = (await site.post("/introspect", "app", token=token)).json()
    assert said == {"active": False}
    assert (await site.post("/revoke", "app", token=token)).status_code == 200
    exchanged = await site.post(
        "/token",
        "app",
        grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token=token,
        subject_token_type="urn:ietf:params:oauth:token-type:access_token",
    )
    assert exchanged.status_code == 400


@pytest.mark.one_engine("a guard has none")
def test_no_guard_takes_one(desk: Desk):
    """Signed by the issuer's own key, with every claim of an access token besides."""
    assert desk.reason(desk.token()) is None
    token = desk.token(typ=logout_token.TYPE, events={logout_token.EVENT: {}})
    assert desk.reason(token) is not None


async def test_a_logout_token_is_no_id_token(site: Installation, ada: Person):
    """It says whose session it is; shown as a hint it would end that without a question."""
    await ada.tokens()
    assert site.user is not None
    user_id = site.user.id
    (session, *_) = await site.authority.store.read(lambda tx: tx.sessions.of_user(user_id))
    for token in (
        logout_token_of(site, sid=session.id),
        logout_token_of(site, sid=session.id, aud="app"),
    ):
        answer = await ada.browser.get("/logout", params={"id_token_hint": token})
        assert answer.status_code == 400
    assert (await ada.browser.get("/account/apps")).status_code == 200


async def test_an_id_token_is_no_logout_token(site: Installation):
    now = int(site.clock())
    claims = IdToken(iss=site.issuer, sub="u", aud="app", exp=now + 60, iat=now, auth_time=now)
    token = site.authority.keyring.signer(Purpose.TOKENS, ID_TOKEN, now).sign(claims)
    keys = site.authority.keyring.published(Purpose.TOKENS, now)
    with pytest.raises(JoseError, match="type"):
        verify(token, keys, logout_token.TYPE)


async def leave(site: Installation, ada: Person, uri: str) -> None:
    """Sign in to an app that listens there, and out again."""
    client_id = f"app-{abs(hash(uri))}"
    await site.add_client(client_id, backchannel_logout_uri=uri, **APP)
    tokens = await ada.tokens(client_id)
    await ada.browser.get("/logout", params={"id_token_hint": tokens["id_token"]})


async def test_a_receiver_that_hangs_holds_up_no_sign_out_and_no_other_app(
    site: Installation, ada: Person, listening: Receiver
):
    with receiver() as hung:
        hung.manner = "hang"
        await leave(site, ada, hung.url)
        await asyncio.to_thread(hung.next)
        assert (await ada.browser.get("/account/apps")).status_code != 200
        await leave(site, ada, listening.url)
        assert await asyncio.to_thread(listening.next)
        assert len(hung.tokens) == 1


async def test_a_receiver_that_redirects_sends_us_nowhere(
    site: Installation, ada: Person, listening: Receiver
):
    with receiver() as inner:
        listening.status, listening.headers = 307, {"Location": inner.url}
        with hearing("answered 307") as postponed:
            await leave(site, ada, listening.url)
            await asyncio.wait_for(postponed.wait(), PATIENCE)
        assert len(listening.tokens) == 1
        assert inner.asked == []


async def test_a_receiver_without_end_is_not_listened_to(
    site: Installation, ada: Person, listening: Receiver
):
    listening.manner = "endless"
    with hearing(SERVED) as served:
        await leave(site, ada, listening.url)
        await asyncio.wait_for(served.wait(), PATIENCE)
    assert len(listening.tokens) == 1


@pytest.mark.one_engine("no storage is asked")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_an_app_leads_the_server_into_no_network_of_its_own(
    secure: Installation, listening: Receiver, host: str
):
    """SSRF: in production even this machine is not called, whatever was registered."""
    uri = f"https://{host}:{listening.server_port}/x"
    async with secure.browser() as browser:
        with hearing("may not be called") as refused:
            await leave(secure, Person(secure, browser, EMAIL), uri)
            await asyncio.wait_for(refused.wait(), PATIENCE)
    assert listening.asked == []


async def test_nothing_of_the_token_stands_in_the_log(
    site: Installation, ada: Person, listening: Receiver, caplog: pytest.LogCaptureFixture
):
    listening.status = 400
    with caplog.at_level(logging.DEBUG):
        with hearing(SERVED) as served:
            await leave(site, ada, listening.url)
            await asyncio.wait_for(served.wait(), PATIENCE)
        token = listening.next()
    assert "was not told of a logout" in caplog.text
    assert token not in caplog.text
    assert token.rpartition(".")[2] not in caplog.text
