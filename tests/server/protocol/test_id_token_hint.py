"""The ID token by which an app says whom it means: what is one of ours, and what is not."""

import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import Signer
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.feed import HEAD_TYPE
from counterfoil.oauth.id_token import TYPE, IdToken
from counterfoil.server.protocol import id_token_hint
from counterfoil.server.records.signing_key import Purpose
from tests.installation import Installation

pytestmark = pytest.mark.anyio


def claims(place: Installation) -> IdToken:
    return IdToken(iss=place.issuer, sub="u", aud="app", exp=1, iat=0, auth_time=0)


def signed(place: Installation, said: object, typ: str = TYPE) -> str:
    keyring = place.authority.keyring
    return keyring.signer(Purpose.TOKENS, typ, int(place.clock())).sign(said)


def read(place: Installation, unverified: str) -> id_token_hint.Hint:
    return id_token_hint.read(place.authority, unverified, int(place.clock()))


async def test_one_that_has_expired_still_says_who_was_meant(place: Installation):
    """OpenID Connect RP-Initiated Logout §4."""
    hint = read(place, signed(place, claims(place)))
    assert hint == id_token_hint.Hint(claims(place), is_genuine=True)


async def test_one_whose_key_has_gone_proves_nothing(place: Installation):
    """It may be ours, from before a key turned; whether it is cannot be known any more."""
    gone = Signer(PrivateKey.generate("ES256"), TYPE)
    assert not read(place, gone.sign(claims(place))).is_genuine


async def test_what_could_never_be_ours_is_refused_whatever_its_key(place: Installation):
    """S75: what the feed's key signed, an access token, another issuer's ID token."""
    stranger = PrivateKey.generate("ES256")
    foreign = replace(claims(place), iss="https://other.example")
    head = place.authority.keyring.signer(Purpose.FEED, HEAD_TYPE, int(place.clock()))
    for unverified in (
        Signer(stranger, "at+jwt").sign(claims(place)),
        Signer(stranger, TYPE).sign(foreign),
        Signer(stranger, TYPE).sign({"iss": place.issuer}),
        Signer(stranger, TYPE).sign(b"not JSON"),
        head.sign(claims(place)),
    ):
        with pytest.raises(OAuthError, match="no ID token of ours") as refused:
            read(place, unverified)
        assert refused.value.error == "invalid_request"


async def test_a_forged_one_is_refused(place: Installation):
    """A key that is known says what it signed: this it did not."""
    kid = place.authority.keyring.published(Purpose.TOKENS, int(place.clock())).only().kid
    stranger = PrivateKey.from_der(PrivateKey.generate("ES256").to_der(), "ES256", kid)
    with pytest.raises(OAuthError) as refused:
        read(place, Signer(stranger, TYPE).sign(claims(place)))
    assert refused.value.error == "invalid_request"


async def test_what_is_none_is_refused(place: Installation):
    """S75: of another type, another issuer, or nothing at all."""
    for unverified in (
        "x",
        "a.b.c",
        "\udc00",
        signed(place, claims(place), "at+jwt"),
        signed(place, replace(claims(place), iss="https://other.example")),
        signed(place, {"iss": place.issuer}),
    ):
        with pytest.raises(OAuthError, match="no ID token of ours") as refused:
            read(place, unverified)
        assert refused.value.error == "invalid_request"
