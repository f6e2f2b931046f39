"""An authenticator app, made anew from RFC 6238 as an oracle, and people who have one."""

import hmac
import html
import re
import struct
from base64 import b32decode
from typing import Any

import httpx2

from counterfoil.server.records.event import EventKind, EventQuery
from tests.installation import Installation, Person, hidden_fields

SECOND = "/sign-in/second-factor"
AUTHENTICATOR = "/sign-in/authenticator"


class App:
    """What shows codes on somebody's phone."""

    def __init__(self, key: str, place: Installation) -> None:
        self.secret = b32decode(key + "=" * (-len(key) % 8))
        self.place = place

    def code(self, steps: int = 0) -> str:
        """The code of now, or of so many steps later."""
        return code_of(self.secret, int(self.place.clock()) // 30 + steps)


def code_of(secret: bytes, counter: int, digits: int = 6) -> str:
    """HOTP (RFC 4226 §5.3)."""
    mac = hmac.digest(secret, struct.pack(">Q", counter), "sha1")
    at = mac[-1] & 15
    (number,) = struct.unpack(">I", mac[at : at + 4])
    return str((number & 0x7FFFFFFF) % 10**digits).zfill(digits)


def key_in(page: str) -> str:
    """The key that a page of a new authenticator app shows."""
    found = re.search(r'id="key"[^>]*>([A-Z2-7]+)<', page)
    assert found is not None, page
    return found[1]


def recovery_codes_in(page: str) -> list[str]:
    return re.findall(r"<code>([0-9A-Z]{6}(?:-[0-9A-Z]{6}){3})</code>", page)


async def enrol(person: Person) -> tuple[App, list[str]]:
    """Sign in with the password and switch the second factor on, at the account."""
    page = await person.browser.get("/sign-in?next=authenticator")
    page = await person.sign_in(page)
    return await confirm(person, page)


async def confirm(person: Person, page: httpx2.Response) -> tuple[App, list[str]]:
    """Go through the page that sets an app up; the next code is one step later."""
    assert "Set up an authenticator app" in page.text, page.text
    app = App(key_in(page.text), person.installation)
    form = hidden_fields(page.text) | {"code": app.code(-1)}
    shown = await person.browser.post(AUTHENTICATOR, data=form)
    codes = recovery_codes_in(shown.text)
    assert len(codes) == 10, shown.text
    return app, codes


def onward_in(page: str) -> str:
    """Where the page of recovery codes leads."""
    found = re.search(r'href="([^"]+)">I have kept them', page)
    assert found is not None
    return html.unescape(found[1])


async def half(person: Person, path: str = "/sign-in") -> httpx2.Response:
    """Show the password alone; gives the page that asks for more."""
    return await person.sign_in(await person.browser.get(path))


async def show(person: Person, page: httpx2.Response, code: str, **fields: str) -> httpx2.Response:
    """Fill in the second page, and go on."""
    name = "code" if len(code) <= 7 else "recovery_code"
    form = hidden_fields(page.text) | {name: code} | fields
    return await person.follow(await person.browser.post(SECOND, data=form))


async def is_in(person: Person) -> bool:
    """Whether somebody is signed in at their browser."""
    return (await person.browser.get("/account/apps")).status_code == 200


async def events_of(place: Installation, kind: EventKind, user_id: str) -> list[Any]:
    query = EventQuery(kind=kind, person=user_id)
    return await place.authority.store.read(lambda tx: tx.events.find(query))
