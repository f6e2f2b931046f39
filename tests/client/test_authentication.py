"""How a client introduces itself."""

from base64 import b64decode

from counterfoil.client.authentication import introduced
from counterfoil.client.client_key import ClientKey
from counterfoil.client.registration import Registration
from counterfoil.jose import jwt
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.client_assertion import ASSERTION_TYPE
from tests.client.conversation import ISSUER, OUTSIDE


def test_basic_credentials_are_encoded_first():
    """RFC 6749 §2.3.1: a colon or a space in them must not break the header."""
    registration = Registration(issuer=ISSUER, client_id="a:b", credential="c d&é")
    said = introduced(registration, OUTSIDE)
    scheme, _, value = said.authorization.partition(" ")
    assert scheme == "Basic"
    assert b64decode(value) == b"a%3Ab:c+d%26%C3%A9"
    assert said.form == {}
    assert "c d&é" not in repr(said)


def test_a_public_client_says_its_name_in_the_form():
    said = introduced(Registration(issuer=ISSUER, client_id="spa"), OUTSIDE)
    assert said.authorization == ""
    assert said.form == {"client_id": "spa"}


def test_a_client_with_a_key_signs_an_assertion():
    """RFC 7523 §2.2: its type, and nothing in the header."""
    key = ClientKey(PrivateKey.generate())
    said = introduced(Registration(issuer=ISSUER, client_id="app", credential=key), OUTSIDE)
    assert said.authorization == ""
    assert set(said.form) == {"client_id", "client_assertion_type", "client_assertion"}
    assert said.form["client_assertion_type"] == ASSERTION_TYPE
    assert jwt.unverified_claims(said.form["client_assertion"])["sub"] == "app"
    assert said.form["client_assertion"] not in repr(said)
