"""RFC 9700: the best current practice for OAuth security, where the server can keep it."""

import pytest

from counterfoil.jose.jwt import unverified_claims
from tests.installation import NOTES, Installation, Person, answer_of, token_request

pytestmark = pytest.mark.anyio


async def is_active(place: Installation, token: str) -> bool:
    return bool((await place.post("/introspect", "app", token=token)).json()["active"])


async def test_a_replayed_code_ends_what_came_of_it(place: Installation, person: Person):
    """§4.2.4, RFC 6749 §4.1.2: with the right verifier it was stolen or raced."""
    code = await person.code()
    tokens = (await person.exchange(code)).json()
    assert await is_active(place, tokens["access_token"])
    assert (await person.exchange(code)).json()["error"] == "invalid_grant"
    assert not await is_active(place, tokens["access_token"])
    assert not await is_active(place, tokens["refresh_token"])


async def test_a_replay_without_the_verifier_ends_nothing(place: Installation, person: Person):
    """§4.2.4: else whoever sees a code could sign people out."""
    code = await person.code()
    tokens = (await person.exchange(code)).json()
    await person.exchange(code, code_verifier="w" * 43)
    assert await is_active(place, tokens["access_token"])


async def test_three_wrong_verifiers_end_a_code(place: Installation, person: Person):
    """§4.5: two may be mistakes, more are guesses."""
    code = await person.code()
    for _ in range(2):
        await person.exchange(code, code_verifier="w" * 43)
    assert (await person.exchange(code)).status_code == 200
    code = await person.code()
    for _ in range(3):
        await person.exchange(code, code_verifier="w" * 43)
    assert (await person.exchange(code)).json()["error"] == "invalid_grant"


async def test_reuse_of_a_refresh_token_ends_its_family(place: Installation, person: Person):
    """§2.2.2, §4.14.2; S19: a second exchange is noticed; the successor dies with it."""
    first = await person.tokens()
    shown = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = (await token_request(place, "app", **shown)).json()
    place.clock.turn(place.authority.settings.refresh_window)
    assert (await token_request(place, "app", **shown)).json()["error"] == "invalid_grant"
    assert not await is_active(place, second["access_token"])
    shown["refresh_token"] = second["refresh_token"]
    assert (await token_request(place, "app", **shown)).json()["error"] == "invalid_grant"


async def test_a_used_successor_makes_any_repeat_a_theft(place: Installation, person: Person):
    """§4.14.2; S19: even inside the window."""
    tokens = await person.tokens()
    first = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    second = (await token_request(place, "app", **first)).json()
    third = (
        await token_request(
            place, "app", grant_type="refresh_token", refresh_token=second["refresh_token"]
        )
    ).json()
    await token_request(place, "app", **first)
    assert not await is_active(place, third["access_token"])


async def test_a_repeat_at_once_gets_the_same_successor(place: Installation, person: Person):
    """§4.14.2: the answer was lost, or two tabs asked at the same time: one successor, not two."""
    tokens = await person.tokens()
    shown = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    second = (await token_request(place, "app", **shown)).json()
    repeated = (await token_request(place, "app", **shown)).json()
    assert repeated["refresh_token"] == second["refresh_token"]
    assert await is_active(place, second["access_token"])
    assert await is_active(place, repeated["access_token"])
    shown["refresh_token"] = second["refresh_token"]
    assert (await token_request(place, "app", **shown)).status_code == 200


async def test_access_tokens_are_restricted_to_one_audience(place: Installation, person: Person):
    """§2.3."""
    for token in (await place.service_token(), (await person.tokens())["access_token"]):
        assert unverified_claims(token)["aud"] == NOTES


async def test_the_consent_page_cannot_be_framed(person: Person):
    """§4.16: frame-ancestors and X-Frame-Options; S103."""
    page = await person.sign_in(await person.open())
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"


async def test_no_page_of_the_flow_sends_a_referrer_abroad(person: Person):
    """§4.2.4: codes and states must not leak by the Referer header."""
    sign_in = await person.open()
    consent = await person.sign_in(sign_in)
    assert sign_in.headers["referrer-policy"] == "same-origin"
    assert consent.headers["referrer-policy"] == "same-origin"
    back = await person.allow(consent)
    assert back.headers["referrer-policy"] == "no-referrer"


async def test_an_error_is_no_open_redirect(person: Person):
    """§4.11.2: errors go only to redirect URIs that are registered."""
    page = await person.open(redirect_uri="https://evil.example", scope="unknown")
    assert page.status_code == 400
    assert "location" not in page.headers


async def test_a_code_cannot_be_injected_into_another_session(
    place: Installation, person: Person, visitor: Person
):
    """§4.5.3: the victim's app holds another verifier than the stolen code needs."""
    stolen = await person.code()
    await visitor.open()
    answer = await visitor.exchange(stolen)
    assert answer.json()["error"] == "invalid_grant"


async def test_the_nonce_binds_the_id_token_to_the_request(place: Installation, person: Person):
    """§4.5.3.2."""
    tokens = await person.tokens(nonce="only-mine")
    assert unverified_claims(tokens["id_token"])["nonce"] == "only-mine"


async def test_a_sealed_request_is_good_in_its_own_browser_only(person: Person, visitor: Person):
    """§4.7: a flow begun elsewhere cannot be pushed on somebody."""
    page = await person.browser.get(person.authorization_url())
    pushed = await visitor.browser.get(page.headers["location"])
    assert pushed.status_code == 400
    assert "begun in this browser" in pushed.text


async def test_the_state_of_one_client_goes_to_no_other(place: Installation, person: Person):
    """§4.4: each answer goes to the redirect URI of the request that it answers."""
    page = await person.sign_in(await person.open(state="mine"))
    back = await person.allow(page)
    assert back.headers["location"].startswith("https://app.example/callback?")
    assert answer_of(back)["state"] == "mine"
