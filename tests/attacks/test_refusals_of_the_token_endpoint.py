"""What a thief learns from being refused: no more than the sentence says (S109)."""

import logging
from typing import Any

import pytest

from tests.installation import CALLBACK, Installation, Person, token_request

pytestmark = pytest.mark.anyio

DAY = 86_400
OFFLINE = "openid notes:read offline_access"


async def shown(own: Installation, token: str, client_id: str = "app") -> dict[str, Any]:
    """What the answer says, apart from its own name."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    answer = await token_request(own, client_id, **form)
    said = dict(answer.json())
    assert said.pop("request_id", "") == answer.headers.get("x-request-id", "")
    return said | {"status": answer.status_code}


async def tokens_of(own: Installation, **asked: str) -> dict[str, Any]:
    async with own.browser() as browser:
        return await Person(own, browser).tokens(**asked)


async def test_what_is_not_valid_looks_alike_whatever_became_of_it(
    own: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody learns whether a token was ever good, nor whether its owner has noticed.

    The log says it, under the name in the answer.
    """
    caplog.set_level(logging.INFO, "counterfoil")
    dead = [(await tokens_of(own, scope=OFFLINE))["refresh_token"] for _ in range(4)]
    given_back, reused, expired, foreign = dead
    answers = [await shown(own, "cfr_nonsense"), await shown(own, given_back[:-1] + "!")]
    answers.append(await shown(own, foreign, "spa"))
    await own.post("/revoke", "app", token=given_back)
    answers.append(await shown(own, given_back))
    await shown(own, reused)
    own.clock.turn(60)
    assert (await shown(own, reused))["error_reason"] == "used_up"
    answers.append(await shown(own, reused))
    own.clock.turn(90 * DAY)
    answers.append(await shown(own, expired))
    own.clock.turn(400 * DAY)
    await own.authority.store.transact(lambda tx: tx.sweep(100))
    answers.append(await shown(own, expired))
    assert answers[0]["error"] == "invalid_grant"
    assert "error_reason" not in answers[0]
    assert answers == [answers[0]] * len(answers)
    whys = [line.partition("invalid_grant ")[2] for line in caplog.messages if "/token" in line]
    assert whys == [
        "(no refresh token of ours)",
        "(no refresh token of ours)",
        "(a refresh token of another client)",
        "(revoked_by_client)",
        "(used_up)",
        "(refresh_reused)",
        "(expired)",
        "(its family has been forgotten)",
    ]
    assert not any(token in line for line in caplog.messages for token in dead)


async def test_what_the_sentence_says_is_said_in_a_word(own: Installation) -> None:
    """S109: programs may match on it; it says no more than the sentence."""
    async with own.browser() as browser:
        person = Person(own, browser)
        code = await person.code()
        tokens = (await person.exchange(code)).json()
        replayed = (await person.exchange(code)).json()
        assert (replayed["error"], replayed["error_reason"]) == ("invalid_grant", "used_up")
        tokens = await person.tokens()
        store = own.authority.store
        for session in await store.read(lambda tx: tx.sessions.of_user(person.user_id)):
            await store.transact(lambda tx, ended=session.id: tx.sessions.end(ended, tx.now))
        said = await shown(own, tokens["refresh_token"])
    assert (said["error"], said["error_reason"]) == ("invalid_grant", "revoked")
    assert "session" in said["error_description"]


async def test_a_code_that_is_not_valid_has_no_reason(own: Installation) -> None:
    async with own.browser() as browser:
        person = Person(own, browser)
        code = await person.code()
        form = {"code_verifier": person.verifier, "redirect_uri": CALLBACK}
        own.clock.turn(60)
        asked = {"grant_type": "authorization_code", **form}
        expired = (await token_request(own, "app", code=code, **asked)).json()
        unknown = (await token_request(own, "app", code="cfc_nonsense", **asked)).json()
    assert expired.pop("request_id") != unknown.pop("request_id")
    assert expired == unknown
    assert set(unknown) == {"error", "error_description"}
