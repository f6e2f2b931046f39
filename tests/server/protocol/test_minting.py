"""The only place that signs."""

import ast
from itertools import chain

import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_claims, unverified_header, verify
from counterfoil.oauth.access import Access
from counterfoil.oauth.binding import Binding
from counterfoil.oauth.token_response import TokenResponse
from counterfoil.server.protocol.audience import Audience
from counterfoil.server.protocol.issuance import Issuance, SignedIn
from counterfoil.server.protocol.minting import mint, mint_alike
from counterfoil.server.records.client import Client
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.user import User
from tests.architecture.sources import modules
from tests.installation import NOTES, Installation

APP = Client(
    client_id="app",
    client_name="App",
    created_at=1,
    grant_types=(),
    scopes=frozenset(),
    generation=3,
)
ADA = User(id="u1", email="ada@example.com", created_at=1, name="Ada")


def issuance(place: Installation, **members: object) -> Issuance:
    given: dict[str, object] = {
        "client": APP,
        "subject": "u1",
        "access": Access({NOTES: frozenset({"notes:read"})}, frozenset({"openid"})),
        "audience": Audience(NOTES, 5, 120),
        "issued_at": int(place.clock()),
        "handle": "the-jti",
        "family_id": "the-family",
    }
    return Issuance(**(given | members))


@pytest.mark.anyio
async def test_an_access_token_carries_the_marks_by_which_it_can_be_ended(place: Installation):
    """S60: jti; S46: family; S44: the generations of client and API."""
    answer = mint(place.authority, issuance(place))
    claims = unverified_claims(answer.access_token)
    assert claims["jti"] == "the-jti"
    assert claims["fam"] == "the-family"
    assert claims["gen"] == [3, 5]
    assert answer.expires_in == 120
    assert claims["exp"] - claims["iat"] == 120


@pytest.mark.anyio
async def test_a_token_without_a_person_has_no_family(place: Installation):
    claims = unverified_claims(mint(place.authority, issuance(place, family_id="")).access_token)
    assert {"fam", "auth_time", "cnf"}.isdisjoint(claims)


@pytest.mark.anyio
async def test_a_bound_token_says_to_what(place: Installation):
    """RFC 7800 §3.1; RFC 9449 §5: token_type DPoP."""
    answer = mint(place.authority, issuance(place, binding=Binding("jkt", "thumb")))
    assert answer.token_type == "DPoP"
    assert unverified_claims(answer.access_token)["cnf"] == {"jkt": "thumb"}


@pytest.mark.anyio
async def test_an_id_token_needs_a_person_and_the_scope(place: Installation):
    """OpenID Connect Core §3.1.3.3."""
    signed_in = SignedIn(ADA, 7, "s", "n")
    assert mint(place.authority, issuance(place)).id_token is None
    plain = Access({NOTES: frozenset({"notes:read"})})
    assert (
        mint(place.authority, issuance(place, access=plain, signed_in=signed_in)).id_token is None
    )
    token = mint(place.authority, issuance(place, signed_in=signed_in)).id_token
    assert token is not None
    assert unverified_header(token)["typ"] == "JWT"
    assert unverified_claims(token)["auth_time"] == 7


@pytest.mark.anyio
async def test_those_that_are_alike_say_what_each_would_say(place: Installation):
    """And every signature is good."""
    whole = issuance(place, family_id="", binding=Binding("jkt", "A" * 43))
    handles = ["second", "third", "fourth"]
    alike = list(chain(*mint_alike(place.authority, whole, handles, 2)))
    each = [mint(place.authority, replace(whole, handle=name)) for name in ("the-jti", *handles)]
    assert list(map(claims_in, alike)) == list(map(claims_in, each))
    assert [replace(one, access_token="") for one in alike] == [
        replace(one, access_token="") for one in each
    ]
    keys = place.authority.keyring.published(Purpose.TOKENS, whole.issued_at)
    for one in alike:
        verify(one.access_token, keys, "at+jwt")


def claims_in(response: TokenResponse) -> dict[str, object]:
    return unverified_claims(response.access_token)


def test_nothing_else_in_the_protocol_signs():
    """One place knows the signer; the hub signs the feed, with the feed's key."""
    callers = {
        name
        for name, text in modules()
        if "/server/" in name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and node.attr == "signer"
        and "keyring" in ast.unparse(node)
    }
    assert callers == {
        "src/counterfoil/server/hub/hub.py",
        "src/counterfoil/server/hub/snapshots.py",
        "src/counterfoil/server/protocol/minting.py",
    }
