"""RFC 8252: native apps come back over loopback addresses and private schemes."""

import httpx2
import pytest

from tests.installation import Installation, Person, answer_of

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def native(place: Installation) -> str:
    await place.add_client(
        "native",
        public=True,
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=(
            "http://127.0.0.1/callback",
            "http://[::1]/callback",
            "com.example.notes:/callback",
        ),
        scopes=frozenset({"openid", "notes:read"}),
    )
    return "native"


async def open_at(person: Person, client_id: str, redirect_uri: str) -> httpx2.Response:
    return await person.open(client_id, redirect_uri=redirect_uri)


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://127.0.0.1:51004/callback",
        "http://127.0.0.1/callback",
        "http://[::1]:61023/callback",
        "com.example.notes:/callback",
    ],
)
async def test_an_app_comes_back_where_it_listens(
    place: Installation, person: Person, native: str, redirect_uri: str
):
    """§7.3: any port of a loopback address; §7.1: a private scheme. S116: without any cookie."""
    page = await person.sign_in(await open_at(person, native, redirect_uri))
    back = await person.allow(page)
    assert back.headers["location"].startswith(redirect_uri + "?code=")
    form = {
        "grant_type": "authorization_code",
        "client_id": native,
        "code": answer_of(back)["code"],
        "code_verifier": person.verifier,
        "redirect_uri": redirect_uri,
    }
    async with place.browser() as device:
        answer = await device.post("/token", data=form)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://localhost:51004/callback",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/callback?x=1",
        "https://127.0.0.1:51004/callback",
        "http://127.0.0.2:51004/callback",
        "http://127.0.0.1.evil.example:51004/callback",
        "http://user@127.0.0.1:51004/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:51004/callback#x",
        "com.example.notes:/other",
        "com.example.notes://callback",
    ],
)
async def test_all_but_the_port_is_compared_exactly(person: Person, native: str, redirect_uri: str):
    """§7.3, §8.3: only the port may vary, and only on a loopback IP address."""
    page = await open_at(person, native, redirect_uri)
    assert page.status_code == 400
    assert "location" not in page.headers


async def test_the_exception_is_for_loopback_alone(person: Person):
    """§7.3: a web app's port is part of its URI."""
    page = await open_at(person, "app", "https://app.example:8443/callback")
    assert page.status_code == 400


async def test_a_person_is_asked_each_time(person: Person, native: str):
    """§8.6: another program could pass for the app, so that a grant alone approves nothing."""
    uri = "http://127.0.0.1:51004/callback"
    await person.allow(await person.sign_in(await open_at(person, native, uri)))
    page = await open_at(person, native, uri)
    assert page.status_code == 200
    assert "Another program there could be asking in its name" in page.text
    silent = await person.open(native, redirect_uri=uri, prompt="none")
    assert answer_of(silent)["error"] == "consent_required"


async def test_a_web_app_is_not_asked_for_twice(person: Person):
    """§8.6 is about apps whose identity cannot be assured; others are not pestered."""
    await person.code()
    assert "code" in answer_of(await person.open())
