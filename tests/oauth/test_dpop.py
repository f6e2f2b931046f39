"""What a proof must say, and of which request (RFC 9449 §4.3)."""

from typing import Any

import pytest

from counterfoil.oauth.binding import Binding
from counterfoil.oauth.dpop import (
    AGE,
    AHEAD,
    KEPT,
    MAX_JTI,
    NotProved,
    Target,
    ath_of,
    is_thumbprint,
    read_proof,
)
from counterfoil.oauth.reasons import Reason
from tests.jose.test_proof import AT_A_RESOURCE, AT_THE_TOKEN_ENDPOINT, THUMBPRINT
from tests.proofs import GONE, Holder

NOW = 1_800_000_000
URL = "https://api.example/notes"
TOKEN = "t0ken"
HERE = Target("GET", URL)


def made(method: str = "GET", url: str = URL, token: str | None = None, **changes: Any) -> str:
    return Holder().proof(method, url, NOW, token, **changes)


def refusal(*unverified: str, target: Target = HERE) -> Reason:
    with pytest.raises(NotProved) as refused:
        read_proof(unverified, target)
    return refused.value.reason


def test_the_example_of_the_token_endpoint_is_read():
    """§4.1, figures 1 to 3."""
    target = Target("POST", "https://server.example.com/token")
    proof = read_proof([AT_THE_TOKEN_ENDPOINT], target)
    assert proof.binding == Binding("jkt", THUMBPRINT)
    assert (proof.jti, proof.issued_at) == ("-BwC3ESc6acc2lTc", 1562262616)


def test_the_example_of_a_resource_is_read():
    """§7.1, figures 12 and 13: the hash of its access token is in it."""
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    target = Target("GET", "https://resource.example.org/protectedresource", token)
    assert read_proof([AT_A_RESOURCE], target).binding == Binding("jkt", THUMBPRINT)
    assert ath_of(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


def test_there_must_be_one_and_only_one():
    """Step 1."""
    assert refusal() is Reason.PROOF_MISSING
    assert refusal(made(), made()) is Reason.PROOF_INVALID


@pytest.mark.parametrize("method", ["POST", "get", "HEAD", "", "GET "])
def test_another_method_is_refused(method: str):
    """Step 8; methods differ by case."""
    assert refusal(made(method)) is Reason.PROOF_MISMATCH


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example/notes?x=1",
        "https://API.example:443/notes",
        "https://api.example/%6Eotes#x",
    ],
)
def test_the_url_is_compared_by_what_it_means(url: str):
    """Step 9."""
    assert read_proof([made(url=url)], Target("GET", URL)).jti
    assert read_proof([made()], Target("GET", url)).jti


@pytest.mark.parametrize(
    "url",
    ["https://api.example/", "http://api.example/notes", "https://evil.example/notes", "", "x"],
)
def test_another_url_is_refused(url: str):
    """Step 9."""
    assert refusal(made(url=url)) is Reason.PROOF_MISMATCH


def test_where_our_own_url_is_not_clear_nothing_fits():
    """An adapter that cannot say where a request went gives none."""
    for url in ("x", ""):
        assert refusal(made(url=url), target=Target("GET", "")) is Reason.PROOF_MISMATCH
    assert refusal(made(), target=Target("GET", "")) is Reason.PROOF_MISMATCH


@pytest.mark.parametrize("name", ["jti", "htm", "htu", "iat"])
@pytest.mark.parametrize("value", [GONE, None, ["x"], {}, True])
def test_what_is_required_is_there_and_of_its_type(name: str, value: Any):
    """Step 3."""
    assert refusal(made(**{name: value})) is Reason.PROOF_INVALID


@pytest.mark.parametrize("jti", ["", "x" * (MAX_JTI + 1)])
def test_a_jti_has_bounds(jti: str):
    """§11.1."""
    assert refusal(made(jti=jti)) is Reason.PROOF_INVALID


@pytest.mark.parametrize("iat", ["1800000000", 10**400])
def test_a_time_is_a_number(iat: Any):
    assert refusal(made(iat=iat)) is Reason.PROOF_INVALID


def test_the_access_token_is_that_of_the_request():
    """Step 12."""
    target = Target("GET", URL, TOKEN)
    assert read_proof([made(token=TOKEN)], target).jti
    for proof in (made(), made(token="other"), made(ath=""), made(ath="ä"), made(ath=TOKEN)):
        assert refusal(proof, target=target) is Reason.PROOF_MISMATCH


@pytest.mark.parametrize("age", [0, AGE, -AHEAD])
def test_it_was_made_just_now(age: int):
    """Step 11."""
    read_proof([made()], Target("GET", URL)).demand_timely(NOW + age)


@pytest.mark.parametrize("age", [AGE + 1, -AHEAD - 1, 10**9, -(10**9)])
def test_or_it_is_refused(age: int):
    """Step 11: neither old ones nor such as were made in stock."""
    proof = read_proof([made()], Target("GET", URL))
    with pytest.raises(NotProved) as refused:
        proof.demand_timely(NOW + age)
    assert refused.value.reason is Reason.PROOF_EXPIRED


def test_what_was_used_is_remembered_for_longer_than_it_is_timely():
    assert KEPT > AGE + AHEAD


def test_no_key_uses_up_the_proof_of_another():
    """A thief who has seen a jti cannot spend it: it counts with its key."""
    one, other = (
        read_proof([Holder().proof("GET", URL, NOW, jti="same")], Target("GET", URL))
        for _ in range(2)
    )
    assert one.id != other.id
    holder = Holder()
    again = [
        read_proof([holder.proof("GET", URL, NOW + n, jti="same")], Target("GET", URL)).id
        for n in range(2)
    ]
    assert again[0] == again[1]


def test_a_refusal_holds_nothing_of_the_proof():
    for proof in (made(jti="s3cret" * 100), made("s3cret"), made(url="https://s3cret.example")):
        with pytest.raises(NotProved) as refused:
            read_proof([proof], Target("GET", URL))
        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (THUMBPRINT, True),
        ("", False),
        (THUMBPRINT + "A", False),
        ("ä" * 43, False),
        ("=" * 43, False),
    ],
)
def test_a_thumbprint_is_a_sha256(text: str, fits: bool):
    """§10."""
    assert is_thumbprint(text) is fits
