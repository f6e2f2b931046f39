"""Refresh tokens: stolen, raced, repeated, forged (RFC 9700 §4.14, OAuth 2.1 §4.3)."""

import asyncio
from base64 import urlsafe_b64decode
from typing import Any

import httpx2
import pytest

from counterfoil.oauth.opaque import Kind, content_of, spell
from tests.installation import Installation, Person, token_request

pytestmark = pytest.mark.anyio


async def refresh(own: Installation, token: str, client_id: str = "app", **form: str) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": token, **form}
    return await token_request(own, client_id, **form)


async def is_active(own: Installation, token: str) -> bool:
    return bool((await own.post("/introspect", "app", token=token)).json()["active"])


def refuses(answer: httpx2.Response) -> bool:
    assert "access_token" not in answer.text
    return answer.status_code == 400 and answer.json()["error"] == "invalid_grant"


async def tokens_of(own: Installation, client_id: str = "app", **asked: str) -> dict[str, Any]:
    async with own.browser() as browser:
        return await Person(own, browser).tokens(client_id, **asked)


async def test_an_old_token_after_the_window_ends_its_family(own: Installation) -> None:
    """S19, S39: whoever of thief and owner comes second is noticed, and both are out."""
    first = await tokens_of(own)
    second = (await refresh(own, first["refresh_token"])).json()
    own.clock.turn(10)
    assert refuses(await refresh(own, first["refresh_token"]))
    for token in (second["access_token"], second["refresh_token"], first["access_token"]):
        assert not await is_active(own, token)
    assert refuses(await refresh(own, second["refresh_token"]))


async def test_a_much_older_token_ends_its_family_at_once(own: Installation) -> None:
    """The window is for the last answer alone: two generations back it is reuse in any second."""
    first = await tokens_of(own)
    second = (await refresh(own, first["refresh_token"])).json()
    third = (await refresh(own, second["refresh_token"])).json()
    assert refuses(await refresh(own, first["refresh_token"]))
    assert not await is_active(own, third["access_token"])


async def test_reuse_ends_no_other_device(own: Installation) -> None:
    """S05: one stolen token must not sign out the user's other devices, nor end the grant."""
    laptop, phone = await tokens_of(own), await tokens_of(own)
    await refresh(own, laptop["refresh_token"])
    own.clock.turn(11)
    assert refuses(await refresh(own, laptop["refresh_token"]))
    assert await is_active(own, phone["access_token"])
    assert (await refresh(own, phone["refresh_token"])).status_code == 200


async def test_a_repeat_within_the_window_gives_nothing_and_ends_nothing(
    own: Installation,
) -> None:
    """A lost answer is not an attack; but a thief inside the window gets no token of his own."""
    first = await tokens_of(own)
    second = (await refresh(own, first["refresh_token"])).json()
    for _ in range(3):
        own.clock.turn(3)
        assert refuses(await refresh(own, first["refresh_token"]))
    assert (await refresh(own, second["refresh_token"])).status_code == 200


@pytest.mark.parametrize("thief", ["spa", "other"])
async def test_another_client_s_use_gives_nothing_and_ends_nothing(
    own: Installation, thief: str
) -> None:
    """Only its owner's reuse ends a family: nobody else can sign people out with an old token."""
    if thief == "other":
        await own.add_client(
            "other",
            grant_types=("authorization_code", "refresh_token"),
            redirect_uris=("https://other.example/cb",),
        )
    first = await tokens_of(own)
    assert refuses(await refresh(own, first["refresh_token"], thief))
    second = (await refresh(own, first["refresh_token"])).json()
    own.clock.turn(11)
    assert refuses(await refresh(own, first["refresh_token"], thief))
    assert await is_active(own, second["access_token"])
    assert (await refresh(own, second["refresh_token"])).status_code == 200


async def test_a_stolen_token_without_the_client_s_secret_is_worth_nothing(
    own: Installation,
) -> None:
    """A confidential client's tokens are bound to its authentication (RFC 9700 §4.14.2)."""
    first = await tokens_of(own)
    async with own.browser() as thief:
        form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        for more in ({"client_id": "app"}, {"client_id": "app", "client_secret": "guess"}, {}):
            answer = await thief.post("/token", data=form | more)
            assert answer.status_code == 401
            assert answer.json()["error"] == "invalid_client"
    assert (await refresh(own, first["refresh_token"])).status_code == 200


