"""RFC 8693: a token is exchanged for another."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.oauth.delegation import ACCESS_TOKEN, GRANT_TYPE, JWT
from tests.exchanging import FILES, child_of, exchanged, furnish_exchange, refused
from tests.installation import MAIL, NOTES, Installation, Person, installed

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(on_engine: str, tmp_path_factory: Any) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("exchange")) as place:
        await furnish_exchange(place)
        yield place


@pytest.fixture
async def parent(place: Installation) -> AsyncIterator[str]:
    async with place.browser() as browser:
        tokens = await Person(place, browser).tokens("teller", scope="openid notes:read")
        yield str(tokens["access_token"])


async def test_the_answer_says_what_was_issued(place: Installation, parent: str):
    """§2.2.1: with the members of RFC 6749 §5.1, ``issued_token_type``, and no refresh token."""
    for kind in (ACCESS_TOKEN, JWT):
        asked = {"subject_token_type": kind, "requested_token_type": ACCESS_TOKEN}
        answer = await exchanged(place, "teller", parent, **asked)
        assert answer.headers["cache-control"] == "no-store"
        said = answer.json()
        assert said.keys() == {
            "access_token",
            "issued_token_type",
            "token_type",
            "expires_in",
            "scope",
        }
        assert (said["issued_token_type"], said["token_type"]) == (ACCESS_TOKEN, "Bearer")
        assert unverified_header(said["access_token"])["typ"] == "at+jwt"


async def test_what_is_missing_is_named(place: Installation, parent: str):
    """§2.1: subject_token and subject_token_type are required."""
    for missing in ("subject_token", "subject_token_type"):
        answer = await exchanged(place, "teller", parent, **{missing: ""})
        assert refused(answer)[0] == "invalid_request"
        assert missing in answer.json()["error_description"]


async def test_the_api_is_named_by_resource_or_audience(place: Installation, parent: str):
    """§2.1: both are taken; here an API has one name."""
    for asked in ({"resource": MAIL}, {"audience": MAIL}, {"resource": MAIL, "audience": MAIL}):
        child = await child_of(place, "notes-api", parent, **asked)
        assert unverified_claims(child)["aud"] == MAIL


async def test_a_token_that_is_not_valid_is_an_invalid_request(place: Installation, parent: str):
    """§2.2.2; and an API that cannot be had is ``invalid_target``."""
    await place.post("/revoke", "teller", token=parent)
    assert refused(await exchanged(place, "teller", parent)) == ("invalid_request", "revoked")
    answer = await exchanged(place, "notes-api", parent, resource=FILES)
    assert refused(answer)[0] == "invalid_target"


async def test_act_names_the_actor_and_within_it_those_before(place: Installation, parent: str):
    """§4.1: the outermost is who acts now; ``client_id`` is who asked (§4.3)."""
    mail = await child_of(place, "notes-api", parent, resource=MAIL)
    files = await child_of(place, "mail-api", mail, resource=FILES)
    assert unverified_claims(mail)["act"] == {"sub": "notes-api"}
    assert unverified_claims(files)["act"] == {"sub": "mail-api", "act": {"sub": "notes-api"}}
    assert unverified_claims(files)["client_id"] == "mail-api"
    told = (await place.post("/introspect", "mail-api", token=files)).json()
    assert told["act"] == unverified_claims(files)["act"]


async def test_an_actor_token_says_who_acts(place: Installation, parent: str):
    """§2.1: the client's own; the new token ends with it, and no later than it."""
    own = await place.service_token("notes-api")
    asked = {"actor_token": own, "actor_token_type": ACCESS_TOKEN, "resource": MAIL}
    child = unverified_claims(await child_of(place, "notes-api", parent, **asked))
    assert child["act"] == {"sub": "notes-api"}
    assert [each[0] for each in child["parents"]] == [
        unverified_claims(parent)["jti"],
        unverified_claims(own)["jti"],
    ]


async def test_it_is_published(place: Installation):
    """RFC 8414 §2."""
    async with place.browser() as browser:
        answer = await browser.get("/.well-known/oauth-authorization-server")
    assert GRANT_TYPE in answer.json()["grant_types_supported"]


async def test_a_service_narrows_its_own_token(place: Installation):
    """It has no family: it ends by its own handle, its client and its API."""
    own = await place.service_token("notes-api")
    child = unverified_claims(await child_of(place, "notes-api", own, scope="notes:read"))
    assert (child["sub"], child["aud"], child["scope"]) == ("notes-api", NOTES, "notes:read")
    assert "fam" not in child
