"""The one door for a key that comes in a header (RFC 9449 §4.2, §4.3)."""

import hashlib
import hmac
import json
from typing import Any

import jwt as pyjwt
import pytest
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jws as jwcrypto_jws

from counterfoil.jose import jwt, proof
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet, PrivateKey
from counterfoil.jose.proof import ProofSigner
from tests.proofs import GONE, Holder, encoded, spelled

# RFC 9449 §4.1, figure 2, and §7.1, figure 12.
AT_THE_TOKEN_ENDPOINT = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo"
    "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW"
    "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh"
    "0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8"
    "v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
AT_A_RESOURCE = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo"
    "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW"
    "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR"
    "1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCw"
    "iYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-E"
    "y71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
URL = "https://api.example/notes"


def refusal(unverified: str) -> str:
    with pytest.raises(JoseError) as refused:
        proof.verify(unverified)
    return refused.value.reason


def made(holder: Holder | None = None, **header: Any) -> str:
    return (holder or Holder()).proof("GET", URL, 1, header=header)


@pytest.mark.parametrize("example", [AT_THE_TOKEN_ENDPOINT, AT_A_RESOURCE])
def test_the_examples_of_rfc9449_verify(example: str):
    """§4.1, §7.1; and §6.1 names the thumbprint of their key."""
    assert proof.verify(example).thumbprint == THUMBPRINT


@pytest.mark.parametrize("place", [40, -60, -20])
def test_a_changed_character_is_refused(place: int):
    other = "A" if AT_A_RESOURCE[place] != "A" else "B"
    changed = f"{AT_A_RESOURCE[:place]}{other}{AT_A_RESOURCE[place:][1:]}"
    assert refusal(changed) in {"bad_signature", "bad_key", "malformed"}


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256", "RS256"])
def test_every_algorithm_of_the_table_proves(algorithm: str):
    key = PrivateKey.generate(algorithm)
    signed = ProofSigner.of(key).sign({"jti": "1"})
    assert proof.verify(signed) == proof.Proved(key.public.thumbprint, {"jti": "1"})
    assert jwt.unverified_header(signed).keys() == {"typ", "alg", "jwk"}


def test_other_libraries_verify_what_we_sign():
    signed = ProofSigner.of(PrivateKey.generate()).sign({"jti": "1"})
    token = jwcrypto_jws.JWS()
    token.deserialize(signed)
    token.verify(jwcrypto_jwk.JWK(**token.jose_header["jwk"]))
    assert json.loads(token.payload) == {"jti": "1"}


def test_what_other_libraries_sign_is_verified():
    key = jwcrypto_jwk.JWK.generate(kty="EC", crv="P-256")
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.export_public(as_dict=True)}
    token = jwcrypto_jws.JWS(b'{"jti":"1"}')
    token.add_signature(key, None, json.dumps(header))
    assert proof.verify(token.serialize(compact=True)).thumbprint == key.thumbprint()
    pem = key.export_to_pem(private_key=True, password=None)
    assert proof.verify(pyjwt.encode({"jti": "1"}, pem, "ES256", header)).claims == {"jti": "1"}


def test_what_a_browser_adds_to_an_exported_key_does_no_harm():
    """WebCrypto exports ``ext`` and ``key_ops``."""
    holder = Holder()
    exported = {**holder.jwk, "ext": True, "key_ops": ["verify"]}
    assert proof.verify(made(holder, jwk=exported)).thumbprint == holder.thumbprint


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "jwt", "", GONE, "dpop", 1])
def test_only_a_proof_passes(typ: Any):
    assert refusal(made(typ=typ)) in {"wrong_type", "malformed"}


def test_a_proof_is_no_token():
    """The other way round: its key is trusted for nothing, even where everyone knows its type."""
    key = PrivateKey.generate()
    signed = ProofSigner.of(key).sign({"sub": "ada"})
    for typ in ("at+jwt", "dpop+jwt"):
        with pytest.raises(JoseError):
            jwt.verify(signed, KeySet([PrivateKey.generate().public]), typ)


@pytest.mark.parametrize("alg", ["none", "None", "", "HS256", "ES384", "RSA-OAEP", GONE, 1])
def test_algorithms_beside_the_table_are_refused(alg: Any):
    assert refusal(made(alg=alg)) in {"wrong_algorithm", "malformed"}


