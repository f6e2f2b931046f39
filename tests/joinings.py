"""Getting an account, as a person does it: types an address, reads the mail, opens the link."""

from typing import Any

import httpx2

from counterfoil.server.identity import joining
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.user import User
from tests.installation import Installation, hidden_fields
from tests.recoveries import mail_for, token_for

NEW = "a password of their own"
OPEN = {"registration": "open", "recoveries_per_hour": 100_000, "sign_in_rate_per_minute": 100_000}
"""Where anybody may register, and nobody is held up by rates."""


async def register(
    browser: httpx2.AsyncClient, email: str, flow: str = "", **headers: str
) -> httpx2.Response:
    """Type an address on the page of a new account."""
    page = await browser.get("/register", params={"flow": flow} if flow else None)
    assert page.status_code == 200, page.text
    form = hidden_fields(page.text) | {"email": email}
    return await browser.post("/register", data=form, headers=headers)


async def open_link(browser: httpx2.AsyncClient, token: str) -> httpx2.Response:
    """Open a link, and follow where it leads."""
    answer = await browser.get("/welcome", params={"token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/welcome")
    return await browser.get("/welcome")


async def join(
    browser: httpx2.AsyncClient, page: httpx2.Response, **fields: Any
) -> httpx2.Response:
    """Send the form with a name and a password."""
    form = hidden_fields(page.text) | {"name": "Grace", "new": NEW, "again": NEW} | fields
    return await browser.post("/welcome", data=form)


async def joined(place: Installation, email: str) -> User:
    """The whole way, at a browser of their own."""
    async with place.browser() as browser:
        await register(browser, email)
        page = await open_link(browser, await token_for(place, email))
        assert (await join(browser, page)).status_code == 200
    return await user_of(place, email)


async def user_of(place: Installation, email: str) -> User:
    """The account with an address."""
    found = await place.authority.store.read(lambda tx: tx.users.find_by_email(email))
    assert found is not None
    return found


async def nobody_has(place: Installation, email: str) -> bool:
    """Whether there is no account with an address."""
    return await place.authority.store.read(lambda tx: tx.users.find_by_email(email)) is None


async def invited(place: Installation, email: str) -> str:
    """Somebody is invited; gives the token of the link."""

    async def work(tx: Any) -> None:
        user = await registration.add_user(tx, registration.NewUser(email, None), CLI)
        await joining.invite(place.authority, tx, user, CLI)

    await place.authority.store.transact(work)
    return await token_for(place, email)


async def want_email(browser: httpx2.AsyncClient, email: str) -> httpx2.Response:
    """Type another address for the account that is signed in."""
    page = await browser.get("/account/email")
    assert page.status_code == 200, page.headers
    return await browser.post("/account/email", data=hidden_fields(page.text) | {"email": email})


async def confirm(browser: httpx2.AsyncClient, token: str) -> httpx2.Response:
    """Open the link that was sent to the new address, and confirm."""
    await browser.get("/account/email/confirm", params={"token": token})
    page = await browser.get("/account/email/confirm")
    if page.status_code != 200:
        return page
    return await browser.post("/account/email/confirm", data=hidden_fields(page.text))


async def undo(
    browser: httpx2.AsyncClient, token: str, password: str = NEW, **fields: str
) -> httpx2.Response:
    """Open the link that was sent to the address from before, and take the account back."""
    await browser.get("/undo-email", params={"token": token})
    page = await browser.get("/undo-email")
    if page.status_code != 200:
        return page
    form = hidden_fields(page.text) | {"new": password, "again": password} | fields
    return await browser.post("/undo-email", data=form)


async def subjects_for(place: Installation, email: str) -> list[str]:
    """What the letters to somebody are about, newest first."""
    await mail_for(place, email)
    catcher = place.server.catcher
    assert catcher is not None
    return [str(each["Subject"]) for each in catcher.caught if str(each["To"]) == email]
