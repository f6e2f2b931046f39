"""Who a client is."""

import pytest

from counterfoil.client.registration import Registration


def test_the_secret_does_not_show():
    registration = Registration(issuer="https://id.example", client_id="a", credential="s3cret")
    assert "s3cret" not in repr(registration)


@pytest.mark.parametrize("issuer", ["http://id.example", "id.example", "https://u:p@id.example"])
def test_an_issuer_that_must_not_be_called_is_refused(issuer: str):
    with pytest.raises(ValueError, match=r"id\.example"):
        Registration(issuer=issuer, client_id="a")
