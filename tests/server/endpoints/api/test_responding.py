"""How the admin API answers, whatever goes wrong."""

import logging

import pytest

from counterfoil.server.records.failures import StoreUnavailable
from tests.administration import Administrator
from tests.installation import Installation

pytestmark = pytest.mark.anyio


async def test_a_refusal_is_the_guards_challenge_and_can_be_found_in_the_log(
    place: Installation, admin: Administrator, caplog: pytest.LogCaptureFixture
) -> None:
    """S109: reason, request id and fingerprint, never the token (RFC 6750 §3)."""
    caplog.set_level(logging.INFO)
    admin.token = await place.service_token()
    answer = await admin.ask("GET", "/api/clients")
    assert answer.status_code == 401
    assert 'error_reason="wrong_audience"' in answer.headers["www-authenticate"]
    document = answer.json()
    assert document["error_reason"] == "wrong_audience"
    assert document["fingerprint"]
    line = next(each for each in caplog.messages if document["request_id"] in each)
    assert "wrong_audience" in line
    assert document["fingerprint"] in line
    assert admin.token not in caplog.text


async def test_a_store_that_cannot_be_read_is_503(
    admin: Administrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is gone")

    monkeypatch.setattr(type(admin.place.authority.store), "read", fail)
    answer = await admin.ask("GET", "/api/keys")
    assert answer.status_code == 503
    assert answer.json()["error"] == "temporarily_unavailable"
    assert "disk" not in answer.text


async def test_a_mistake_of_ours_tells_a_stranger_nothing(
    admin: Administrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from counterfoil.server.endpoints.api import settings

    def fail(_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(settings, "describe", fail)
    async with admin.place.browser() as browser:
        headers = {"authorization": f"Bearer {admin.token}"}
        answer = await browser.get("/api/settings", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert "secret" not in answer.text
