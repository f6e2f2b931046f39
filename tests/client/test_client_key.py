"""A client's own key: where it comes from, and what it signs."""

from pathlib import Path

import jwt as pyjwt
import msgspec
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from counterfoil.client.client_key import ClientKey
from counterfoil.jose import jwt
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.client_assertion import LIFETIME, TYPE
from tests.client.conversation import ISSUER, NOW, OUTSIDE


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256", "RS256"])
def test_others_verify_what_it_signs(algorithm: str):
    """RFC 7523 §3: iss and sub are the client; rfc7523bis: aud is the issuer and nothing else."""
    key = PrivateKey.generate(algorithm)
    assertion = ClientKey(key).assertion(ISSUER, "app", OUTSIDE)
    claims = pyjwt.decode(
        assertion,
        key.native.public_key(),
        [algorithm],
        audience=ISSUER,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["iss"] == claims["sub"] == "app"
    assert claims["aud"] == ISSUER
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + LIFETIME)
    assert len(claims["jti"]) == 32
    header = jwt.unverified_header(assertion)
    assert (header["typ"], header["kid"]) == (TYPE, key.public.kid)


def test_every_assertion_has_a_name_of_its_own():
    """RFC 7523 §3: a server may take a ``jti`` once."""
    from counterfoil.client.outside import Outside

    key, outside = ClientKey(PrivateKey.generate()), Outside()
    names = {jwt.unverified_claims(key.assertion(ISSUER, "a", outside))["jti"] for _ in range(9)}
    assert len(names) == 9


@pytest.mark.parametrize(
    ("made", "algorithm"),
    [("ES256", None), ("EdDSA", None), ("PS256", None), ("RS256", "RS256")],
)
def test_a_pem_file_says_by_itself_what_it_signs_with(
    tmp_path: Path, made: str, algorithm: str | None
):
    key = PrivateKey.generate(made)
    path = tmp_path / "key.pem"
    path.write_bytes(key.to_pem())
    read = ClientKey.from_file(path, algorithm)
    assert read.kid == key.public.kid
    assert ClientKey.from_file(path, algorithm, kid="2026-a").kid == "2026-a"
    assert jwt.unverified_header(read.assertion(ISSUER, "a", OUTSIDE))["alg"] == made


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ECKey.generate_key("P-256", {"kid": "one"}), "ES256"),
        (OKPKey.generate_key("Ed25519", {"kid": "one"}), "EdDSA"),
        (RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256"}), "RS256"),
        (RSAKey.generate_key(2048, {"kid": "one"}), "PS256"),
    ],
)
def test_a_jwk_keeps_its_kid_and_its_algorithm(tmp_path: Path, key: ECKey, algorithm: str):
    path = tmp_path / "key.json"
    path.write_bytes(msgspec.json.encode(key.as_dict(private=True)))
    read = ClientKey.from_file(path)
    assert read.kid == "one"
    assert jwt.unverified_header(read.assertion(ISSUER, "a", OUTSIDE))["alg"] == algorithm


@pytest.mark.parametrize("content", [b"", b"nonsense", b"{}", b'{"kty":"EC","crv":"P-256"}'])
def test_what_is_no_key_is_said(tmp_path: Path, content: bytes):
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(JoseError):
        ClientKey.from_file(path)


def test_a_key_shows_nothing_of_itself():
    key = PrivateKey.generate()
    assert repr(ClientKey(key)) == f"ClientKey(kid={key.public.kid!r})"
