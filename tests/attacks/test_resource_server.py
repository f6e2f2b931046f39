"""Attacks on an API by way of its tokens, as RFC 9700 names them for resource servers."""

import logging
from collections.abc import Iterator

import pytest

from counterfoil.guard import Guard, Options, Proofs, Rejected
from counterfoil.guard.demands import demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.oauth.reasons import Reason
from tests.guard.issuer import AUDIENCE, TinyIssuer
from tests.proofs import Holder

pytestmark = pytest.mark.one_engine("no server of ours is there")

OTHER_API = "https://ledger.example"
URL = "https://notes.example/notes"
STRANGER = "203.0.113.9"

ATTACKS = {
    "2.2.1, 4.10.1 a stolen token, bound to its sender": (
        "test_a_stolen_token_is_worth_nothing_without_its_key",
        "test_a_bound_token_is_not_taken_as_a_bearers",
    ),
    "2.3, 4.10.2 a token at another API": ("test_a_token_of_one_api_opens_no_other",),
    "2.3 more than was granted": ("test_a_token_opens_no_more_than_its_scope",),
    "4.3.2 a token in the history of a browser": ("test_a_token_in_the_address_is_refused",),
    "4.9.1 a counterfeit resource server": ("test_what_a_lure_was_given_opens_nothing",),
    "4.9.2 a compromised resource server": ("test_nothing_that_it_logs_is_of_use",),
    "4.13 headers past the proxy": ("test_a_stranger_cannot_say_https",),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_of_the_list_has_its_test(attack: str) -> None:
    assert all(callable(globals().get(name)) for name in ATTACKS[attack])


@pytest.fixture(scope="module")
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def gate(issuer: TinyIssuer) -> Iterator[Gate]:
    proofs = Proofs(public_url="https://notes.example")
    with Guard(issuer.url, audience=AUDIENCE, options=Options(proofs=proofs)) as guard:
        assert guard.wait_until_fresh(10)
        yield Gate(guard)


@pytest.fixture(scope="module")
def ledger(issuer: TinyIssuer) -> Iterator[Gate]:
    with Guard(issuer.url, audience=OTHER_API) as guard:
        assert guard.wait_until_fresh(10)
        yield Gate(guard)


def asking(
    token: str, *further: tuple[bytes, bytes], scheme: str = "https", **changes: object
) -> Request:
    word = b"Bearer" if not any(name == b"dpop" for name, _ in further) else b"DPoP"
    headers = [(b"authorization", word + b" " + token.encode()), *further]
    asked = {"method": "GET", "scheme": "https", "peer": STRANGER, "path": "/notes", "query": b""}
    return Request(**asked | {"scheme": scheme, "headers": headers} | changes)


def reason(gate: Gate, request: Request, *scopes: str) -> Reason | None:
    try:
        gate.admit_blocking(request, demands_of(*scopes))
    except Rejected as rejected:
        return rejected.reason
    return None


def bound(issuer: TinyIssuer, holder: Holder) -> str:
    return issuer.token(cnf={"jkt": holder.thumbprint})


def test_a_stolen_token_is_worth_nothing_without_its_key(gate: Gate, issuer: TinyIssuer) -> None:
    """§2.2.1: the thief has a key, but not this one; and no proof that was seen helps twice."""
    owner, thief = Holder(), Holder()
    token, now = bound(issuer, owner), int(gate.guard.now())
    proof = owner.proof("GET", URL, now, token=token).encode()
    assert reason(gate, asking(token, (b"dpop", proof))) is None
    assert reason(gate, asking(token, (b"dpop", proof))) is Reason.PROOF_REPLAYED
    forged = thief.proof("GET", URL, now, token=token).encode()
    assert reason(gate, asking(token, (b"dpop", forged))) is Reason.WRONG_BINDING


def test_a_bound_token_is_not_taken_as_a_bearers(gate: Gate, issuer: TinyIssuer) -> None:
    """§2.2.1: else leaving the proof out would undo the binding."""
    assert reason(gate, asking(bound(issuer, Holder()))) is Reason.WRONG_BINDING


def test_a_token_of_one_api_opens_no_other(gate: Gate, ledger: Gate, issuer: TinyIssuer) -> None:
    """§2.3: both trust the issuer, and each is named by its own audience."""
    assert reason(gate, asking(issuer.token())) is None
    assert reason(ledger, asking(issuer.token())) is Reason.WRONG_AUDIENCE


def test_a_token_opens_no_more_than_its_scope(gate: Gate, issuer: TinyIssuer) -> None:
    token = issuer.token(scope="notes:read")
    assert reason(gate, asking(token), "notes:read") is None
    assert reason(gate, asking(token), "notes:write") is Reason.INSUFFICIENT_SCOPE


@pytest.mark.parametrize("query", [b"access_token=", b"x=1&access%5ftoken="])
def test_a_token_in_the_address_is_refused(gate: Gate, issuer: TinyIssuer, query: bytes) -> None:
    """§4.3.2: also beside a good one in the header, so that nobody gets used to it."""
    token = issuer.token()
    address = query + token.encode()
    assert reason(gate, asking(token, query=address)) is Reason.TOKEN_IN_QUERY


def test_what_a_lure_was_given_opens_nothing(gate: Gate, issuer: TinyIssuer) -> None:
    """§4.9.1: a client that was lured asks for a token for the API that lured it."""
    assert reason(gate, asking(issuer.token(aud="https://notes.example.evil"))) is (
        Reason.WRONG_AUDIENCE
    )


def test_nothing_that_it_logs_is_of_use(
    gate: Gate, issuer: TinyIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """§4.9.2: whoever reads an API's logs finds no token, of those it took and those it refused."""
    with caplog.at_level(logging.DEBUG):
        tokens = [issuer.token(), issuer.token(aud=OTHER_API), issuer.token()[:-4] + "AAAA"]
        for token in tokens:
            request = asking(token)
            try:
                gate.admit_blocking(request)
            except Rejected as rejected:
                gate.refusal(rejected, request)
    said = caplog.text
    assert "refused" in said
    assert not any(part in said for token in tokens for part in token.split("."))


@pytest.mark.parametrize("header", [b"x-forwarded-proto", b"forwarded"])
def test_a_stranger_cannot_say_https(gate: Gate, issuer: TinyIssuer, header: bytes) -> None:
    """§4.13: such headers count from named proxies alone."""
    said = (header, b"https" if header.startswith(b"x") else b"proto=https")
    request = asking(issuer.token(), said, scheme="http")
    assert reason(gate, request) is Reason.INSECURE_TRANSPORT