async def test_of_a_storm_of_refreshes_exactly_one_wins(own: Installation) -> None:
    """S19: fifty at one moment: one gets tokens, nobody is signed out."""
    first = await tokens_of(own)
    answers = await asyncio.gather(*(refresh(own, first["refresh_token"]) for _ in range(50)))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert all(refuses(answer) for answer in answers if answer is not won[0])
    assert await is_active(own, won[0].json()["access_token"])
    assert (await refresh(own, won[0].json()["refresh_token"])).status_code == 200


@pytest.mark.parametrize("place", [0, 16, 19, 20, 44, 59])
async def test_a_token_with_one_changed_byte_names_nothing(own: Installation, place: int) -> None:
    """S70: a guessed or altered one ends no family: only what we spelled is judged (MAC)."""
    first = await tokens_of(own)
    content = content_of(Kind.REFRESH_TOKEN, first["refresh_token"])
    assert content is not None
    changed = bytearray(urlsafe_b64decode(content))
    changed[place] ^= 1
    forged = spell(Kind.REFRESH_TOKEN, bytes(changed)).reveal()
    assert refuses(await refresh(own, forged))
    assert await is_active(own, first["access_token"])
    assert (await refresh(own, first["refresh_token"])).status_code == 200


async def test_a_refresh_token_dies_with_time(own: Installation) -> None:
    """S16, S31: idle for 30 days, or 180 days after the sign-in however often it was used."""
    asked = {"scope": "openid offline_access notes:read"}
    idle = await tokens_of(own, **asked)
    busy = await tokens_of(own, **asked)
    for _ in range(6):
        own.clock.turn(29 * 86_400)
        busy = (await refresh(own, busy["refresh_token"])).json()
    assert refuses(await refresh(own, idle["refresh_token"]))
    own.clock.turn(6 * 86_400)
    assert refuses(await refresh(own, busy["refresh_token"]))


@pytest.mark.parametrize(
    "scope",
    ["notes:write", "openid notes:read notes:write", "email", "offline_access", "introspect"],
)
async def test_a_refresh_never_widens_the_scope(own: Installation, scope: str) -> None:
    """RFC 6749 §6; the refused token stays as good as it was."""
    first = await tokens_of(own)
    answer = await refresh(own, first["refresh_token"], scope=scope)
    assert answer.json()["error"] == "invalid_scope"
    answer = await refresh(own, first["refresh_token"], resource="https://mail.example")
    assert answer.json()["error"] == "invalid_target"
    assert (await refresh(own, first["refresh_token"])).json()["scope"] == "notes:read openid"


async def test_a_narrowed_token_does_not_open_what_it_gave_up(own: Installation) -> None:
    first = await tokens_of(own)
    second = (await refresh(own, first["refresh_token"], scope="notes:read")).json()
    assert second["scope"] == "notes:read"
    async with own.browser() as browser:
        headers = {"authorization": f"Bearer {second['access_token']}"}
        answer = await browser.get("/userinfo", headers=headers)
        assert answer.status_code == 403


async def test_revoking_a_refresh_token_ends_its_access_tokens(own: Installation) -> None:
    """S37, S46: RFC 7009 §2.1; whichever generation of it is shown."""
    first = await tokens_of(own)
    second = (await refresh(own, first["refresh_token"])).json()
    await own.post("/revoke", "app", token=first["refresh_token"])
    for token in (first["access_token"], second["access_token"], second["refresh_token"]):
        assert not await is_active(own, token)


async def test_revoking_one_token_again_and_again_writes_once(own: Installation) -> None:
    """Whoever holds one token cannot fill the feed that every guard must follow."""
    token = (await tokens_of(own, "spa"))["access_token"]
    before = own.authority.hub.position.number
    async with own.browser() as browser:
        for _ in range(20):
            answer = await browser.post("/revoke", data={"client_id": "spa", "token": token})
            assert answer.status_code == 200
    assert own.authority.hub.position.number == before + 1
