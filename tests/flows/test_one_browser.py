"""Tokens that are tied to one browser by a cookie of the API's own, from issue to refusal (S61)."""

from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import httpx2
import pytest

from counterfoil.guard import Guard, Options, Web
from counterfoil.guard.asgi import GuardMiddleware
from tests.flows.serving import fresh, served
from tests.guard.test_asgi import Served, notes_app
from tests.installation import CALLBACK, NOTES, Installation, Person, token_request
from tests.proofs import Holder

pytestmark = pytest.mark.anyio

COOKIE = "__Host-browser"
HERE, ELSEWHERE = "cookie-of-this-browser", "cookie-of-another-browser"
SCOPE = "openid offline_access notes:read"


def hashed(cookie: str) -> str:
    return urlsafe_b64encode(sha256(cookie.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("served") / "data") as place:
        yield place


@pytest.fixture
async def api(place: Installation) -> AsyncIterator[str]:
    options = Options(web=Web(browser_cookie=COOKIE))
    with Guard(place.issuer, audience=NOTES, options=options) as guard:
        await fresh(guard)
        with Served(GuardMiddleware(notes_app(), guard)) as api:
            yield f"{api.url}/notes"


async def tokens(person: Person, cookie: str = HERE) -> dict[str, Any]:
    answer = await person.exchange(
        await person.code(scope=SCOPE), browser_cookie_s256=hashed(cookie)
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def asked(url: str, token: str, cookies: str = "") -> tuple[int, str]:
    headers = {"authorization": f"Bearer {token}"} | ({"cookie": cookies} if cookies else {})
    async with httpx2.AsyncClient(trust_env=False) as browser:
        answer = await browser.get(url, headers=headers)
    return answer.status_code, answer.json().get("error_reason", "")


async def test_a_token_of_one_browser_fails_in_another(
    place: Installation, person: Person, api: str
) -> None:
    """S61: neither without the cookie nor with another, nor with what the token itself shows."""
    issued = await tokens(person)
    token = issued["access_token"]
    assert issued["token_type"] == "Bearer"
    assert await asked(api, token, f"{COOKIE}={HERE}") == (200, "")
    for cookies in ("", f"{COOKIE}={ELSEWHERE}", f"other={HERE}", f"{COOKIE}={hashed(HERE)}"):
        assert await asked(api, token, cookies) == (401, "wrong_binding")
    said = (await place.post("/introspect", "app", token=token)).json()
    assert said["cnf"] == {"cookie#S256": hashed(HERE)}


async def test_a_guard_that_knows_no_cookies_refuses_it(
    place: Installation, person: Person
) -> None:
    """Else the thief would go to the API whose owner has not heard of it."""
    token = (await tokens(person))["access_token"]
    with Guard(place.issuer, audience=NOTES) as guard:
        await fresh(guard)
        with Served(GuardMiddleware(notes_app(), guard)) as served_api:
            url = f"{served_api.url}/notes"
            assert await asked(url, token, f"{COOKIE}={HERE}") == (401, "wrong_binding")


async def test_what_renews_it_is_of_the_same_browser(
    place: Installation, person: Person, api: str
) -> None:
    """S61: a thief of the refresh token gets no token that is free, and the owner goes on."""
    refresh_token = (await tokens(person))["refresh_token"]
    renewing = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    stolen = await token_request(place, "app", **renewing)
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    renewed = await token_request(place, "app", **renewing, browser_cookie_s256=hashed(HERE))
    token = renewed.json()["access_token"]
    assert await asked(api, token, f"{COOKIE}={HERE}") == (200, "")
    assert await asked(api, token) == (401, "wrong_binding")


async def test_userinfo_knows_no_cookie_of_an_api(place: Installation, person: Person) -> None:
    """S61: so it does not take what only that API can know to be used by the right browser."""
    token = (await tokens(person))["access_token"]
    async with place.browser() as browser:
        headers = {"authorization": f"Bearer {token}", "cookie": f"{COOKIE}={HERE}"}
        answer = await browser.get("/userinfo", headers=headers)
    assert answer.status_code == 401
    assert 'error_reason="wrong_binding"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "named", ["", "x", "A" * 42, "A" * 44, "A" * 42 + "B", "+" * 43, "\u00e9" * 43]
)
async def test_what_is_no_hash_is_refused(place: Installation, person: Person, named: str) -> None:
    """Empty is left out, as any parameter; the code stays good after a mistake."""
    code = await person.code(scope=SCOPE)
    answer = await person.exchange(code, browser_cookie_s256=named)
    if not named:
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "browser_cookie_s256" in answer.json()["error_description"]
    assert (await person.exchange(code)).status_code == 200


async def test_a_cookie_never_takes_the_place_of_a_key(place: Installation, person: Person) -> None:
    """What was begun with a key goes on with it; and nothing is bound to both."""
    key, url = Holder(), f"{place.issuer}/token"

    async def ask(proof: bool, **form: str) -> tuple[int, dict[str, Any]]:
        headers = {"dpop": key.proof("POST", url, place.clock())} if proof else {}
        secret = {"client_id": "app", "client_secret": place.secrets["app"]}
        async with place.browser() as browser:
            answer = await browser.post("/token", data=secret | form, headers=headers)
        return answer.status_code, answer.json()

    exchange = {
        "grant_type": "authorization_code",
        "code": await person.code(scope=SCOPE),
        "code_verifier": person.verifier,
        "redirect_uri": CALLBACK,
    }
    status, refused = await ask(proof=True, browser_cookie_s256=hashed(HERE), **exchange)
    assert (status, refused["error"]) == (400, "invalid_request")
    status, begun = await ask(proof=True, **exchange)
    assert (status, begun["token_type"]) == (200, "DPoP")
    renewing = {"grant_type": "refresh_token", "refresh_token": begun["refresh_token"]}
    status, refused = await ask(proof=False, browser_cookie_s256=hashed(HERE), **renewing)
    assert (status, refused["error"]) == (400, "invalid_grant")
    assert (await ask(proof=True, **renewing))[0] == 200
