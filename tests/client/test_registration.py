"""How a client introduces itself."""

from base64 import b64decode

import pytest

from counterfoil.client import Registration


def test_basic_credentials_are_encoded_first():
    """RFC 6749 §2.3.1: a colon or a space in them must not break the header."""
    registration = Registration(issuer="https://id.example", client_id="a:b", client_secret="c d&é")
    scheme, _, value = registration.authorization.partition(" ")
    assert scheme == "Basic"
    assert b64decode(value) == b"a%3Ab:c+d%26%C3%A9"
    assert registration.credentials == {}


def test_a_public_client_says_its_name_in_the_form():
    registration = Registration(issuer="https://id.example", client_id="spa")
    assert registration.authorization == ""
    assert registration.credentials == {"client_id": "spa"}


def test_the_secret_does_not_show():
    registration = Registration(issuer="https://id.example", client_id="a", client_secret="s3cret")
    assert "s3cret" not in repr(registration)


@pytest.mark.parametrize("issuer", ["http://id.example", "id.example", "https://u:p@id.example"])
def test_an_issuer_that_must_not_be_called_is_refused(issuer: str):
    with pytest.raises(ValueError, match=r"id\.example"):
        Registration(issuer=issuer, client_id="a")
