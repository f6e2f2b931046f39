"""Deciding refresh_token: rotated, repeated, reused or expired."""

import pytest

from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import Family
from tests.installation import NOTES, Installation, Person, token_request

pytestmark = pytest.mark.anyio


async def refresh(place: Installation, tokens: dict[str, str], **form: str):
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]} | form
    return await token_request(place, "app", **form)


async def family_of(person: Person) -> Family:
    store = person.installation.authority.store
    (family,) = await store.read(lambda tx: tx.families.live_of_user(person.user_id))
    return family


async def latest(place: Installation) -> EventKind:
    (event,) = await place.authority.store.read(lambda tx: tx.events.latest(1))
    return event.kind


async def test_a_rotation_writes_the_family_and_no_notice(place: Installation, person: Person):
    """S93: one row however often; guards have nothing to learn (§4.10)."""
    tokens = await person.tokens()
    await place.authority.hub.catch_up()
    before = place.authority.hub.position
    await refresh(place, tokens)
    await place.authority.hub.catch_up()
    assert place.authority.hub.position == before
    assert (await family_of(person)).refresh_generation == 2


async def test_where_it_was_refreshed_from_is_remembered(place: Installation, person: Person):
    """S06: device and place of the last use."""
    tokens = await person.tokens()
    place.clock.turn(60)
    async with place.browser(headers={"user-agent": "Phone/1"}) as phone:
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        await phone.post("/token", data=form, auth=("app", place.secrets["app"]))
    family = await family_of(person)
    assert family.origin.user_agent == "Phone/1"
    assert family.last_used_at == int(place.clock())


async def test_a_mistake_costs_nothing(place: Installation, person: Person):
    """Raised, and rolled back: the refresh token stays as good as it was."""
    tokens = await person.tokens()
    assert (await refresh(place, tokens, scope="email")).json()["error"] == "invalid_scope"
    wrong = await refresh(place, tokens, resource="https://other.example")
    assert wrong.json()["error"] == "invalid_target"
    assert (await refresh(place, tokens)).status_code == 200


async def test_a_repeat_is_noted_and_refused(place: Installation, person: Person):
    """S19: inside the window, the successor unused."""
    tokens = await person.tokens()
    await refresh(place, tokens)
    assert "successor" in (await refresh(place, tokens)).json()["error_description"]
    assert await latest(place) is EventKind.REFRESH_REPEATED


async def test_reuse_is_noted_and_ends_the_family(place: Installation, person: Person):
    """S19, S111."""
    tokens = await person.tokens()
    await refresh(place, tokens)
    place.clock.turn(place.authority.settings.refresh_window)
    assert "ended" in (await refresh(place, tokens)).json()["error_description"]
    assert await latest(place) is EventKind.FAMILY_ENDED
    assert (await refresh(place, tokens)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("token", ["", "x", "cfrt_x", "cfac_AAAAAAAAAAAAAAAAAAAA-00000000"])
async def test_what_names_nothing_is_refused(place: Installation, token: str):
    answer = await refresh(place, {"refresh_token": token})
    expected = "invalid_grant" if token else "invalid_request"
    assert answer.json()["error"] == expected


async def consent_anew(person: Person, permissions: list[str], **parameters: str) -> None:
    """Let the app ask again, and allow only this."""
    page = await person.open(prompt="consent", **parameters)
    assert (await person.allow(page, permissions=permissions)).status_code == 303


async def test_what_may_do_what_was_taken_back_is_ended(place: Installation, person: Person):
    """S14: a permission that is not ticked any more ends what was allowed more, at once."""
    scope = "openid notes:read notes:write"
    tokens = await person.tokens(scope=scope)
    less = await person.tokens(scope="openid notes:read")
    await consent_anew(person, ["openid", f"{NOTES} notes:read"], scope=scope)
    refused = await refresh(place, tokens)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    introspected = await place.post("/introspect", "app", token=tokens["access_token"])
    assert introspected.json() == {"active": False}
    assert (await refresh(place, less)).status_code == 200


async def test_where_all_was_taken_back_nothing_is_refreshed(place: Installation, person: Person):
    tokens = await person.tokens(scope="notes:write")
    await consent_anew(person, [f"{NOTES} notes:read"], scope="notes:read notes:write")
    refused = await refresh(place, tokens)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def test_who_may_not_go_on_while_the_person_is_away_does_not(
    place: Installation, person: Person
):
    """OpenID Connect Core §11: taken back from what was granted before, too."""
    scope = "openid offline_access notes:read"
    tokens = await person.tokens(scope=scope)
    await consent_anew(person, ["openid", f"{NOTES} notes:read"], scope=scope)
    refused = await refresh(place, tokens)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
