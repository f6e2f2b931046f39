"""A pending authorization travels sealed: nobody reads, alters or moves it."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError
from counterfoil.server.keys.sealing import Sealing
from counterfoil.server.protocol.pending import Pending, seal, unseal

SEALING = Sealing(b"k" * 32, secrets.token_bytes)
PENDING = Pending(
    client_id="app",
    redirect_uri="https://app.example/cb",
    code_challenge="c" * 43,
    access=Access({"https://notes.example": frozenset({"notes:read"})}, frozenset({"openid"})),
    requested_at=1000,
    state="the-state",
    nonce="the-nonce",
    prompt=frozenset({"login"}),
    max_age=0,
)


def refusal(flow: str | None, browser: str = "b", oldest: int = 0, key: bytes = b"k") -> OAuthError:
    with pytest.raises(OAuthError) as refused:
        unseal(Sealing(key * 32, secrets.token_bytes), flow, browser, oldest)
    assert refused.value.error == "invalid_request"
    return refused.value


def test_what_was_sealed_is_opened():
    assert unseal(SEALING, seal(SEALING, PENDING, "b"), "b", 1000) == PENDING


@given(
    st.builds(
        Pending,
        client_id=st.text(),
        redirect_uri=st.text(),
        code_challenge=st.text(),
        access=st.just(Access()),
        requested_at=st.integers(0, 2**40),
        state=st.none() | st.text(),
        nonce=st.none() | st.text(),
        prompt=st.frozensets(st.sampled_from(["login", "none"])),
        max_age=st.none() | st.integers(0, 10**9),
        login_hint=st.none() | st.text(),
    )
)
def test_any_request_survives_the_journey(pending: Pending):
    assert unseal(SEALING, seal(SEALING, pending, "b"), "b", 0) == pending


def test_nobody_reads_what_is_inside():
    sealed = seal(SEALING, PENDING, "b")
    assert "the-state" not in sealed
    assert seal(SEALING, PENDING, "b") != sealed


@given(st.data())
def test_an_altered_one_is_refused(data: st.DataObject):
    sealed = seal(SEALING, PENDING, "b")
    place = data.draw(st.integers(0, len(sealed) - 2))
    other = data.draw(st.sampled_from("ABCxyz019-_"))
    if other == sealed[place]:  # sealed anew each time, so that no draw may depend on it
        other = "D"
    refusal(sealed[:place] + other + sealed[place + 1 :])


def test_it_opens_in_its_own_browser_only():
    """RFC 9700 §4.7: a flow cannot be pushed on somebody else."""
    assert "begun in this browser" in refusal(seal(SEALING, PENDING, "b"), browser="c").description


def test_another_key_does_not_open_it():
    refusal(seal(SEALING, PENDING, "b"), key=b"x")


def test_an_old_one_is_refused():
    assert "too long ago" in refusal(seal(SEALING, PENDING, "b"), oldest=1001).description


@pytest.mark.parametrize("flow", [None, "", "x", "é", "=" * 9, "A" * 64, "\0"])
def test_anything_else_is_refused(flow: str | None):
    refusal(flow)
