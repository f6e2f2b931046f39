"""The backend-for-frontend against a real server and a real guarded API."""

import pytest

from tests.bff.shop import Browser

pytestmark = pytest.mark.anyio


async def test_a_person_signs_in_calls_the_api_and_signs_out(browser: Browser):
    """S102: the browser holds an id, and the API gets a token."""
    assert (await browser.call("/bff/session")).status_code == 401
    assert (await browser.call("/api/notes")).json()["error"] == "signed_out"
    done = await browser.sign_in("?return_to=/orders?page=2")
    assert done.headers["location"] == "/orders?page=2"
    told = (await browser.call("/bff/session")).json()
    assert told == {
        "signed_in": True,
        "sub": told["sub"],
        "name": "Ada",
        "email": "ada@example.com",
    }
    written = await browser.call("/api/notes", "POST", json={"text": "Buy milk"})
    assert written.status_code == 201
    assert "Buy milk" in (await browser.call("/api/notes")).json()["notes"]
    out = (await browser.call("/bff/sign-out", "POST")).json()
    assert out["ended_at_server"] is True
    assert (await browser.call("/api/notes")).status_code == 401
