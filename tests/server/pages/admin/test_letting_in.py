"""Administrators invite people and start recoveries: a link goes to the person, and nobody else."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.installation import Installation, Person, hidden_fields, installed
from tests.joinings import join, open_link, user_of
from tests.recoveries import choose, token_for
from tests.recoveries import open_link as open_recovery

pytestmark = pytest.mark.anyio


@pytest.fixture
async def inviting(tmp_path: Path) -> AsyncIterator[tuple[Installation, httpx2.AsyncClient]]:
    """Where people are invited, and the browser of an administrator there."""
    async with installed(tmp_path, registration="invitation") as own, own.browser() as browser:
        user = await own.add_user("boss@example.com", is_admin=True)
        boss = Person(own, browser, user.email, user.id)
        await boss.sign_in(await browser.get("/sign-in"))
        yield own, browser


async def test_a_recovery_is_started_and_ends_nothing_yet(
    place: Installation, boss: Person, visitor: Person
):
    await visitor.tokens()
    url = f"/admin/users/{visitor.user_id}"
    page = await boss.browser.get(url)
    assert f'href="{url}/link"' in page.text
    asked = await boss.browser.get(f"{url}/link")
    assert "Start a recovery?" in asked.text
    sent = await boss.browser.post(f"{url}/link", data=hidden_fields(asked.text))
    assert "A link is on its way" in sent.text
    assert "cfal_" not in sent.text
    assert (await visitor.browser.get("/account/apps")).status_code == 200
    opened = await open_recovery(visitor.browser, await token_for(place, visitor.email))
    assert (await choose(visitor.browser, opened)).status_code == 200
    assert "verified on" in (await boss.browser.get(url)).text


async def test_somebody_is_invited_and_invited_again(
    inviting: tuple[Installation, httpx2.AsyncClient],
):
    own, browser = inviting
    assert 'href="/admin/invite"' in (await browser.get("/admin/users")).text
    form = hidden_fields((await browser.get("/admin/invite")).text)
    wrong = {"email": "no", "name": ""}, {"email": "x@e.org", "name": "a\u202eb"}
    for each in wrong:
        assert (await browser.post("/admin/invite", data=form | each)).status_code == 400
    new = {"email": "<i>new</i>@e.org", "name": "<b>New</b>"}
    added = await browser.post("/admin/invite", data=form | new)
    assert added.status_code == 400, "no letter reaches such an address"
    added = await browser.post("/admin/invite", data=form | new | {"email": "new@e.org"})
    assert added.status_code == 303
    page = await browser.get(added.headers["location"])
    assert "invited, not yet verified" in page.text
    assert "&lt;b&gt;New&lt;/b&gt;" in page.text
    taken = await browser.post("/admin/invite", data=form | {"email": "NEW@e.org"})
    assert (taken.status_code, "has this address already" in taken.text) == (409, True)
    first = await token_for(own, "new@e.org")
    url = f"/admin/users/{(await user_of(own, 'new@e.org')).id}/link"
    asked = await browser.get(url)
    assert "Invite them again?" in asked.text
    await browser.post(url, data=hidden_fields(asked.text))
    async with own.browser() as theirs:
        assert (await open_link(theirs, first)).status_code == 410
        opened = await open_link(theirs, await token_for(own, "new@e.org"))
        assert 'value="&lt;b&gt;New&lt;/b&gt;"' in opened.text
        assert (await join(theirs, opened, name="New")).status_code == 200


async def test_nobody_is_invited_where_no_mail_is_sent(tmp_path: Path):
    """Nor recovered: a page shows nobody a link that is another's (ASVS V6.4.6)."""
    async with installed(tmp_path, issuer="https://id.example") as own, own.browser() as browser:
        user = await own.add_user("boss@example.com", is_admin=True)
        boss = Person(own, browser, user.email, user.id)
        await boss.sign_in(await browser.get("/sign-in"))
        assert "Invite somebody" not in (await browser.get("/admin/users")).text
        asked = await browser.get("/admin/invite")
        assert "Nobody is invited here" in asked.text
        form = hidden_fields((await browser.get("/admin/users")).text)
        sent = await browser.post("/admin/invite", data=form | {"email": "x@e.org"})
        assert (sent.status_code, "Nobody is invited here" in sent.text) == (400, True)


async def test_others_send_nothing(place: Installation, visitor: Person, boss: Person):
    """And no form but our own."""
    await visitor.sign_in(await visitor.browser.get("/sign-in"))
    url = f"/admin/users/{boss.user_id}/link"
    for path in (url, "/admin/invite"):
        assert (await visitor.browser.get(path)).status_code == 403
        assert (await visitor.browser.post(path, data={"csrf": "x"})).status_code == 403
        assert (await boss.browser.post(path, data={"csrf": "x"})).status_code == 403
    assert (await boss.browser.get("/admin/users/nobody/link")).status_code == 404
