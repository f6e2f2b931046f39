"""The line that a refusal leaves in the log: a reference, where, what and why."""

import logging
from typing import Any

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.reasons import Reason
from counterfoil.server.keys.keyring import NoSigningKey
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.web.refusal import error_of, log_refusal, log_rejection
from tests.installation import Installation

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("error", "level"), [("invalid_grant", logging.INFO), ("server_error", logging.WARNING)]
)
async def test_the_line_is_found_by_its_reference(
    place: Installation, caplog: pytest.LogCaptureFixture, error: str, level: int
):
    """What the caller is told is no part of it: it may name what was sent."""
    caplog.set_level(logging.INFO, "counterfoil")
    reference = log_refusal(place.server, "/token", OAuthError(error, "Told.", detail="why"))
    (line,) = [each for each in caplog.records if each.name.startswith("counterfoil")]
    assert len(reference) == 8
    assert line.getMessage() == f"{reference} /token: {error} (why)"
    assert line.levelno == level


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "-"),
        ({"reason": Reason.USED_UP}, "used_up"),
        ({"reason": Reason.USED_UP, "detail": "twice"}, "used_up, twice"),
    ],
)
async def test_the_line_says_the_reason_and_the_detail(
    place: Installation, caplog: pytest.LogCaptureFixture, said: dict[str, Any], why: str
):
    """S109."""
    caplog.set_level(logging.INFO, "counterfoil")
    reference = log_refusal(place.server, "/token", OAuthError("invalid_grant", "Told.", **said))
    assert caplog.messages == [f"{reference} /token: invalid_grant ({why})"]


async def test_no_two_have_the_same_reference(place: Installation):
    error = OAuthError("invalid_grant", "Told.")
    assert len({log_refusal(place.server, "/token", error) for _ in range(20)}) == 20


async def test_a_refused_token_is_logged_by_reason_and_fingerprint(
    place: Installation, caplog: pytest.LogCaptureFixture
):
    """S109, S110: by these it is explained; nothing else of it stands there."""
    caplog.set_level(logging.INFO, "counterfoil")
    first = log_rejection(place.server, "/userinfo", Reason.EXPIRED, "f1")
    second = log_rejection(place.server, "/userinfo", Reason.MALFORMED, "")
    assert [each.getMessage() for each in caplog.records] == [
        f"{first} /userinfo: expired fingerprint=f1",
        f"{second} /userinfo: malformed fingerprint=-",
    ]


async def test_a_mistake_of_ours_is_logged_whole_and_told_in_a_word(
    caplog: pytest.LogCaptureFixture,
):
    error = error_of("GET /x", ZeroDivisionError("with a secret"))
    assert (error.error, error.detail) == ("server_error", "ZeroDivisionError")
    assert "secret" not in error.description
    (line,) = [each for each in caplog.records if each.exc_info]
    assert line.getMessage() == "GET /x failed"


@pytest.mark.parametrize("raised", [StoreUnavailable("gone"), NoSigningKey("none")])
async def test_what_will_pass_is_503(raised: Exception):
    assert error_of("GET /x", raised).status == 503
