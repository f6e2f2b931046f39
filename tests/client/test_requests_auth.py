"""requests with a holder's tokens: the real library, against a real port."""

from collections.abc import Iterator

import pytest
import requests

from counterfoil.client.call import Calls, Places
from counterfoil.client.flows import Flows
from counterfoil.client.requests_auth import RequestsAuth
from counterfoil.client.tokens import Tokens
from tests.client.conversation import OUTSIDE, REGISTRATION
from tests.client.listening import Api, listening


@pytest.fixture
def api() -> Iterator[Api]:
    with listening() as it:
        it.good = {"a1"}
        yield it


def auth_of(*addresses: str, first: str = "a0") -> RequestsAuth:
    """Gives ``first``, and ``a1`` once that was refused."""
    flows = Flows(REGISTRATION, OUTSIDE)
    calls = Calls(Places.of(addresses), flows.headers, flows.prover)
    return RequestsAuth(calls, lambda refused: Tokens(access_token="a1" if refused else first))


def test_a_refused_token_is_replaced_and_the_body_sent_again(api: Api):
    answer = requests.post(f"{api.url}/x", json={"a": 1}, auth=auth_of(api.url), timeout=5)
    assert (answer.status_code, answer.text) == (200, "ok")
    assert [each.status_code for each in answer.history] == [401]
    assert api.shown == ["Bearer a0", "Bearer a1"]
    assert [body for *_, body in api.asked] == [b'{"a": 1}'] * 2


def test_a_good_token_is_shown_once(api: Api):
    with requests.Session() as session:
        session.auth = auth_of(api.url, first="a1")
        assert session.get(f"{api.url}/x", timeout=5).status_code == 200
    assert api.shown == ["Bearer a1"]


def test_a_second_refusal_is_told(api: Api):
    api.good = set()
    answer = requests.get(f"{api.url}/x", auth=auth_of(api.url), timeout=5)
    assert answer.status_code == 401
    assert api.shown == ["Bearer a0", "Bearer a1"]


def test_a_stream_is_not_sent_twice(api: Api):
    answer = requests.post(
        f"{api.url}/x", data=iter([b"a", b"b"]), auth=auth_of(api.url), timeout=5
    )
    assert answer.status_code == 401
    assert len(api.asked) == 1


def test_a_redirect_elsewhere_takes_no_token_along(api: Api):
    with listening() as other:
        answer = requests.get(f"{api.url}/to/{other.url}/x", auth=auth_of(api.url), timeout=5)
        assert answer.status_code == 401
        assert other.shown == [""]


def test_another_address_gets_nothing(api: Api):
    with listening() as other, pytest.raises(ValueError, match="this token is for"):
        requests.get(other.url, auth=auth_of(api.url), timeout=5)
    assert other.asked == []
