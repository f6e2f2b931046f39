"""Token, introspection and revocation over HTTP: bounds on failures, and who is told what."""

import logging
from pathlib import Path

import httpx2
import pytest

from counterfoil.server.records.client import END_USERS
from tests.installation import Installation, installed

SOMEBODY = {"sub_id": {"format": "email", "email": "ada@example.com"}}
pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path):
    async with installed(tmp_path, token_failures_per_minute=3) as place:
        yield place


async def answer_to(
    place: Installation, path: str = "/token", client_id: str = "service"
) -> httpx2.Response:
    async with place.browser() as anyone:
        if path == "/global-token-revocation":
            return await anyone.post(path, json=SOMEBODY, auth=(client_id, "wrong"))
        form = {"grant_type": "client_credentials", "token": "a-guess"}
        return await anyone.post(path, data=form, auth=(client_id, "wrong"))


async def fail(place: Installation, path: str = "/token") -> int:
    return (await answer_to(place, path)).status_code


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke", "/global-token-revocation"])
async def test_guessing_secrets_is_slowed_down(place: Installation, path: str):
    """S104: after some failures an address is told to wait, for how long; then it may try again."""
    assert [await fail(place, path) for _ in range(4)] == [401, 401, 401, 429]
    answer = await answer_to(place, path)
    assert answer.status_code == 429
    assert answer.json()["error"] == "temporarily_unavailable"
    assert "www-authenticate" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["retry-after"] == "20"
    place.clock.turn(5)
    assert await fail(place, path) == 429
    place.clock.turn(60)
    assert await fail(place, path) == 401


async def test_the_right_secret_is_let_in_beside_a_guesser(place: Installation):
    """S104: whoever shares an address with a guesser is not punished for it."""
    for _ in range(10):
        await fail(place)
    token = await place.service_token()
    assert (await place.post("/introspect", "service", token=token)).json()["active"] is True
    assert (await place.post("/revoke", "service", token=token)).status_code == 200
    assert await fail(place) == 429


async def test_asking_for_people_in_vain_is_slowed_down(place: Installation):
    """A client whose secret was stolen finds out slowly who exists (§6.2), and is in the log."""
    await place.add_client("desk", scopes=frozenset({END_USERS}))
    auth = ("desk", place.secrets["desk"])
    async with place.browser() as browser:

        async def ask(email: str) -> int:
            body = {"sub_id": {"format": "email", "email": email}}
            answer = await browser.post("/global-token-revocation", json=body, auth=auth)
            return answer.status_code

        asked = [await ask(f"guess-{number}@example.com") for number in range(4)]
        assert asked == [404, 404, 404, 429]
        assert await ask("ada@example.com") == 204, "whoever is there is ended all the same"


async def test_other_errors_are_no_guesses(place: Installation):
    for _ in range(10):
        answer = await place.post("/token", "service", grant_type="nonsense")
        assert answer.status_code == 400
    await place.service_token()


async def test_success_is_not_throttled(place: Installation):
    for _ in range(10):
        await place.service_token()


async def test_a_revocation_is_answered_with_an_empty_object(place: Installation):
    """RFC 7009 §2.2."""
    answer = await place.post("/revoke", "service", token=await place.service_token())
    assert answer.json() == {}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
async def test_a_refusal_leaves_one_line_that_says_why(
    place: Installation, caplog: pytest.LogCaptureFixture, path: str
):
    caplog.set_level(logging.INFO, "counterfoil")
    await answer_to(place, path)
    lines = [each.getMessage() for each in caplog.records if each.name.startswith("counterfoil")]
    assert len(lines) == 1
    assert lines[0].endswith(f" {path}: invalid_client (wrong secret for 'service')")
    assert caplog.records[-1].levelno == logging.INFO


async def test_the_line_of_who_was_told_to_wait_says_so(
    place: Installation, caplog: pytest.LogCaptureFixture
):
    for _ in range(3):
        await fail(place)
    caplog.set_level(logging.INFO, "counterfoil")
    assert await fail(place) == 429
    assert "(wrong secret for 'service'; too many failures from its address)" in caplog.text


async def test_no_parameter_is_logged(place: Installation, caplog: pytest.LogCaptureFixture):
    """A secret that was sent as the name, by mistake, stays out of the log too."""
    caplog.set_level(logging.DEBUG, "counterfoil")
    await answer_to(place, client_id="a-secret-in-the-wrong-field")
    assert "invalid_client (no such client)" in caplog.text
    for sent in ("a-secret-in-the-wrong-field", "wrong", "a-guess"):
        assert sent not in caplog.text.replace("no such client", "")
