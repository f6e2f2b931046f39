"""The mint endpoint over HTTP: who may mint, and how answers and refusals look."""

import json
import logging

import pytest

from counterfoil.server.endpoints.mint import MAX_BODY
from tests.installation import NOTES, Installation
from tests.minting import ONE, add_minter, mint, paths

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def minting(place: Installation) -> Installation:
    await add_minter(place)
    return place


async def test_the_metadata_says_where(minting: Installation):
    async with minting.browser() as anyone:
        metadata = (await anyone.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["mint_endpoint"] == f"{minting.issuer}/mint"
    methods = metadata["mint_endpoint_auth_methods_supported"]
    assert methods == ["client_secret_basic", "private_key_jwt"]


async def test_an_answer_is_kept_by_no_cache(minting: Installation):
    answer = await mint(minting, ONE)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


async def test_an_array_is_made_as_a_whole_or_not_at_all(minting: Installation):
    """S57: The default; whatever is wrong is said at once, and nothing else."""
    wrong = [ONE, ONE | {"lifetime": "60"}, {"scope": "notes:read"}, ONE | {"scope": "mail:read"}]
    answer = await mint(minting, wrong)
    assert paths(answer) == ["$[1].lifetime", "$[2].audience", "$[3].scope"]
    body = answer.json()
    assert body.keys() == {"error", "error_description", "errors", "request_id"}
    assert body["error_description"].startswith("$[1].lifetime: Expected 'int | null'")
    assert body["errors"][2]["error"] == "invalid_scope"
    assert answer.headers["x-request-id"] == body["request_id"]


async def test_or_each_has_an_answer_of_its_own(minting: Installation):
    """S57."""
    wrong = [ONE, ONE | {"lifetime": "60"}, ONE | {"audience": "https://nowhere.example"}]
    answer = await mint(minting, wrong, answer="each")
    assert answer.status_code == 200
    first, second, third = answer.json()
    assert first["access_token"]
    assert [each["path"] for each in second["errors"]] == ["$[1].lifetime"]
    assert (third["error"], third["errors"][0]["path"]) == ("invalid_target", "$[2].audience")
    assert "access_token" not in second


async def test_so_many_mistakes_are_named_and_the_others_counted(minting: Installation):
    answer = await mint(minting, [ONE | {"lifetime": 0}] * 150)
    assert len(paths(answer)) == 100
    assert answer.json()["more"] == 50


async def test_one_object_is_refused_as_one_whatever_is_asked(minting: Installation):
    assert paths(await mint(minting, ONE | {"lifetime": 0}, answer="each")) == ["$.lifetime"]
    answer = await mint(minting, ONE, answer="some")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_body_has_a_bound(minting: Installation):
    great = b" " * MAX_BODY + json.dumps(ONE).encode()
    answer = await mint(minting, great)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await mint(minting, great[len(json.dumps(ONE)) :])).status_code == 200


async def test_a_refusal_is_logged_without_what_was_sent(
    minting: Installation, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO):
        await mint(minting, ONE | {"scope": "s3cret-scope", "iss": "s3cret"})
    assert "/mint: invalid_request" in caplog.text
    assert "s3cret" not in caplog.text
    assert NOTES not in caplog.text
