"""Refresh tokens: stolen, raced, repeated, forged (RFC 9700 §4.14, OAuth 2.1 §4.3)."""

import asyncio
import os
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_claims as claims_of
from counterfoil.oauth.opaque import Kind, content_of, spell
from counterfoil.server.keys.master_key import load_master_key
from counterfoil.server.keys.sealing import KEY_BYTES, NotSealed, Sealing, derive
from counterfoil.server.keys.server_secret import NAME, ServerKeys
from counterfoil.server.protocol.refresh_tokens import (
    RANDOM_BYTES,
    read_refresh_token,
    spell_refresh_token,
)
from counterfoil.server.records.store import Transaction
from tests.engines import values_of
from tests.installation import Installation, Person, installed, token_request

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


async def test_a_repeat_within_the_window_gives_nothing_that_was_not_given(
    own: Installation,
) -> None:
    """A lost answer is not an attack: the same successor, byte for byte, and never a second one.

    A repeat does not make the window longer.
    """
    first = await tokens_of(own)
    second = (await refresh(own, first["refresh_token"])).json()
    for _ in range(3):
        own.clock.turn(3)
        again = (await refresh(own, first["refresh_token"])).json()
        assert again["refresh_token"] == second["refresh_token"]
    own.clock.turn(1)
    assert refuses(await refresh(own, first["refresh_token"]))
    for token in (second["access_token"], again["access_token"], second["refresh_token"]):
        assert not await is_active(own, token)


@pytest.mark.parametrize("seconds", [0, 9, 10, 3600])
async def test_a_thief_who_refreshes_twice_is_noticed_by_the_owner(
    own: Installation, seconds: int
) -> None:
    """S19, S50: the thief was first, and has used what he got: the owner's next refresh ends it."""
    stolen = (await tokens_of(own, "spa"))["refresh_token"]
    loot = (await refresh(own, stolen, "spa")).json()
    loot = (await refresh(own, loot["refresh_token"], "spa")).json()
    own.clock.turn(seconds)
    assert refuses(await refresh(own, stolen, "spa"))
    assert not await opens_userinfo(own, loot["access_token"])
    assert refuses(await refresh(own, loot["refresh_token"], "spa"))


async def test_after_the_window_whoever_is_second_ends_the_family(own: Installation) -> None:
    """S19, S39: thief and owner cannot be told apart; both are out, and a person signs in again."""
    stolen = (await tokens_of(own, "spa"))["refresh_token"]
    early = (await refresh(own, stolen, "spa")).json()
    own.clock.turn(10)
    assert refuses(await refresh(own, stolen, "spa"))
    assert not await opens_userinfo(own, early["access_token"])
    assert refuses(await refresh(own, early["refresh_token"], "spa"))


async def test_a_thief_within_the_window_shares_one_chain_that_the_next_turn_ends(
    own: Installation,
) -> None:
    """Both hold the same successor: it is exchanged once, and who comes too late ends it."""
    stolen = (await tokens_of(own, "spa"))["refresh_token"]
    thief = (await refresh(own, stolen, "spa")).json()
    owner = (await refresh(own, stolen, "spa")).json()
    assert thief["refresh_token"] == owner["refresh_token"]
    next_of_owner = (await refresh(own, owner["refresh_token"], "spa")).json()
    own.clock.turn(10)
    assert refuses(await refresh(own, thief["refresh_token"], "spa"))
    for each in (thief, owner, next_of_owner):
        assert not await opens_userinfo(own, each["access_token"])


async def opens_userinfo(own: Installation, token: str) -> bool:
    """Whether a token stands whose client may not introspect."""
    async with own.browser() as browser:
        answer = await browser.get("/userinfo", headers={"authorization": f"Bearer {token}"})
        return answer.status_code == 200


async def server_secret_of(own: Installation) -> bytes:
    sealed = await own.authority.store.read(lambda tx: tx.sealed.get(NAME))
    assert sealed is not None
    return load_master_key(own.authority.settings, os.urandom).open(sealed, NAME)


async def test_the_database_alone_does_not_open_the_successor(own: Installation) -> None:
    """S19: whoever reads all of it, and holds the server's keys too, has no refresh token."""
    predecessor = (await tokens_of(own))["refresh_token"]
    successor = (await refresh(own, predecessor)).json()["refresh_token"]
    shown = read_refresh_token(own.authority.keys.refresh_mac, predecessor)
    assert shown is not None
    values = await values_of(own.authority.settings)
    (sealed,) = [value for value in values if len(value) == 29 + len(successor)]
    assert successor.encode() not in b"".join(values)
    assert predecessor.encode() not in b"".join(values)
    secret = await server_secret_of(own)
    keys = [derive(secret, purpose) for purpose in ServerKeys.__struct_fields__]
    assert own.authority.keys.pending in keys
    known = [*values, secret, *keys]
    for value in known:
        for key in (value, derive(value, "refresh successor"), derive(value, "")):
            if len(key) == KEY_BYTES:
                with pytest.raises(NotSealed):
                    Sealing(key, os.urandom).open(sealed, "refresh successor")
    opened = shown.open_successor(sealed, os.urandom)
    assert opened is not None
    assert opened.reveal() == successor, "so the search above looked in the right place"


