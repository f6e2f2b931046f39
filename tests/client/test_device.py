"""Signing in on another device, without any network (RFC 8628)."""

from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.client.device import GRANT_TYPE, DeviceSignIn, device_sign_in
from counterfoil.client.errors import NotTrusted, Refused
from counterfoil.client.flows import Flows
from counterfoil.client.outside import Outside
from counterfoil.net.exchange import Answer, Exchange
from counterfoil.net.http import BadAnswer, Unreachable
from tests.client.conversation import (
    ISSUER,
    METADATA,
    NOW,
    REGISTRATION,
    Issuer,
    answer,
    id_token,
    random,
)

SAID: dict[str, Any] = {
    "device_code": "d3vice",
    "user_code": "BCDF-GHJK",
    "verification_uri": f"{ISSUER}/device",
    "verification_uri_complete": f"{ISSUER}/device?user_code=BCDF-GHJK",
    "expires_in": 600,
    "interval": 5,
}
DEVICE = device_sign_in(SAID, "notes:read", NOW)
GIVEN = answer({"access_token": "a1", "token_type": "Bearer", "refresh_token": "r1"})
LOST = None


def said(error: str) -> Answer:
    return answer({"error": error}, 400)


class Waiting:
    """A server that answers in turn, and a clock that goes on as far as the client waits."""

    def __init__(self, *turns: Answer | None) -> None:
        self.turns = list(turns)
        self.now = float(NOW)
        self.waited: list[float] = []
        self.forms: list[dict[str, str]] = []

    def flows(self) -> Flows:
        return Flows(REGISTRATION, Outside(lambda: self.now, random))

    def run(self, exchange: Exchange[Any]) -> Any:
        request = next(exchange)
        try:
            while True:
                if request.url == f"{ISSUER}/token":
                    self.waited.append(request.after)
                    self.now += request.after
                    self.forms.append(dict(request.form or {}))
                    turn = self.turns.pop(0)
                    if turn is LOST:
                        request = exchange.throw(Unreachable("gone"))
                        continue
                    request = exchange.send(replace(turn, url=request.url))
                else:
                    given = answer(METADATA) if "well-known" in request.url else answer({}, 404)
                    request = exchange.send(replace(given, url=request.url))
        except StopIteration as end:
            return end.value


def test_a_code_for_the_person_is_asked_for():
    """§3.1, §3.2."""
    issuer = Issuer(device=answer(SAID))
    issuer.answers["/.well-known/openid-configuration"] = answer(
        METADATA | {"device_authorization_endpoint": f"{ISSUER}/device"}
    )
    flows = Flows(REGISTRATION, Outside(lambda: NOW, random))
    device = issuer.run(flows.begin_device("notes:read", "https://notes.example"))
    assert issuer.form == {"scope": "notes:read", "resource": "https://notes.example"}
    assert (device.user_code, device.expires_at, device.interval) == ("BCDF-GHJK", NOW + 600, 5)
    assert "d3vice" not in repr(device)


def test_a_server_without_device_sign_in_is_said():
    with pytest.raises(BadAnswer, match="names no device_authorization_endpoint"):
        Issuer().run(Flows(REGISTRATION, Outside(lambda: NOW, random)).begin_device("", None))


def test_it_asks_as_seldom_as_the_server_wants():
    """§3.5: pending goes on, slow_down adds five seconds for good."""
    server = Waiting(
        said("authorization_pending"), said("slow_down"), said("authorization_pending"), GIVEN
    )
    tokens = server.run(server.flows().finish_device(DEVICE))
    assert tokens.refresh_token == "r1"
    assert server.waited == [5, 5, 10, 10]
    assert server.forms[0] == {"grant_type": GRANT_TYPE, "device_code": "d3vice"}


def test_a_server_that_does_not_answer_is_asked_ever_more_seldom():
    """§3.5: exponential back-off where the connection fails; a busy server is one of those."""
    server = Waiting(LOST, answer("x", 503, "text/html"), said("authorization_pending"), GIVEN)
    assert server.run(server.flows().finish_device(DEVICE)).access_token == "a1"
    assert server.waited == [5, 10, 20, 20]


@pytest.mark.parametrize("error", ["access_denied", "expired_token", "invalid_grant"])
def test_a_no_is_told(error: str):
    server = Waiting(said(error))
    with pytest.raises(Refused, match=error):
        server.run(server.flows().finish_device(DEVICE))


def test_nobody_is_asked_after_the_code_has_expired():
    server = Waiting(*[said("authorization_pending")] * 200)
    with pytest.raises(Refused, match="expired_token"):
        server.run(server.flows().finish_device(DEVICE))
    assert server.now < DEVICE.expires_at
    assert len(server.waited) == 119


def test_who_signed_in_is_verified_here_too():
    """OpenID Connect Core §3.1.3.7."""
    device: DeviceSignIn = replace(DEVICE, scope="openid")
    server = Waiting(GIVEN)
    with pytest.raises(NotTrusted, match="no ID token"):
        server.run(server.flows().finish_device(device))
    issuer = Issuer(
        token=answer({"access_token": "a", "token_type": "Bearer", "id_token": id_token()})
    )
    flows = Flows(REGISTRATION, Outside(lambda: NOW, random))
    tokens = issuer.run(flows.finish_device(device))
    assert tokens.identity is not None
    assert tokens.identity.subject == "ada"


@pytest.mark.parametrize(
    "changed",
    [
        {"device_code": None},
        {"expires_in": "soon"},
        {"user_code": ""},
        {"user_code": "A" * 65},
        {"verification_uri": ""},
    ],
)
def test_an_answer_that_is_none_is_refused(changed: dict[str, object]):
    with pytest.raises(BadAnswer, match="device authorization response"):
        device_sign_in(SAID | changed, "", NOW)


def test_what_may_be_left_out_may_be_left_out():
    """§3.2: five seconds where no interval is said; never less than one."""
    bare = {n: v for n, v in SAID.items() if n not in {"interval", "verification_uri_complete"}}
    assert device_sign_in(bare, "", NOW).interval == 5
    assert device_sign_in(SAID | {"interval": 0}, "", NOW).interval == 1
