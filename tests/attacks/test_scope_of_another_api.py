"""An API that is added later, with a scope that exists already, gets nobody's tokens for it."""

import pytest

from tests.installation import NOTES, Installation

pytestmark = pytest.mark.anyio

OTHER = "https://other.example"


async def test_a_client_gets_nothing_at_an_api_that_was_added_after_it(own: Installation) -> None:
    """A scope is a name of its API: whoever may read notes may not read another API's (S10)."""
    await own.add_api(OTHER, "Other", {"notes:read": "Read other notes"})
    named = await own.post(
        "/token",
        "service",
        grant_type="client_credentials",
        scope="notes:read",
        resource=OTHER,
    )
    assert (named.status_code, named.json()["error"]) == (400, "invalid_target")
    plain = await own.post("/token", "service", grant_type="client_credentials", scope="notes:read")
    assert plain.status_code == 200
    claims = await own.post("/introspect", "service", token=plain.json()["access_token"])
    assert claims.json()["aud"] == NOTES
