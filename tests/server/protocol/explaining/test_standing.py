"""What stands behind a token is looked at, thing by thing; no guard asks for it (S109)."""

from typing import Any

import pytest

from counterfoil.oauth.access import Access
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.explain import explain
from counterfoil.server.protocol.explaining.explanation import Outcome, Step, Verdict
from counterfoil.server.records.family import Family
from tests.installation import NOTES, Installation, Person

pytestmark = pytest.mark.anyio


async def steps_after(
    place: Installation, person: Person, token: str, work: Any
) -> tuple[Verdict, dict[str, Step]]:
    await place.authority.store.transact(work)
    found = await explain(place.authority, token)
    return found.verdict, {step.check: step for step in found.steps}


async def family_of(place: Installation, person: Person) -> Family:
    live = await place.authority.store.read(lambda tx: tx.families.live_of_user(person.user_id))
    return live[-1]


async def test_a_session_that_ran_out_is_said_and_the_token_stands_at_guards(
    place: Installation, person: Person
):
    """S109: nothing was ended, so no guard refuses; it only cannot be renewed."""
    token = (await person.tokens())["access_token"]
    family = await family_of(place, person)

    async def work(tx: Any) -> None:
        session = await tx.sessions.find(family.session_id)
        await tx.sessions.end(session.id, tx.now)

    verdict, steps = await steps_after(place, person, token, work)
    assert verdict is Verdict.STANDS
    assert (steps["session"].outcome, steps["session"].decides) == (Outcome.FAILED, False)


async def test_a_permission_that_shrank_is_said(place: Installation, person: Person):
    token = (await person.tokens(scope="openid notes:read notes:write"))["access_token"]
    family = await family_of(place, person)

    async def work(tx: Any) -> None:
        from msgspec.structs import replace

        grant = await tx.grants.find(family.grant_id)
        less = Access({NOTES: frozenset({"notes:read"})}, frozenset({"openid"}))
        await tx.grants.allow(replace(grant, access=less, updated_at=tx.now))

    _, steps = await steps_after(place, person, token, work)
    assert steps["permission"].outcome is Outcome.FAILED
    assert steps["permission"].since == int(place.clock())


async def test_why_an_authorization_ended_is_said_in_words(place: Installation, person: Person):
    """S109: also a word that is newer than this page."""
    for why, words in (("refresh_reused", "used a second time"), ("some_new_way", "some new way")):
        token = (await person.tokens())["access_token"]
        family = await family_of(place, person)
        _, steps = await steps_after(
            place,
            person,
            token,
            lambda tx, f=family, w=why: revocation.end_family(tx, f.id, w, events.CLI),
        )
        assert words in steps["authorization"].sentence


async def test_offline_access_goes_on_without_a_session(place: Installation, person: Person):
    token = (await person.tokens(scope="openid notes:read offline_access"))["access_token"]
    _, steps = await steps_after(
        place, person, token, lambda tx: revocation.end_everything_of(tx, "x", "y", events.CLI)
    )
    assert "without the person being signed in" in steps["session"].sentence
