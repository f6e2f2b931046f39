"""Who may come to the admin pages."""

import re

import pytest

from counterfoil.server.app import ROUTES
from counterfoil.server.pages.admin.routes import ADMIN_ROUTES
from counterfoil.server.pages.admin.visit import ROOMS, SAYS
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio
ADMIN = [each for each in ROUTES if each.path.startswith("/admin")]
EVERY = pytest.mark.parametrize("route", ADMIN, ids=lambda each: f"{each.methods[0]} {each.path}")


def address_of(route) -> str:
    return re.sub(r"\{\w+\}", "x", route.path)


def test_every_admin_page_is_in_the_guarded_table() -> None:
    assert list(ADMIN_ROUTES) == ADMIN, "no page stands beside the table"
    assert dict(ROOMS).keys() == SAYS.keys()


@EVERY
async def test_who_is_not_signed_in_is_sent_to_sign_in(place: Installation, route) -> None:
    async with place.browser() as stranger:
        answer = await stranger.request(route.methods[0], address_of(route))
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


@EVERY
async def test_who_is_no_administrator_is_told_so_before_anything_is_looked_up(
    person: Person, route
) -> None:
    await person.tokens()
    answer = await person.browser.request(route.methods[0], address_of(route))
    assert answer.status_code == 403
    assert "for administrators" in answer.text


async def test_an_administrator_finds_the_way_from_home(boss: Person, person: Person) -> None:
    assert 'href="/admin/"' in (await boss.browser.get("/")).text
    await person.tokens()
    assert "/admin/" not in (await person.browser.get("/")).text
    answer = await boss.browser.get("/admin")
    assert answer.headers["location"] == "/admin/"


async def test_what_is_not_there_is_404(boss: Person) -> None:
    for path in ("clients/x", "users/x", "grants/x", "sessions/x", "keys/x", "apis/named?uri=x"):
        answer = await boss.browser.get(f"/admin/{path}")
        assert answer.status_code == 404, path
