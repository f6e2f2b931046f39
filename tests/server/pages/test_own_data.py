"""My account, one's own data: a file for nobody else, soon after the sign-in alone."""

import httpx2
import pytest

from counterfoil.server.protocol import own_data
from tests.installation import Installation, Person, hidden_fields

pytestmark = pytest.mark.anyio


async def download(person: Person) -> httpx2.Response:
    page = await person.browser.get("/account/data")
    assert page.status_code == 200
    return await person.browser.post("/account/data", data=hidden_fields(page.text))


async def test_the_file_holds_what_is_kept_and_no_cache_keeps_it(
    place: Installation, person: Person, monkeypatch: pytest.MonkeyPatch
):
    """However many events there are: they come part by part."""
    monkeypatch.setattr(own_data, "EVENTS_AT_ONCE", 2)
    tokens = await person.tokens()
    answer = await download(person)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="my-account.json"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    document = answer.json()
    assert document["profile"][0]["email"] == person.email
    assert [each["client_id"] for each in document["grants"]] == ["app"]
    kinds = [each["kind"] for each in document["events"]]
    assert kinds == ["family_started", "consent_given", "signed_in", "user_added"]
    assert tokens["access_token"] not in answer.text
    assert "argon2" not in answer.text


async def test_an_old_sign_in_is_not_enough(place: Installation, person: Person):
    await person.code()
    page = await person.browser.get("/account/data")
    fields = hidden_fields(page.text)
    place.clock.turn(place.authority.settings.fresh_sign_in_age)
    for answer in (
        await person.browser.get("/account/data"),
        await person.browser.post("/account/data", data=fields),
    ):
        assert answer.headers["location"] == "/sign-in?next=data"
    again = await person.sign_in(await person.browser.get("/sign-in?next=data"))
    assert "Download your data" in again.text