async def test_a_predecessor_that_is_not_the_true_one_is_reuse(own: Installation) -> None:
    """With the server's MAC key at hand, a thief can spell a predecessor, but not the one."""
    first = await tokens_of(own)
    second = (await refresh(own, first["refresh_token"])).json()
    key = own.authority.keys.refresh_mac
    shown = read_refresh_token(key, first["refresh_token"])
    assert shown is not None
    forged = spell_refresh_token(key, shown.family_id, shown.generation, b"f" * RANDOM_BYTES)
    assert refuses(await refresh(own, forged.reveal()))
    assert not await is_active(own, second["access_token"])


@pytest.mark.parametrize("mend", ["flipped", "cut", "of another family", "nothing"])
async def test_a_tampered_seal_is_never_handed_out(own: Installation, mend: str) -> None:
    """Whoever can write to the database gets a family ended, and no token of their choice."""
    first, other = await tokens_of(own), await tokens_of(own)
    second = (await refresh(own, first["refresh_token"])).json()
    foreign = (await refresh(own, other["refresh_token"])).json()
    mine, theirs = (claims_of(each["access_token"])["fam"] for each in (second, foreign))

    async def work(tx: Transaction) -> None:
        family, another = await tx.families.find(mine), await tx.families.find(theirs)
        assert family is not None
        assert another is not None
        assert family.sealed_successor is not None
        sealed = {
            "flipped": family.sealed_successor[:-1] + bytes([family.sealed_successor[-1] ^ 1]),
            "cut": family.sealed_successor[:20],
            "of another family": another.sealed_successor,
            "nothing": None,
        }[mend]
        tampered = replace(family, sealed_successor=sealed)
        assert await tx.families.rotate(tampered, family.refresh_generation)

    await own.authority.store.transact(work)
    assert refuses(await refresh(own, first["refresh_token"]))
    assert not await is_active(own, second["access_token"])
    assert await is_active(own, foreign["access_token"])


async def test_a_wrong_client_gets_no_successor_within_the_window(own: Installation) -> None:
    """The window is for the same client: another one gets nothing, and ends nothing."""
    first = await tokens_of(own)
    second = (await refresh(own, first["refresh_token"])).json()
    assert refuses(await refresh(own, first["refresh_token"], "spa"))
    assert await is_active(own, second["access_token"])
    assert (await refresh(own, second["refresh_token"])).status_code == 200


async def test_a_window_of_nothing_makes_every_repeat_reuse(tmp_path: Path) -> None:
    """Who would rather sign people out than answer twice sets it so."""
    async with installed(tmp_path, refresh_window=0) as own:
        first = await tokens_of(own)
        second = (await refresh(own, first["refresh_token"])).json()
        assert refuses(await refresh(own, first["refresh_token"]))
        assert not await is_active(own, second["access_token"])


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
    """S50: a confidential client's tokens are bound to its authentication (RFC 9700 §4.14.2)."""
    first = await tokens_of(own)
    async with own.browser() as thief:
        form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        for more in ({"client_id": "app"}, {"client_id": "app", "client_secret": "guess"}, {}):
            answer = await thief.post("/token", data=form | more)
            assert answer.status_code == 401
            assert answer.json()["error"] == "invalid_client"
    assert (await refresh(own, first["refresh_token"])).status_code == 200


async def test_a_storm_of_refreshes_makes_one_successor(own: Installation) -> None:
    """S19: fifty at one moment: one successor, nobody is signed out, and no family grows two."""
    first = await tokens_of(own)
    answers = await asyncio.gather(*(refresh(own, first["refresh_token"]) for _ in range(50)))
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    third = (await refresh(own, successor)).json()
    assert await is_active(own, third["access_token"])
    assert refuses(await refresh(own, first["refresh_token"])), "the successor has been used"
    assert not await is_active(own, third["access_token"])


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
    """S16, S31: idle for 90 days, or a year after the sign-in however often it was used."""
    asked = {"scope": "openid offline_access notes:read"}
    idle = await tokens_of(own, **asked)
    busy = await tokens_of(own, **asked)
    for _ in range(4):
        own.clock.turn(89 * 86_400)
        busy = (await refresh(own, busy["refresh_token"])).json()
    assert refuses(await refresh(own, idle["refresh_token"]))
    own.clock.turn(9 * 86_400)
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
