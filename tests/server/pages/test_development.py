"""In development mail is shown, and to nobody who is not at the machine."""

from pathlib import Path

import httpx2
import pytest

from tests.installation import Installation, Person, installed
from tests.recoveries import ask, send_all

pytestmark = pytest.mark.anyio


async def test_what_would_have_been_sent_is_shown(place: Installation, person: Person):
    await ask(person.browser, person.email)
    await send_all(place)
    page = await person.browser.get("/development/mail")
    assert page.status_code == 200
    assert person.email in page.text
    assert f'href="{place.issuer}/new-password?token=cfal_' in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", ""])
async def test_another_name_for_this_machine_sees_nothing(person: Person, host: str):
    """DNS rebinding: a foreign page's scripts may reach loopback under the page's own name."""
    page = await person.browser.get("/development/mail", headers={"host": host})
    assert page.status_code == 403
    assert "cfal_" not in page.text


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip", "via"])
async def test_whoever_is_brought_by_a_tunnel_sees_nothing(person: Person, name: str):
    """It connects from this machine, and may well say our own name."""
    page = await person.browser.get("/development/mail", headers={name: "203.0.113.7"})
    assert page.status_code == 403


async def test_a_line_without_an_address_sees_nothing(place: Installation):
    transport = httpx2.ASGITransport(place.app, client=("", 0))
    async with httpx2.AsyncClient(transport=transport, base_url=place.issuer) as browser:
        assert (await browser.get("/development/mail")).status_code == 403


async def test_another_machine_sees_nothing(place: Installation):
    transport = httpx2.ASGITransport(place.app, client=("192.0.2.7", 1234))
    async with httpx2.AsyncClient(transport=transport, base_url=place.issuer) as browser:
        assert (await browser.get("/development/mail")).status_code == 403


async def test_in_production_there_is_nothing_to_see(tmp_path: Path):
    async with (
        installed(tmp_path, issuer="https://id.example") as place,
        place.browser() as browser,
    ):
        assert (await browser.get("/development/mail")).status_code == 403


async def test_with_a_mail_server_nothing_is_caught(tmp_path: Path):
    """In development, too."""
    mail = {"mail_host": "127.0.0.1", "mail_tls": "none", "mail_sender": "id@id.example"}
    async with installed(tmp_path, **mail) as place, place.browser() as browser:
        assert place.server.sender is not None
        assert (await browser.get("/development/mail")).status_code == 403
