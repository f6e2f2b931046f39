"""Codes by mail, as a person does it: chooses them, asks for one, reads the mail, types it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.installation import Installation, Person, hidden_fields, installed
from tests.recoveries import mail_for
from tests.shared import UNTHROTTLED

CODE = "/sign-in/mailed-code"
CHOICE = "/account/security/mailed-codes"
_CODE = re.compile(r"^(\d{4} \d{4})$", re.MULTILINE)


@asynccontextmanager
async def sending(data: Path, **settings: Any) -> AsyncIterator[Installation]:
    """An installation whose operator lets people choose codes by mail."""
    given: dict[str, Any] = {"mailed_codes": True, **UNTHROTTLED}
    async with installed(data, **given | settings) as place:
        yield place


async def codes_for(person: Person) -> list[str]:
    """The codes that were sent to somebody, the newest first, as the letters have them."""
    found = [_CODE.search(each) for each in await mail_for(person.installation, person.email)]
    return [each[1] for each in found if each]


async def send_first(person: Person) -> httpx2.Response:
    """Sign in, and have the first code sent; gives the page that asks for it."""
    page = await person.sign_in(await person.browser.get("/sign-in?next=security"))
    return await send_from_account(person, page)


async def send_from_account(person: Person, page: httpx2.Response) -> httpx2.Response:
    """Have the first code sent by whoever is signed in and sees their security."""
    assert "Have codes sent" in page.text, page.text
    asking = await person.browser.get(CHOICE)
    form = hidden_fields(asking.text)
    return await person.follow(await person.browser.post(CHOICE, data=form))


async def confirm(person: Person, page: httpx2.Response, code: str) -> httpx2.Response:
    """Type the first code."""
    form = hidden_fields(page.text) | {"code": code}
    return await person.follow(await person.browser.post(f"{CHOICE}/confirm", data=form))


async def choose(person: Person) -> None:
    """Sign in with the password, and have codes sent from now on."""
    page = await send_first(person)
    shown = await confirm(person, page, (await codes_for(person))[0])
    assert "Have no codes sent" in shown.text, shown.text


async def ask(person: Person, page: httpx2.Response) -> httpx2.Response:
    """Have a code sent from a page of signing in; gives the page that asks for it."""
    form = hidden_fields(page.text)
    return await person.follow(await person.browser.post(f"{CODE}/send", data=form))


async def type_in(person: Person, page: httpx2.Response, code: str) -> httpx2.Response:
    """Type a code there, and go on."""
    form = hidden_fields(page.text) | {"code": code}
    return await person.follow(await person.browser.post(CODE, data=form))
