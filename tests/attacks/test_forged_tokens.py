"""Forged tokens, at every door of the server that takes a signed one (RFC 8725, RFC 9700 §4)."""

from pathlib import Path
from typing import Any

import pytest

from tests.attacks.forging import FORGERIES, Loot
from tests.installation import Installation, Person, installed

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.one_engine("signatures are checked before the store is asked"),
]


@pytest.fixture(scope="module")
async def tokens(site: Installation) -> dict[str, Any]:
    async with site.browser() as browser:
        return await Person(site, browser).tokens()


@pytest.fixture(scope="module")
async def jwks(site: Installation) -> dict[str, Any]:
    async with site.browser() as browser:
        return dict((await browser.get("/jwks.json")).json())


async def is_active(site: Installation, token: str) -> bool:
    answer = await site.post("/introspect", "app", token=token)
    assert answer.status_code == 200, answer.text
    assert answer.json()["active"] or answer.json() == {"active": False}
    return bool(answer.json()["active"])


async def status_of_userinfo(site: Installation, token: str) -> int:
    async with site.browser() as browser:
        headers = {"authorization": f"Bearer {token}".encode()}
        return (await browser.get("/userinfo", headers=headers)).status_code


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_introspection_calls_no_forged_access_token_active(
    site: Installation, tokens: dict[str, Any], jwks: dict[str, Any], forgery: str
) -> None:
    """S70, S86, S87, S88, S89: the algorithm is ours, never the token's (RFC 8725 §3.1, §3.2)."""
    forged = FORGERIES[forgery](Loot(tokens["access_token"], jwks))
    assert forged != tokens["access_token"]
    assert not await is_active(site, forged)
    assert await is_active(site, tokens["access_token"])


@pytest.mark.parametrize("forgery", sorted(FORGERIES.keys() - {"a line break at the end"}))
async def test_userinfo_opens_for_no_forged_access_token(
    site: Installation, tokens: dict[str, Any], jwks: dict[str, Any], forgery: str
) -> None:
    """S70, S88: userinfo takes what introspection takes, and nothing else."""
    forged = FORGERIES[forgery](Loot(tokens["access_token"], jwks))
    assert await status_of_userinfo(site, forged) == 401
    assert await status_of_userinfo(site, tokens["access_token"]) == 200


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_logout_believes_no_forged_id_token(
    site: Installation, tokens: dict[str, Any], jwks: dict[str, Any], forgery: str
) -> None:
    """S88, S89: a forged hint gets a page, and signs nobody out or sends them anywhere.

    One under a key that is not known counts as none: then no app is named that has the address.
    """
    forged = FORGERIES[forgery](Loot(tokens["id_token"], jwks))
    async with site.browser() as browser:
        asked = {"id_token_hint": forged, "post_logout_redirect_uri": "https://app.example/bye"}
        answer = await browser.get("/logout", params=asked)
        assert answer.status_code == 400
        assert "location" not in answer.headers
        reasons = ("id_token_hint", "longer than", "post_logout_redirect_uri")
        assert any(reason in answer.text for reason in reasons)
        genuine = {**asked, "id_token_hint": tokens["id_token"]}
        answer = await browser.get("/logout", params=genuine)
        assert answer.headers["location"] == "https://app.example/bye"


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_no_forged_id_token_signs_anybody_out(
    site: Installation, jwks: dict[str, Any], forgery: str
) -> None:
    """S88: made from the very session's own ID token, it still does not end it unasked."""
    async with site.browser() as browser:
        loot = Loot((await Person(site, browser).tokens())["id_token"], jwks)
        asked = {"id_token_hint": FORGERIES[forgery](loot), "client_id": "app"}
        answer = await browser.get("/logout", params=asked)
        assert answer.status_code in {200, 400}
        assert (await browser.get("/account/apps")).status_code == 200


async def test_no_changed_character_of_a_token_passes(
    site: Installation, tokens: dict[str, Any]
) -> None:
    """S70: whoever changes one character, anywhere, has nothing (RFC 7515 §5.2)."""
    token = tokens["access_token"]
    for place in range(0, len(token), 7):
        other = "A" if token[place] != "A" else "B"
        changed = token[:place] + other + token[place + 1 :]
        assert not await is_active(site, changed), place


async def test_the_token_of_another_issuer_is_a_stranger_s(
    site: Installation, tokens: dict[str, Any], tmp_path: Path
) -> None:
    """S117: the same software with the same names, but other keys: not active, not opened."""
    async with installed(tmp_path) as other, other.browser() as browser:
        foreign = await Person(other, browser).tokens()
    assert not await is_active(site, foreign["access_token"])
    assert await status_of_userinfo(site, foreign["access_token"]) == 401


async def test_a_revoked_token_does_not_live_on_as_its_twin(
    site: Installation, jwks: dict[str, Any]
) -> None:
    """S37: other bytes with a valid signature carry the same handle, and that is dead."""
    async with site.browser() as browser:
        token = (await Person(site, browser).tokens())["access_token"]
    twin = Loot(token, jwks).twin
    assert twin != token
    assert await is_active(site, twin), "the twin is genuine: else this test shows nothing"
    assert (await site.post("/revoke", "app", token=token)).status_code == 200
    assert not await is_active(site, token)
    assert not await is_active(site, twin)
    assert await status_of_userinfo(site, twin) == 401
