"""People by the admin API."""

import pytest

from tests.administration import Administrator
from tests.installation import PASSWORD, Installation, Person
from tests.joinings import join
from tests.joinings import open_link as open_invitation
from tests.recoveries import choose, mail_for, open_link, token_for
from tests.second_factors import enrol, half, is_in

pytestmark = pytest.mark.anyio


async def test_a_person_is_added_and_signs_in(place: Installation, admin: Administrator) -> None:
    body = {"email": "new@example.com", "name": "New", "language": "de"}
    made = await admin.post("/api/users", body, 201)
    assert "cfal_" not in str(made)
    assert made["is_admin"] is False
    assert made["language"] == "de"
    assert made == await admin.get(f"/api/users/{made['id']}")
    async with place.browser() as browser:
        page = await open_invitation(browser, await token_for(place, "new@example.com"))
        assert (await join(browser, page)).status_code == 200
        await Person(place, browser, "new@example.com", made["id"]).tokens()
    assert await admin.refused("POST", "/api/users", json=body) == (409, "conflict")


@pytest.mark.parametrize(
    "body",
    [
        {"email": "no"},
        {"name": "x"},
        {"email": "x@example.com", "password": PASSWORD},
        {"email": "x@example.com", "name": "a\u0000b"},
        {"email": "x@example.com", "language": "fr"},
        {"email": "x@example.com", "is_admin": True},
        {"email": "x@example.com", "id": "chosen"},
    ],
)
async def test_what_makes_no_sense_is_refused(admin: Administrator, body: object) -> None:
    assert await admin.refused("POST", "/api/users", json=body) == (400, "invalid_request")


async def test_disabling_ends_everything_and_enabling_brings_nothing_back(
    admin: Administrator, person: Person
) -> None:
    await person.tokens()
    path = f"/api/users/{person.user_id}"
    receipt = await admin.post(f"{path}/disable")
    assert (receipt["sessions_ended"], receipt["families_ended"]) == (1, 1)
    assert (await admin.get(path))["disabled_at"] is not None
    assert (await admin.post(f"{path}/enable"))["disabled_at"] is None
    page = await admin.get("/api/sessions", user_id=person.user_id)
    assert page["sessions"] == []


async def test_a_recovery_is_started_and_only_the_person_gets_the_link(
    place: Installation, admin: Administrator, person: Person
) -> None:
    """S72: nothing ends before they choose."""
    await person.tokens()
    path = f"/api/users/{person.user_id}"
    assert "cfal_" not in str(await admin.post(f"{path}/recover"))
    page = await admin.get("/api/sessions", user_id=person.user_id)
    assert len(page["sessions"]) == 1
    newest = (await admin.get("/api/events", subject=person.user_id))["events"][0]
    assert newest["kind"] == "recovery_started"
    opened = await open_link(person.browser, await token_for(place, person.email))
    assert (await choose(person.browser, opened)).status_code == 200
    assert await admin.refused("POST", "/api/users/nobody/recover") == (404, "not_found")
    await admin.post(f"{path}/disable")
    assert await admin.refused("POST", f"{path}/recover") == (400, "invalid_request")


async def test_a_deleted_person_is_gone_with_everything(
    admin: Administrator, person: Person
) -> None:
    await person.tokens()
    path = f"/api/users/{person.user_id}"
    receipt = await admin.post(f"{path}/delete")
    assert (receipt["sessions_ended"], receipt["families_ended"]) == (1, 1)
    assert await admin.refused("GET", path) == (404, "not_found")
    assert await admin.refused("POST", f"{path}/delete") == (404, "not_found")
    assert (await admin.get("/api/events", subject=person.user_id))["events"] == []


async def test_a_second_factor_is_taken_away_and_everything_ends(
    place: Installation, admin: Administrator, person: Person
) -> None:
    """S105: the person signs in with the password alone then, and is told."""
    path = f"/api/users/{person.user_id}"
    await enrol(person)
    assert (await admin.get(path))["second_factor"] is True
    await admin.post(f"{path}/reset-second-factor")
    assert (await admin.get(path))["second_factor"] is False
    page = await admin.get("/api/sessions", user_id=person.user_id)
    assert page["sessions"] == []
    await half(person)
    assert await is_in(person)
    told = " ".join(" ".join(await mail_for(place, person.email)).split())
    assert "are good no more" in told
    assert "asks for a code" in told


async def test_that_a_person_has_changed_ends_nothing(admin: Administrator, person: Person) -> None:
    await person.tokens()
    receipt = await admin.post(f"/api/users/{person.user_id}/changed")
    assert (receipt["sessions_ended"], receipt["families_ended"], receipt["ended"]) == (0, 0, False)
    newest = (await admin.get("/api/events", subject=person.user_id))["events"][0]
    assert newest["kind"] == "user_data_changed"
    page = await admin.get("/api/sessions", user_id=person.user_id)
    assert len(page["sessions"]) == 1


async def test_people_are_listed_newest_first(admin: Administrator, person: Person) -> None:
    page = await admin.get("/api/users", limit=200)
    assert person.user_id in [each["id"] for each in page["users"]]
    ages = [each["created_at"] for each in page["users"]]
    assert ages == sorted(ages, reverse=True)
    assert "password" not in str(page)


async def test_who_is_not_there_is_not_found(admin: Administrator) -> None:
    assert await admin.refused("GET", "/api/users/nobody") == (404, "not_found")
    assert await admin.refused("POST", "/api/users/nobody/disable") == (404, "not_found")
    assert await admin.refused("POST", "/api/users/nobody/changed") == (404, "not_found")
