"""Which key a request must prove (RFC 9449 §5, §10; S20, S21)."""

from contextlib import ExitStack
from typing import Any

import pytest

from counterfoil.oauth.binding import UNBOUND, Binding
from counterfoil.oauth.dpop import KEPT, NotProved, Proof, Target
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import proof_of_possession
from counterfoil.server.protocol.issuance import TokenRequest
from counterfoil.server.records.client import Client
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from tests.installation import Installation
from tests.proofs import Holder
from tests.storage.samples import client as a_client
from tests.storage.samples import family as a_family

pytestmark = pytest.mark.anyio

KEY, OTHER = Binding("jkt", "key"), Binding("jkt", "other")
URL = "https://id.example/token"


def client(public: bool = False, **policy: Any) -> Client:
    return a_client(public=public, policy=ClientPolicy(**policy))


def request(of: Client, proved: Binding) -> TokenRequest:
    return TokenRequest(of, Parameters({}, {}), Origin(), proved)


def rebound(of: Client, family: Binding, proved: Binding) -> Binding | None:
    """How the next access token is bound; None where the refresh is refused."""
    try:
        return proof_of_possession.rebound(a_family(binding=family), request(of, proved)).binding
    except OAuthError:
        return None


@pytest.mark.parametrize(
    ("family", "proved", "expected"),
    [
        (UNBOUND, UNBOUND, UNBOUND),
        (UNBOUND, KEY, KEY),
        (KEY, KEY, KEY),
        (KEY, OTHER, None),
        (KEY, UNBOUND, None),
    ],
)
def test_a_public_client_proves_the_very_key(
    family: Binding, proved: Binding, expected: Binding | None
):
    """S20, §5: its refresh token is bound to the key that it began with."""
    assert rebound(client(public=True), family, proved) == expected


@pytest.mark.parametrize(
    ("family", "proved", "expected"),
    [
        (UNBOUND, UNBOUND, UNBOUND),
        (UNBOUND, KEY, KEY),
        (KEY, KEY, KEY),
        (KEY, OTHER, OTHER),
        (KEY, UNBOUND, None),
        (KEY, Binding("x5t#S256", "cert"), None),
    ],
)
def test_a_confidential_client_changes_its_key_and_never_drops_it(
    family: Binding, proved: Binding, expected: Binding | None
):
    """§5: it is bound to its authentication."""
    assert rebound(client(), family, proved) == expected


@pytest.mark.parametrize("public", [False, True])
@pytest.mark.parametrize(
    ("family", "proved", "expected"),
    [
        (KEY, KEY, KEY),
        (KEY, OTHER, None),
        (KEY, UNBOUND, None),
        (UNBOUND, KEY, None),
        (UNBOUND, UNBOUND, None),
    ],
)
def test_in_session_families_keep_their_key_whoever_the_client_is(
    public: bool, family: Binding, proved: Binding, expected: Binding | None
):
    """S21: also one that began before the policy was set ends with it."""
    assert rebound(client(public, in_session=True), family, proved) == expected


@pytest.mark.parametrize(
    ("policy", "grant_type", "demanded"),
    [
        ({}, "authorization_code", False),
        ({"dpop_bound_access_tokens": True}, "authorization_code", True),
        ({"dpop_bound_access_tokens": True}, "refresh_token", True),
        ({"dpop_bound_access_tokens": True}, "client_credentials", True),
        ({"in_session": True}, "authorization_code", True),
        ({"in_session": True}, "client_credentials", False),
    ],
)
def test_a_policy_demands_a_proof(policy: dict[str, bool], grant_type: str, demanded: bool):
    """§5.2, S21."""
    proof_of_possession.demand_registered(client(**policy), grant_type, Proof("key", "1", 0, None))
    with ExitStack() as stack:
        if demanded:
            refused = stack.enter_context(pytest.raises(NotProved))
        proof_of_possession.demand_registered(client(**policy), grant_type, None)
    if demanded:
        assert refused.value.reason is Reason.PROOF_MISSING


def test_the_key_that_was_asked_for_is_the_one_that_is_proved():
    """§10."""
    for named, proved in ((None, UNBOUND), (None, KEY), ("key", KEY)):
        proof_of_possession.demand_requested(named, request(client(), proved))
    for proved in (UNBOUND, OTHER, Binding("x5t#S256", "key")):
        with pytest.raises(OAuthError, match="invalid_grant"):
            proof_of_possession.demand_requested("key", request(client(), proved))


def test_without_a_header_nothing_is_proved():
    assert proof_of_possession.read((), Target("POST", URL)) is None


def test_a_proof_proves_its_key():
    holder = Holder()
    proof = proof_of_possession.read([holder.proof("POST", URL, 1)], Target("POST", URL))
    assert proof is not None
    assert proof.binding == Binding("jkt", holder.thumbprint)


async def test_a_proof_is_taken_once_and_remembered_for_as_long_as_it_is_timely(
    place: Installation,
):
    """§11.1."""
    proof = Proof("key", "1", place.clock(), None)

    async def take(tx: Transaction) -> None:
        await proof_of_possession.take(place.authority, tx, proof)

    async def refusal() -> Reason:
        with pytest.raises(NotProved) as refused:
            await place.authority.store.transact(take)
        return refused.value.reason

    await place.authority.store.transact(take)
    assert await refusal() is Reason.PROOF_REPLAYED
    place.clock.turn(60)
    assert await refusal() is Reason.PROOF_REPLAYED
    place.clock.turn(1)
    assert await refusal() is Reason.PROOF_EXPIRED
    place.clock.turn(KEPT)
    await place.authority.store.transact(lambda tx: tx.sweep(100))
    assert await refusal() is Reason.PROOF_EXPIRED


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (Reason.PROOF_REPLAYED, "invalid_dpop_proof"),
        (Reason.NONCE_NEEDED, "use_dpop_nonce"),
    ],
)
def test_why_is_said_by_the_error_of_the_specification(reason: Reason, error: str):
    """§5, §8."""
    refusal = proof_of_possession.refusal_of(NotProved(reason, "Why."))
    assert (refusal.error, refusal.status, refusal.description) == (error, 400, "Why.")
