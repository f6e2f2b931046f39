"""Where an issuer's documents are found (RFC 8414 §3)."""

import pytest

from counterfoil.guard.discovery import Metadata, discover
from counterfoil.net.http import BadAnswer, HttpClient
from tests.guard.issuer import TinyIssuer

URL = "https://a.example"


def test_the_members_that_are_used_are_read():
    document = {"issuer": URL, "jwks_uri": f"{URL}/jwks", "token_endpoint": 7}
    assert Metadata.of(URL, document) == Metadata(URL, f"{URL}/jwks")


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://a.example/"},
        {"issuer": None},
        {"jwks_uri": 1},
        {"notices_endpoint": f"{URL}/n"},
        {"notices_endpoint": f"{URL}/n", "notices_jwks_uri": f"{URL}/jwks"},
    ],
)
def test_another_issuer_or_one_key_set_for_both_is_refused(changes: dict[str, object]):
    """RFC 8414 §3.3. Keys of the feed and keys of tokens must stand apart."""
    with pytest.raises(BadAnswer, match="metadata of https"):
        Metadata.of(URL, {"issuer": URL, "jwks_uri": f"{URL}/jwks"} | changes)


@pytest.mark.anyio
async def test_it_is_fetched(issuer: TinyIssuer):
    async with HttpClient() as http:
        metadata = await discover(http, issuer.url)
        assert metadata.notices_endpoint == f"{issuer.url}/notices"
        with pytest.raises(BadAnswer, match="404"):
            await discover(http, f"{issuer.url}/elsewhere")


@pytest.mark.anyio
async def test_an_issuer_may_have_a_path():
    with TinyIssuer(path="/tenant") as issuer:
        async with HttpClient() as http:
            assert (await discover(http, issuer.url)).issuer == f"{issuer.origin}/tenant"
