"""Getting back in, as a person does it: asks, reads the mail, opens the link, chooses."""

import asyncio
import re
from typing import Any

import httpx2

from tests.installation import Installation, hidden_fields

NEW = "a password of her own"
_LINK = re.compile(r"https?://\S+\?token=(\S+)")


async def ask(browser: httpx2.AsyncClient, email: str, **headers: str) -> httpx2.Response:
    """Ask for a link."""
    page = await browser.get("/forgotten-password")
    form = hidden_fields(page.text) | {"email": email}
    return await browser.post("/forgotten-password", data=form, headers=headers)


async def send_all(place: Installation) -> None:
    """Have everything sent that is due."""
    sender = place.server.sender
    assert sender is not None
    while await place.authority.store.read(lambda tx: tx.outbox.is_full(1)):
        await sender.tick()
        await asyncio.sleep(0)  # the server's own task may be sending one


async def mail_for(place: Installation, email: str) -> list[str]:
    """The texts of what was sent to somebody, newest first."""
    await send_all(place)
    catcher = place.server.catcher
    assert catcher is not None
    bodies = [each.get_body(("plain",)) for each in catcher.caught if str(each["To"]) == email]
    return [str(body.get_content()) for body in bodies if body is not None]


async def token_for(place: Installation, email: str) -> str:
    """The token of the last link that was sent to somebody."""
    for text in await mail_for(place, email):
        found = _LINK.search(text)
        if found:
            return found[1]
    raise AssertionError(f"no link was sent to {email}")


async def open_link(browser: httpx2.AsyncClient, token: str) -> httpx2.Response:
    """Open a link, and follow where it leads."""
    answer = await browser.get("/new-password", params={"token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/new-password")
    return await browser.get("/new-password")


async def choose(
    browser: httpx2.AsyncClient, page: httpx2.Response, **fields: Any
) -> httpx2.Response:
    """Send the form with a new password."""
    form = hidden_fields(page.text) | {"new": NEW, "again": NEW} | fields
    return await browser.post("/new-password", data=form)
