"""What an issuer says of itself, believed only where it is the issuer that was asked."""

import pytest

from counterfoil.client.metadata import metadata_in
from counterfoil.net.http import BadAnswer
from tests.client.conversation import ISSUER, METADATA


def test_unknown_members_are_passed_over():
    metadata = metadata_in(METADATA | {"new": [1]}, ISSUER)
    assert metadata.address("token_endpoint") == f"{ISSUER}/token"


def test_another_issuer_is_refused():
    """Discovery §4.3: else one server could speak for another."""
    with pytest.raises(BadAnswer, match="another issuer"):
        metadata_in(METADATA | {"issuer": f"{ISSUER}/"}, ISSUER)


@pytest.mark.parametrize("document", [{}, METADATA | {"token_endpoint": 1}])
def test_a_document_that_is_none_is_refused(document: dict[str, object]):
    with pytest.raises(BadAnswer, match=r"token_endpoint|issuer"):
        metadata_in(document, ISSUER)


def test_an_endpoint_that_is_missing_is_named():
    metadata = metadata_in({"issuer": ISSUER, "token_endpoint": f"{ISSUER}/token"}, ISSUER)
    with pytest.raises(BadAnswer, match="names no revocation_endpoint"):
        metadata.address("revocation_endpoint")


def test_an_endpoint_over_plain_http_is_refused():
    metadata = metadata_in(METADATA | {"token_endpoint": "http://id.example/token"}, ISSUER)
    with pytest.raises(BadAnswer, match="https"):
        metadata.address("token_endpoint")
