"""CORS (the Fetch standard): open where scripts call, without credentials; closed on pages."""

import pytest

from counterfoil.server.app import ROUTES
from counterfoil.server.web.server import Caller
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio

ORIGIN = {"origin": "https://spa.example"}
SCRIPT = sorted({route.path for route in ROUTES if route.caller is Caller.SCRIPT})
CLOSED = sorted({route.path for route in ROUTES} - set(SCRIPT))


def test_the_endpoints_that_browsers_call_are_the_open_ones():
    """S98: APIs apart from pages."""
    assert {"/token", "/revoke", "/userinfo", "/jwks.json", "/notices"} <= set(SCRIPT)
    assert {"/authorize", "/sign-in", "/consent", "/logout", "/introspect"} <= set(CLOSED)


@pytest.mark.parametrize("path", SCRIPT)
async def test_a_preflight_is_answered_without_credentials(place: Installation, path: str):
    """S97: OPTIONS carries no Authorization, and gets no 401; S96: any origin, no cookies."""
    wanted = {"access-control-request-method": "POST", "access-control-request-headers": "x"}
    async with place.browser() as script:
        answer = await script.options(path, headers=ORIGIN | wanted)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert int(answer.headers["access-control-max-age"]) > 0
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert {"authorization", "content-type"} <= set(allowed.split(", "))
    methods = {m for route in ROUTES if route.path == path for m in route.methods}
    assert set(answer.headers["access-control-allow-methods"].split(", ")) == methods


@pytest.mark.parametrize("path", CLOSED)
async def test_pages_never_speak_cors(place: Installation, path: str):
    """S98, S103: no script of another origin reads or posts to what cookies open."""
    path = path.replace("{", "").replace("}", "")
    wanted = {"access-control-request-method": "POST"}
    async with place.browser() as script:
        for answer in (
            await script.options(path, headers=ORIGIN | wanted),
            await script.get(path, headers=ORIGIN),
            await script.post(path, headers=ORIGIN),
        ):
            assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_errors_can_be_read_by_scripts(place: Installation):
    """S96: else a browser shows a network error instead of the reason."""
    async with place.browser() as script:
        refused = await script.post("/token", headers=ORIGIN, data={"grant_type": "x"})
        unauthorised = await script.get("/userinfo", headers=ORIGIN)
        wrong_method = await script.get("/token", headers=ORIGIN)
    for answer in (refused, unauthorised, wrong_method):
        assert answer.status_code >= 400
        assert answer.headers["access-control-allow-origin"] == "*"
    exposed = unauthorised.headers["access-control-expose-headers"]
    assert exposed.lower() == "www-authenticate, dpop-nonce, x-request-id, counterfoil-notice"


async def test_a_token_works_from_any_origin_without_cookies(place: Installation, person: Person):
    """S96: the header is all; S115: whatever system asks."""
    token = (await person.tokens())["access_token"]
    async with place.browser() as script:
        for origin in ("https://one.example", "https://two.example", "null"):
            headers = {"origin": origin, "authorization": f"Bearer {token}"}
            answer = await script.get("/userinfo", headers=headers)
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_cookie_alone_opens_nothing_for_scripts(place: Installation, person: Person):
    """S96, S103: endpoints that speak CORS do not look at cookies."""
    await person.tokens()
    answer = await person.browser.get("/userinfo", headers=ORIGIN)
    assert answer.status_code == 401


async def test_a_public_client_gets_its_tokens_from_a_script(place: Installation, person: Person):
    """S96: the code is exchanged by fetch()."""
    code = await person.code("spa")
    form = {
        "grant_type": "authorization_code",
        "client_id": "spa",
        "code": code,
        "code_verifier": person.verifier,
    }
    async with place.browser() as script:
        answer = await script.post("/token", headers=ORIGIN, data=form)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
