"""OAuth 2.1 (draft-ietf-oauth-v2-1): where it goes beyond RFC 6749."""

from urllib.parse import parse_qs, urlsplit

import pytest

from counterfoil.server.app import ROUTES
from counterfoil.server.web.server import Caller
from tests.installation import CALLBACK, Installation, Person, answer_of, token_request

pytestmark = pytest.mark.anyio


async def test_a_code_without_pkce_is_never_given(person: Person):
    """§4.1.1, §7.5.1: code_challenge is required of every client, confidential ones too."""
    said = answer_of(await person.open(code_challenge="", code_challenge_method=""))
    assert said["error"] == "invalid_request"
    assert "code_challenge" in said["error_description"]


async def test_a_code_never_stands_beside_a_token_in_the_front_channel(person: Person):
    """§10.1: the implicit grant is gone; an answer holds code, state and iss alone."""
    page = await person.sign_in(await person.open())
    location = (await person.allow(page)).headers["location"]
    assert urlsplit(location).fragment == ""
    assert set(parse_qs(urlsplit(location).query)) == {"code", "state", "iss"}


@pytest.mark.parametrize(
    "close",
    [
        "https://app.example/callback/",
        "https://app.example/Callback",
        "https://app.example/callback?x=1",
        "https://APP.example/callback",
        "https://app.example:443/callback",
        "https://app.example/callback/../callback",
        "https://app.example/%63allback",
        "https://app.example.evil.example/callback",
        "http://app.example/callback",
    ],
)
async def test_redirect_uris_are_compared_exactly(person: Person, close: str):
    """§2.3.1, §4.1.1: simple string comparison (RFC 3986 §6.2.1)."""
    page = await person.open(redirect_uri=close)
    assert page.status_code == 400
    assert "redirect_uri" in page.text


async def test_the_redirect_uri_is_no_part_of_the_token_request(
    place: Installation, person: Person
):
    """§4.1.3: PKCE does what it was for, so it may be left out."""
    code = await person.code()
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": person.verifier}
    assert (await token_request(place, "app", **form)).status_code == 200


async def test_a_refresh_token_of_a_public_client_is_rotated(place: Installation, person: Person):
    """§4.3.1: sender-constrained or rotated; S19: afterwards the old one ends the family."""
    first = await person.tokens("spa")
    shown = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = await token_request(place, "spa", **shown)
    assert second.json()["refresh_token"] != first["refresh_token"]
    place.clock.turn(place.authority.settings.refresh_window)
    assert (await token_request(place, "spa", **shown)).json()["error"] == "invalid_grant"


async def test_posting_to_the_authorization_endpoint_leads_to_the_same_page(person: Person):
    """§3.1: POST may be supported; a foreign POST carries no cookie, so it goes on as a GET."""
    url = urlsplit(person.authorization_url(resource="https://notes.example"))
    form = {name: values[0] for name, values in parse_qs(url.query).items()}
    sent_on = await person.browser.post("/authorize", data=form)
    assert sent_on.status_code == 303
    page = await person.sign_in(await person.follow(sent_on))
    code = answer_of(await person.allow(page))["code"]
    assert (await person.exchange(code)).status_code == 200


async def test_redirects_with_credentials_are_303(person: Person):
    """§7.5.2 (RFC 9700 §4.12): so that no form is sent on to the client."""
    page = await person.open()
    form_page = await person.sign_in(page)
    back = await person.allow(form_page)
    assert back.status_code == 303
    assert back.headers["location"].startswith(CALLBACK)
    assert back.headers["cache-control"] == "no-store"
    assert back.headers["referrer-policy"] == "no-referrer"


async def test_the_authorization_endpoint_never_speaks_cors(place: Installation, person: Person):
    """§3.1: it must not support CORS, for clients do not call it but send the browser there."""
    origin = {"origin": "https://app.example"}
    async with place.browser() as anyone:
        asked = await anyone.get(person.authorization_url(), headers=origin)
        preflight = await anyone.options(
            "/authorize", headers=origin | {"access-control-request-method": "GET"}
        )
    assert "access-control-allow-origin" not in asked.headers
    assert "access-control-allow-origin" not in preflight.headers
    assert preflight.status_code == 405


async def test_a_client_sends_its_secret_in_the_header_or_the_body_only(place: Installation):
    """§2.4.1: the server accepts both; no grant type sends a person's password at all (§10.1)."""
    answer = await place.post("/token", "service", grant_type="password")
    assert answer.json()["error"] == "unsupported_grant_type"
    machines = [route.path for route in ROUTES if route.caller is not Caller.PERSON]
    assert not [path for path in machines if "password" in path]
