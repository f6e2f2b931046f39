"""Where metadata stands, and that it is read from its own issuer only."""

import pytest
from msgspec import Struct

from counterfoil.oauth.metadata import WrongMetadata, places, read_metadata

URL = "https://id.example"


class Little(Struct, frozen=True):
    issuer: str
    jwks_uri: str


@pytest.mark.parametrize(
    ("issuer", "first", "second"),
    [
        (
            URL,
            f"{URL}/.well-known/oauth-authorization-server",
            f"{URL}/.well-known/openid-configuration",
        ),
        (
            f"{URL}/t/1",
            f"{URL}/.well-known/oauth-authorization-server/t/1",
            f"{URL}/t/1/.well-known/openid-configuration",
        ),
        (
            f"{URL}/t/",
            f"{URL}/.well-known/oauth-authorization-server/t",
            f"{URL}/t/.well-known/openid-configuration",
        ),
    ],
)
def test_the_well_known_part_is_inserted_or_appended(issuer: str, first: str, second: str):
    """RFC 8414 §3.1; OpenID Connect Discovery §4."""
    assert places(issuer) == (first, second)


def test_the_members_that_are_wanted_are_read():
    read = read_metadata(Little, {"issuer": URL, "jwks_uri": f"{URL}/jwks", "more": 1}, URL)
    assert read.jwks_uri == f"{URL}/jwks"


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": f"{URL}/", "jwks_uri": "x"},
        {"issuer": URL.upper(), "jwks_uri": "x"},
        {"jwks_uri": "x"},
        {"issuer": URL},
        {"issuer": URL, "jwks_uri": 1},
    ],
)
def test_anything_else_is_refused(document: dict[str, object]):
    """RFC 8414 §3.3: the issuer is compared exactly."""
    with pytest.raises(WrongMetadata, match="the metadata of"):
        read_metadata(Little, document, URL)
