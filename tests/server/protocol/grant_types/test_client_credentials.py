"""Deciding client_credentials: what a service may have, and where."""

import pytest

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol.grant_types import GRANT_TYPES, client_credentials
from counterfoil.server.protocol.issuance import Issuance, TokenRequest
from counterfoil.server.records.client import Client
from counterfoil.server.records.session import Origin
from tests.installation import MAIL, NOTES, Installation

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", autouse=True)
async def mail(place: Installation) -> None:
    await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})


async def decide(place: Installation, scopes: str, query: str) -> Issuance:
    client = Client(
        client_id="x",
        client_name="X",
        created_at=1,
        grant_types=("client_credentials",),
        scopes=frozenset(scopes.split()),
        access=Access(
            {
                uri: frozenset(own)
                for uri in (NOTES, MAIL)
                if (own := {s for s in scopes.split() if s.split(":")[0] in uri})
            }
        ),
    )
    request = TokenRequest(client, Parameters.parse(query), Origin())
    return await place.authority.store.read(
        lambda tx: client_credentials.exchange(place.authority, tx, request)
    )


async def test_without_a_scope_it_is_all_that_the_client_may_have(place: Installation):
    issuance = await decide(place, "notes:read notes:write", "")
    assert issuance.access.scope == "notes:read notes:write"
    assert issuance.audience.uri == NOTES
    assert issuance.subject == "x"
    assert issuance.family_id == ""
    assert issuance.refresh_token is None


async def test_with_a_resource_it_is_all_that_the_client_may_have_there(place: Installation):
    issuance = await decide(place, "notes:read mail:read", f"resource={MAIL}")
    assert issuance.access.scope == "mail:read"


@pytest.mark.parametrize(
    ("scopes", "query", "error"),
    [
        ("notes:read mail:read", "", "invalid_target"),
        ("notes:read", "scope=notes:write", "invalid_scope"),
        ("notes:read openid", "scope=openid", "invalid_scope"),
        ("", "", "invalid_scope"),
        ("introspect", "", "invalid_scope"),
        ("notes:read", f"resource={MAIL}", "invalid_target"),
    ],
)
async def test_what_cannot_be_had_is_refused(
    place: Installation, scopes: str, query: str, error: str
):
    with pytest.raises(OAuthError) as refused:
        await decide(place, scopes, query)
    assert refused.value.error == error


async def test_deciding_it_writes_nothing():
    """A signed access token costs no row."""
    assert GRANT_TYPES["client_credentials"].writes is False