@pytest.mark.parametrize("secret", [b"secret", b""])
def test_a_shared_secret_proves_nothing(secret: bytes):
    jwk = {"kty": "oct", "k": spelled(secret)}
    for alg in ("HS256", "ES256"):
        signed = f"{encoded({'typ': 'dpop+jwt', 'alg': alg, 'jwk': jwk})}.{encoded({'jti': '1'})}"
        mac = hmac.digest(secret, signed.encode(), hashlib.sha256)
        assert refusal(f"{signed}.{spelled(mac)}") in {"wrong_algorithm", "unsupported_key"}


def test_a_private_key_is_refused_wherever_it_may_hide():
    """§4.3 step 7: whoever shows it has shown it to everyone."""
    holder = Holder()
    for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k"):
        assert refusal(made(holder, jwk={**holder.jwk, name: "AQ"})) == "bad_key"


@pytest.mark.parametrize("jwk", [GONE, None, [], "x", {}, {"kty": "EC"}, {"kty": "EC", "crv": 1}])
def test_what_is_no_key_is_refused(jwk: Any):
    assert refusal(made(jwk=jwk)) in {"malformed", "unsupported_key", "bad_key"}


def test_a_point_that_is_not_on_the_curve_is_refused():
    holder = Holder()
    assert refusal(made(holder, jwk={**holder.jwk, "y": holder.jwk["x"]})) == "bad_key"


def test_another_key_than_that_of_the_signature_is_refused():
    assert refusal(made(jwk=Holder().jwk)) == "bad_signature"


def test_the_key_decides_on_the_algorithm_too():
    rsa = Holder("RS256")
    assert refusal(made(rsa, alg="PS256")) == "bad_signature"
    assert refusal(made(rsa, alg="ES256")) == "unsupported_key"
    assert refusal(made(rsa, jwk={**rsa.jwk, "alg": "PS256"})) == "wrong_algorithm"
    assert refusal(made(jwk={**Holder().jwk, "use": "enc"})) == "unsupported_key"


def test_a_kid_is_no_name_of_a_key():
    """What is proved is the key's thumbprint, whatever the header calls it."""
    holder, other = Holder(), Holder()
    named = {**holder.jwk, "kid": other.thumbprint}
    signed = made(holder, jwk=named, kid=other.thumbprint)
    assert proof.verify(signed).thumbprint == holder.thumbprint


@pytest.mark.parametrize("bits", [1024, 16384])
def test_an_rsa_key_may_be_neither_weak_nor_dear(bits: int):
    modulus = spelled((1 << (bits - 1) | 1).to_bytes(bits // 8, "big"))
    jwk = {"kty": "RSA", "n": modulus, "e": "AQAB"}
    assert refusal(made(alg="RS256", jwk=jwk)) == "bad_key"


def test_nothing_but_the_key_is_taken_from_the_header():
    assert refusal(made(crit=["exp"])) == "unknown_critical"
    for more in ({"jku": "https://evil.example"}, {"x5c": ["AA"]}, {"x5u": "https://evil.example"}):
        assert proof.verify(made(**more)).claims["htu"] == URL
        assert refusal(made(jwk=GONE, **more)) == "malformed"


def test_an_enormous_proof_is_not_even_read():
    assert refusal(Holder().proof("GET", URL, 1, jti="x" * proof.MAX_PROOF_BYTES)) == "oversized"


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "..", "é.é.é", "{}", "a.b.c.d.e"])
def test_what_is_no_jws_is_refused(text: str):
    assert refusal(text) == "malformed"


def test_a_proof_by_ml_dsa_is_refused():
    """RFC 9964 is for those who asked for it; a stranger's proof would be 7 KB long."""
    key = PrivateKey.generate("ML-DSA-65")
    header = {"typ": "dpop+jwt", "alg": "ML-DSA-65", "jwk": key.public.as_jwk()}
    signed = f"{encoded(header)}.{encoded({'jti': '1'})}"
    unverified = f"{signed}.{spelled(key.sign(signed.encode()))}"
    assert len(unverified) < proof.MAX_PROOF_BYTES, "it is not refused for its length"
    assert refusal(unverified) == "wrong_algorithm"
