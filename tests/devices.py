"""A device without a browser, and a person who lets it in (RFC 8628)."""

from typing import Any
from urllib.parse import urlsplit

import httpx2

from counterfoil.server.records.client import DEVICE_CODE
from tests.installation import Installation, Person, hidden_fields, permissions_in, span_in

SCOPES = frozenset({"openid", "profile", "offline_access", "notes:read", "notes:write"})


async def add_device_clients(place: Installation) -> None:
    """Register a television that can keep no secret, and a box that can."""
    members = {"grant_types": (DEVICE_CODE, "refresh_token"), "scopes": SCOPES}
    await place.add_client("tv", public=True, **members)
    await place.add_client("box", **members)


class Device:
    """A device: it begins, shows a code, and asks until it has an answer."""

    def __init__(self, place: Installation, client_id: str = "tv", **headers: str) -> None:
        self.place = place
        self.client_id = client_id
        self.headers = headers
        self.told: dict[str, Any] = {}

    @property
    def user_code(self) -> str:
        """The code that it shows."""
        return str(self.told["user_code"])

    @property
    def link(self) -> str:
        """The path of the link that it shows, with the code in it."""
        parts = urlsplit(self.told["verification_uri_complete"])
        return f"{parts.path}?{parts.query}"

    async def post(self, path: str, **form: Any) -> httpx2.Response:
        """Post a form, as the client that it is."""
        auth = None
        if self.client_id in self.place.secrets:
            auth = (self.client_id, self.place.secrets[self.client_id])
        else:
            form = {"client_id": self.client_id, **form}
        async with self.place.browser(headers=self.headers) as client:
            return await client.post(path, data=form, auth=auth)

    async def ask(self, **form: Any) -> httpx2.Response:
        """Begin, whatever comes of it."""
        return await self.post("/device_authorization", **{"scope": "openid notes:read"} | form)

    async def begin(self, **form: Any) -> "Device":
        """Begin, and show the code."""
        answer = await self.ask(**form)
        assert answer.status_code == 200, answer.text
        self.told = answer.json()
        return self

    async def poll(self, **form: Any) -> httpx2.Response:
        """Ask whether the person has answered."""
        asked = {"grant_type": DEVICE_CODE, "device_code": self.told["device_code"]} | form
        return await self.post("/token", **asked)

    async def error(self, **form: Any) -> str:
        """Ask, and be refused."""
        answer = await self.poll(**form)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["error"])

    async def tokens(self, **form: Any) -> dict[str, Any]:
        """Ask, and be answered."""
        answer = await self.poll(**form)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


async def open_device_page(person: Person, path: str = "/device") -> httpx2.Response:
    """Go to the page, and sign in where that is asked."""
    page = await person.follow(await person.browser.get(path))
    if 'name="password"' in page.text:
        page = await person.sign_in(page)
    return page


async def type_code(person: Person, code: str) -> httpx2.Response:
    """Type a code on the page."""
    page = await open_device_page(person)
    form = hidden_fields(page.text) | {"user_code": code}
    return await person.follow(await person.browser.post("/device", data=form))


async def decide(person: Person, page: httpx2.Response, decision: str = "allow") -> httpx2.Response:
    """Answer the page that asks; what it proposes stays."""
    form: dict[str, Any] = hidden_fields(page.text) | {"decision": decision}
    form |= {"span": span_in(page.text), "permission": permissions_in(page.text)}
    return await person.follow(await person.browser.post("/device", data=form))


async def let_in(person: Person, device: Device) -> None:
    """Come by the device's link, and allow what it asks."""
    done = await decide(person, await open_device_page(person, device.link))
    assert done.status_code == 200, done.text
    assert "connected" in done.text
