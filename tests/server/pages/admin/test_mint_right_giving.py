"""An administrator lets a client mint for people, and takes it back, at a browser (S58)."""

import html
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.revocation import withdraw_right
from counterfoil.server.records.client import MINT
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.mint_right import MintRight
from tests.installation import NOTES, Installation, Person, hidden_fields
from tests.minting import add_minter, minted, whom

pytestmark = pytest.mark.anyio
URL = "/admin/clients/minter/mint-right"
READ = f"{NOTES} notes:read"


@pytest.fixture
async def minter(place: Installation) -> Installation:
    """A client that may mint, without any right."""
    if "minter" not in place.secrets:
        await add_minter(place)
    for right in await rights(place):
        await place.authority.store.transact(lambda tx, of=right: withdraw_right(tx, of.id, CLI))
    return place


async def rights(place: Installation) -> list[MintRight]:
    return await place.authority.store.read(lambda tx: tx.mint_rights.of_client("minter"))


async def active(place: Installation, token: str) -> bool:
    return bool((await place.post("/introspect", "minter", token=token)).json()["active"])


async def send(boss: Person, **members: Any) -> httpx2.Response:
    """Open the form, fill it in, and send it."""
    asked = await boss.browser.get(URL)
    assert asked.status_code == 200, asked.text
    form = hidden_fields(asked.text) | {"permission": [READ], "longest": "300"}
    form |= {"until": "2100-01-01"} | members
    return await boss.browser.post(URL, data=form)


def until(place: Installation, days: int) -> str:
    return datetime.fromtimestamp(place.clock() + days * 86400, UTC).strftime("%Y-%m-%d")


async def test_it_is_given_seen_and_withdrawn(minter: Installation, boss: Person, person: Person):
    """S58: audited as by the API, and what was made by it ends with it."""
    page = html.unescape((await boss.browser.get("/admin/clients/minter")).text)
    assert f'href="{URL}"' in page
    day = until(minter, 2)
    given = await send(boss, users=person.email, until=day)
    assert (given.status_code, given.headers["location"]) == (303, "/admin/clients/minter")
    (right,) = await rights(minter)
    assert (right.users, right.any_user, right.longest) == ((person.user_id,), False, 300)
    assert right.access.apis == {NOTES: frozenset({"notes:read"})}
    assert 86400 < right.ends_at - minter.clock() <= 3 * 86400
    assert right.ends_at % 86400 == 0, "the last day counts"
    events = await minter.authority.store.read(lambda tx: tx.events.latest(1))
    assert (events[0].kind, events[0].actor) == (
        EventKind.MINT_RIGHT_GIVEN,
        f"user:{boss.user_id}",
    )
    assert (events[0].subject, events[0].detail["user_id"]) == ("minter", person.user_id)
    token = await minted(minter, subject=whom(person.user_id), lifetime=60)
    assert (await active(minter, token)) is True
    page = html.unescape((await boss.browser.get("/admin/clients/minter")).text)
    end = f"/admin/end?kind=mint_right&name={right.id}"
    assert f'href="{end}"' in page
    asked = await boss.browser.get(end)
    assert "every token ends that it has made by it, of 1 person" in asked.text
    done = await boss.browser.post("/admin/end", data=hidden_fields(asked.text))
    assert "It has ended" in done.text
    assert await rights(minter) == []
    assert (await active(minter, token)) is False
    assert "Nothing is left to end." in (await boss.browser.get(end)).text


async def test_for_everybody(minter: Installation, boss: Person):
    given = await send(boss, any_user="any", until=until(minter, 30))
    assert given.status_code == 303
    (right,) = await rights(minter)
    assert (right.users, right.any_user) == ((), True)


@pytest.mark.one_engine("nothing is written")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"users": "nobody@example.com"}, "Nobody here has the address nobody@example.com."),
        ({"users": ""}, "names people, or says that it is for any"),
        ({"any_user": "any", "users": "{email}"}, "names people, or says that it is for any"),
        ({"users": "a " * 101}, "names at most 100 people"),
        ({"permission": []}, "names APIs, and scopes of each"),
        ({"permission": [f"{NOTES} notes:delete"]}, "not registered for notes:delete"),
        ({"permission": [NOTES]}, "names APIs, and scopes of each"),
        ({"permission": ["https://as.example/ mint"]}, "APIs that are registered, not this server"),
        ({"longest": "2592001"}, "A token lives for 1 to 2592000 seconds"),
        ({"longest": "-1"}, "A token lives for 1 to 2592000 seconds"),
        ({"until": "2000-01-01"}, "ends on a day to come"),
        ({"until": "9999-12-31"}, "ends on a day to come"),
        ({"until": "tomorrow"}, "ends on a day to come"),
    ],
)
async def test_what_is_wrong_is_said_and_the_form_is_kept(
    minter: Installation, boss: Person, person: Person, wrong: dict[str, Any], said: str
):
    members = {"users": person.email, "until": until(minter, 2)} | wrong
    if "{email}" in members["users"]:
        members["users"] = person.email
    refused = await send(boss, **members)
    assert refused.status_code == 400
    assert said in html.unescape(refused.text)
    assert f'value="{members["until"]}"' in refused.text
    assert await rights(minter) == []


async def test_it_asks_for_a_fresh_sign_in_and_leads_back(minter: Installation, boss: Person):
    """S105: a session that lies open somewhere gives no client a right over people."""
    form = hidden_fields((await boss.browser.get(URL)).text)
    minter.clock.turn(minter.authority.settings.fresh_sign_in_age)
    there = "/sign-in?next=mint-right&client=minter"
    for answer in (await boss.browser.get(URL), await boss.browser.post(URL, data=form)):
        assert (answer.status_code, answer.headers["location"]) == (303, there)
    back = await boss.sign_in(await boss.browser.get(there))
    assert "Let it mint for people?" in back.text
    assert await rights(minter) == []


async def test_a_client_that_may_not_mint_is_not_offered_any(place: Installation, boss: Person):
    await place.add_client("mere", scopes=frozenset({"notes:read"}))
    await place.add_client("bare", scopes=frozenset({MINT}))
    for client_id, said in (("mere", "with the scope mint first"), ("bare", "scopes of an API")):
        page = await boss.browser.get(f"/admin/clients/{client_id}/mint-right")
        assert (said in page.text, "<form" in page.text.partition("<main")[2]) == (True, False)
    assert (await boss.browser.get("/admin/clients/ghost/mint-right")).status_code == 404


async def test_others_give_nothing(minter: Installation, visitor: Person, boss: Person):
    """And no form but our own."""
    await visitor.sign_in(await visitor.browser.get("/sign-in"))
    assert (await visitor.browser.get(URL)).status_code == 403
    own = hidden_fields((await boss.browser.get(URL)).text)
    form = own | {"any_user": "any", "permission": READ, "until": "2100-01-01"}
    assert (await visitor.browser.post(URL, data=form)).status_code == 403
    assert (await boss.browser.post(URL, data=form | {"csrf": "x"})).status_code == 403
    ghost = await boss.browser.post("/admin/clients/ghost/mint-right", data=form)
    assert ghost.status_code == 400
    assert await rights(minter) == []
