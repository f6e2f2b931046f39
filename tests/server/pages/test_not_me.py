"""My account, "this was not me": everything else ends, and the administrators see it."""

from typing import Any

import httpx2
import pytest

from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.session import Origin
from tests.installation import PASSWORD, Installation, Person, hidden_fields
from tests.server.pages.document import Document

pytestmark = pytest.mark.anyio
NEW = "a password of her own"


async def links_of(person: Person, room: str) -> list[str]:
    page = Document((await person.browser.get(f"/account/{room}")).text)
    hrefs = [link.attributes["href"] for link in page.all("a")]
    return [href for href in hrefs if href.startswith("/account/not-me?")]


async def disown(person: Person, link: str, **fields: str) -> httpx2.Response:
    page = await person.browser.get(link)
    form = hidden_fields(page.text) | {"current": PASSWORD, "new": NEW, "again": NEW} | fields
    return await person.browser.post("/account/not-me", data=form)


async def alarms(place: Installation, person: Person) -> list[str]:
    query = EventQuery(kind=EventKind.INTRUSION_REPORTED, subject=person.user_id)
    found = await place.authority.store.read(lambda tx: tx.events.find(query))
    return [each.detail["of"] for each in found]


async def test_from_the_activity_everything_else_ends_and_the_password_is_new(
    place: Installation, person: Person, visitor: Person
):
    """S38: with the receipt, and the administrators' event."""
    stolen = await visitor.tokens(scope="openid notes:read offline_access")
    place.clock.turn(60)
    await person.code()
    *_, link = await links_of(person, "activity")
    asked = await person.browser.get(link)
    assert "You signed in. 15 January 2027" in asked.text
    done = await disown(person, link)
    assert done.status_code == 200
    assert "1 browser was signed out and 1 session of an app ended." in done.text
    assert "Your password is the new one. The administrators are told." in done.text
    assert str(place.authority.hub.position) in done.text
    answer = await place.post("/introspect", "app", token=stolen["access_token"])
    assert answer.json() == {"active": False}
    assert (await visitor.browser.get("/account/apps")).status_code == 303
    assert (await person.browser.get("/account/apps")).status_code == 200
    for password, status in ((PASSWORD, 400), (NEW, 200)):
        again = await visitor.browser.get("/sign-in")
        assert (await visitor.sign_in(again, password=password)).status_code == status
    (of,) = await alarms(place, person)
    assert link == f"/account/not-me?about={of}"


async def test_an_app_that_a_copy_of_this_browsers_cookie_signed_in_ends_too(
    place: Installation, person: Person
):
    """It stands in the very session that stays: it was disowned, so it does not."""
    async with place.browser() as copied:
        await person.code()
        copied.cookies.update(person.browser.cookies)
        thief = Person(place, copied, person.email, person.user_id)
        stolen, unspent = await thief.tokens(), await thief.code()
        assert (await disown(person, (await links_of(person, "activity"))[0])).status_code == 200
        answer = await place.post("/introspect", "app", token=stolen["access_token"])
        assert answer.json() == {"active": False}
        assert (await thief.exchange(unspent)).json()["error"] == "invalid_grant"
        assert (await copied.get("/account/apps")).status_code == 303
        assert (await person.browser.get("/account/apps")).status_code == 200


@pytest.mark.parametrize("kind", ["session", "family"])
async def test_from_the_devices(place: Installation, person: Person, visitor: Person, kind: str):
    """S06: beside each browser and app."""
    await visitor.tokens(scope="openid notes:read offline_access")
    await person.code()
    (link,) = [each for each in await links_of(person, "devices") if f"?about={kind}:" in each]
    assert (await disown(person, link)).status_code == 200
    (of,) = await alarms(place, person)
    assert link == f"/account/not-me?about={of}"


async def test_from_a_browser_that_is_only_remembered(place: Installation, person: Person):
    """S24: it is signed in nowhere, and comes back all the same; another person's is none."""
    await person.code()

    async def work(tx: Any) -> None:
        for name, user_id in (("theirs", person.user_id), ("others", "somebody else")):
            remembered = RememberedBrowser(
                id=f"{name} {person.user_id}", user_id=user_id, digest=name.encode(), browser="b",
                auth_time=tx.now, amr=("pwd",), used_at=tx.now, expires_at=tx.now + 86_400,
                origin=Origin("192.0.2.9", "Firefox"),
            )  # fmt: skip
            await tx.remembered_browsers.add(remembered)

    await place.authority.store.transact(work)
    (link,) = [each for each in await links_of(person, "devices") if "?about=remembered:" in each]
    asked = await person.browser.get(link)
    assert "A browser, signed in since" in asked.text
    other = await person.browser.get(f"/account/not-me?about=remembered:others {person.user_id}")
    assert other.status_code == 400
    assert "1 browser is remembered no more" in (await disown(person, link)).text
    assert await alarms(place, person) == [f"remembered:theirs {person.user_id}"]


async def test_it_stands_on_the_page_of_the_person_for_administrators(
    place: Installation, person: Person
):
    await person.code()
    await disown(person, (await links_of(person, "activity"))[0])
    boss = await place.add_user("boss@example.com", is_admin=True)
    async with place.browser() as browser:
        await Person(place, browser, boss.email, boss.id).sign_in(await browser.get("/sign-in"))
        page = await browser.get(f"/admin/users/{person.user_id}")
        assert page.text.count("aid “this was not me”") == 2
        other = await browser.get(f"/admin/users/{boss.id}")
        assert "this was not me" not in other.text


@pytest.mark.parametrize(
    "fields", [{"current": "wrong"}, {"again": "another"}, {"new": "short", "again": "short"}]
)
async def test_a_mistake_ends_nothing(
    place: Installation, person: Person, visitor: Person, fields: dict[str, str]
):
    await visitor.code()
    await person.code()
    answer = await disown(person, (await links_of(person, "activity"))[0], **fields)
    assert answer.status_code == 400
    assert (await visitor.browser.get("/account/apps")).status_code == 200
    assert await alarms(place, person) == []
