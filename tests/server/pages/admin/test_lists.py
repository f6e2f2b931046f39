"""The lists of the admin pages."""

import html
import re

import pytest

from tests.installation import NOTES, Installation, Person

pytestmark = pytest.mark.anyio


async def test_each_room_lists_what_there_is(boss: Person, person: Person) -> None:
    await person.tokens()
    for room, told in (
        ("clients", "service"),
        ("apis", NOTES),
        ("users", person.email),
        ("grants", person.email),
        ("sessions", person.email),
        ("keys", "ES256"),
        ("events", "consent given"),
    ):
        page = await boss.browser.get(f"/admin/{room}")
        assert told in html.unescape(page.text), room


async def test_a_long_list_is_read_in_parts_each_line_once(
    place: Installation, boss: Person
) -> None:
    for number in range(120):
        await place.add_client(f"many-{number}")
    found: list[str] = []
    path, parts = "/admin/clients", 0
    while path:
        page = (await boss.browser.get(path)).text
        found += re.findall(r'href="/admin/clients/([^"]+)"', page)
        older = re.search(r'href="([^"]+)">Older ones', page)
        path = html.unescape(older[1]) if older else ""
        assert ("Back to the newest" in page) == (parts > 0)
        parts += 1
    every = await place.authority.store.read(lambda tx: tx.clients.every())
    assert sorted(found) == sorted(each.client_id for each in every)
    assert parts > 2


async def test_the_grants_and_sessions_of_one_person(
    boss: Person, person: Person, visitor: Person
) -> None:
    await visitor.tokens()
    page = (await boss.browser.get(f"/admin/grants?user_id={person.user_id}")).text
    assert page.count(person.email) == page.count('class="name"') == 1
    page = (await boss.browser.get(f"/admin/sessions?user_id={person.user_id}")).text
    assert page.count('class="name"') == 1
    page = (await boss.browser.get("/admin/grants?user_id=nobody")).text
    assert "There is nothing in this list." in page


async def test_a_cursor_of_somebody_else_is_refused(boss: Person) -> None:
    assert (await boss.browser.get("/admin/events?cursor=zzz")).status_code == 400
