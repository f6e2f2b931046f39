"""Minting for people: by which right, under which family, and what is written down (S58)."""

from typing import Any

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.server.protocol.mint_for_others import MOST_PEOPLE
from counterfoil.server.records.event import EventKind, EventQuery
from tests.installation import NOTES, Installation, Person
from tests.minting import ONE, add_minter, give_right, mint, minted, paths, whom

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def minting(place: Installation) -> Installation:
    await add_minter(place)
    return place


async def claims_for(place: Installation, user_id: str, **members: Any) -> dict[str, Any]:
    token = await minted(
        place, members.pop("client_id", "minter"), subject=whom(user_id), **members
    )
    return unverified_claims(token)


async def test_the_token_is_the_persons_and_says_who_made_it(minting: Installation, person: Person):
    """S59: `client_id`, and `act` where it is for somebody (RFC 8693 §4.1)."""
    await give_right(minting, person.user_id)
    claims = await claims_for(minting, person.user_id)
    assert (claims["sub"], claims["client_id"]) == (person.user_id, "minter")
    assert claims["act"] == {"sub": "minter"}
    assert claims["jti"].startswith(claims["fam"] + ".")
    assert "auth_time" not in claims
    assert "may_act" not in claims


async def test_a_person_is_named_by_id_or_email(minting: Installation, person: Person):
    """RFC 9493."""
    await give_right(minting, person.user_id)
    for subject in (
        {"format": "email", "email": person.email.upper()},
        {"format": "iss_sub", "iss": minting.issuer, "sub": person.user_id},
    ):
        assert unverified_claims(await minted(minting, subject=subject))["sub"] == person.user_id
    other = {"format": "iss_sub", "iss": "https://other.example", "sub": person.user_id}
    answer = await mint(minting, ONE | {"subject": other})
    assert answer.status_code == 403
    for strange in ("somebody", {"format": "phone"}, {"format": "opaque"}):
        assert paths(await mint(minting, ONE | {"subject": strange}))[0].startswith("$.subject")


async def test_there_is_one_family_for_a_right_and_a_person(minting: Installation, person: Person):
    right = await give_right(minting, person.user_id)
    described = [ONE | {"subject": whom(person.user_id), "lifetime": n} for n in (60, 300, 120)]
    answers = (await mint(minting, described)).json()
    families = {unverified_claims(each["access_token"])["fam"] for each in answers}
    families.add((await claims_for(minting, person.user_id))["fam"])
    (family_id,) = families
    store = minting.authority.store
    made = await store.read(lambda tx: tx.mint_rights.of_family(family_id))
    assert (made.right_id, made.tokens) == (right.id, 4)
    family = await store.read(lambda tx: tx.families.find(family_id))
    usual = minting.authority.settings.access_token_lifetime
    assert family.access_expires_at == int(minting.clock()) + usual


async def test_each_call_leaves_one_event_for_each_person(minting: Installation, person: Person):
    """S58: who, for whom, what, and how many."""
    right = await give_right(minting, person.user_id)
    described = ONE | {"subject": whom(person.user_id)}
    answers = (await mint(minting, [described, described])).json()
    family_id = unverified_claims(answers[0]["access_token"])["fam"]
    query = EventQuery(kind=EventKind.TOKENS_MINTED, subject=family_id)
    (event,) = await minting.authority.store.read(lambda tx: tx.events.find(query))
    assert event.actor == "client:minter"
    assert event.proof.startswith("secret:")
    assert event.detail == {
        "client_id": "minter",
        "user_id": person.user_id,
        "right_id": right.id,
        "tokens": "2",
        "audience": NOTES,
        "scope": "notes:read",
    }


async def test_the_right_bounds_the_lifetime(minting: Installation, person: Person):
    """By its own greatest, and by the hour at which it ends."""
    await add_minter(minting, "brief")
    now = int(minting.clock())
    await give_right(minting, person.user_id, client_id="brief", longest=50)
    described = ONE | {"subject": whom(person.user_id)}
    assert (await mint(minting, described, "brief")).json()["expires_in"] == 50
    assert paths(await mint(minting, described | {"lifetime": 51}, "brief")) == ["$.lifetime"]
    await add_minter(minting, "ending")
    await give_right(minting, person.user_id, client_id="ending", ends_at=now + 40)
    assert (await mint(minting, described, "ending")).json()["expires_in"] == 40


async def test_of_several_rights_that_counts_which_fits(minting: Installation, person: Person):
    await add_minter(minting, "two")
    write = {NOTES: frozenset({"notes:write"})}
    await give_right(minting, person.user_id, client_id="two", longest=50)
    await give_right(minting, client_id="two", longest=100)
    await give_right(minting, client_id="two", longest=200, apis=write)
    described = ONE | {"subject": whom(person.user_id)}
    assert (await mint(minting, described, "two")).json()["expires_in"] == 100
    both = described | {"scope": "notes:read notes:write"}
    assert (await mint(minting, both, "two")).status_code == 403


async def test_only_so_many_people_at_once(minting: Installation):
    """Each is written down in the one transaction."""
    await add_minter(minting, "wide")
    await give_right(minting, client_id="wide")
    people = [await minting.add_user(f"p{n}@example.com") for n in range(MOST_PEOPLE + 1)]
    described = [ONE | {"subject": whom(each.id)} for each in people]
    assert paths(await mint(minting, described, "wide")) == ["$"]
    assert paths(await mint(minting, described, "wide", answer="each")) == ["$"]
    answers = (await mint(minting, described[:-1], "wide")).json()
    assert len({unverified_claims(each["access_token"])["sub"] for each in answers}) == MOST_PEOPLE
