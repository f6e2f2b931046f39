"""The pages of a new account: what they say when something is not right."""

from collections.abc import AsyncIterator

import pytest

from tests.installation import EMAIL, Installation, Person, installed
from tests.joinings import OPEN, join, open_link, register
from tests.recoveries import token_for

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("house"), **OPEN) as house:
        yield house


async def test_what_was_typed_stays_when_the_passwords_differ(house: Installation):
    async with house.browser() as browser:
        await register(browser, "typed@example.com")
        page = await open_link(browser, await token_for(house, "typed@example.com"))
        wrong = await join(browser, page, name="Grace Hopper", again="something else")
        assert wrong.status_code == 400
        assert "not the same" in wrong.text
        assert 'value="Grace Hopper"' in wrong.text
        assert wrong.headers["referrer-policy"] == "no-referrer"


async def test_a_link_that_is_over_leads_to_another(house: Installation):
    async with house.browser() as browser:
        assert (await browser.get("/welcome")).status_code == 410
        page = await browser.get("/welcome")
        assert 'href="/register"' in page.text


async def test_whoever_is_signed_in_as_another_is_so_no_more(house: Installation):
    """A session is of one person; what goes on in it ends."""
    async with house.browser() as browser:
        ada = Person(house, browser, EMAIL)
        await ada.sign_in(await browser.get("/sign-in"))
        await register(browser, "second@example.com")
        page = await open_link(browser, await token_for(house, "second@example.com"))
        assert "second@example.com" in (await join(browser, page)).text
        assert "second@example.com" in (await browser.get("/account/apps")).text


async def test_a_flow_of_another_browser_registers_nobody(house: Installation):
    async with house.browser() as browser:
        assert (await browser.get("/register", params={"flow": "x"})).status_code == 400
