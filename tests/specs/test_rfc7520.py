"""Examples of JOSE content (RFC 7520): what is ours verifies, all else is refused."""

import pytest

from counterfoil.jose import jws, jwt
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet, PublicKey

KID = "bilbo.baggins@hobbiton.example"
N = (
    "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZ"
    "QHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oB"
    "HqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVb"
    "b9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHd"
    "rNP5zw"
)
PAYLOAD = (
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0"
    "ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5v"
    "IGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
)
RS256_HEADER = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9"
RS256 = (
    "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996i"
    "vp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1u"
    "SNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAh"
    "b6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18"
    "kDquDg"
)
ES512_HEADER = "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9"
ES512 = (
    "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cm"
    "L1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRu"
    "Bomu9xQ2"
)
HS256_HEADER = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9"
HS256 = "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"
DIRECT = (
    "eyJhbGciOiJkaXIiLCJraWQiOiI3N2M3ZTJiOC02ZTEzLTQ1Y2YtODY3Mi02MTdiNWI0NTI0M2EiLCJlbmMiOiJBMTI4R0NN"
    "In0..refa467QzzKx6QAB.JW_i_f52hww_ELQPGaYyeAB6HYGcR559l9TYnSovc23XJoBcW29rHP8yZOZG7YhLpT1bjFuvZP"
    "jQS-m0IFtVcXkZXdH_lr_FrdYt9HRUYkshtrMmIUAyGmUnd9zMDB2n0cRDIHAzFVeJUDxkUwVAE7_YGRPdcqMyiBoCO-FBdE"
    "-Nceb4h3-FtBP-c_BIwCPTjb9o0SbdcdREEMJMyZBH8ySWMVi1gPD9yxi-aQpGbSv_F9N4IZAxscj5g-NJsUPbjk29-s7LJA"
    "Gb15wEBtXphVCgyy53CoIKLHHeJHXex45Uz9aKZSRSInZI-wjsY0yu3cT4_aQ3i1o-tiE-F8Ios61EKgyIQ4CWao8PFMj8TT"
    "np.vbb32Xvllea2OtmHAdccRQ"
)


def key(algorithm: str = "RS256") -> PublicKey:
    return PublicKey.from_jwk({"kty": "RSA", "kid": KID, "n": N, "e": "AQAB"}, algorithm)


def refusal(token: str, algorithm: str = "RS256") -> str:
    with pytest.raises(JoseError) as refused:
        jwt.verify(token, KeySet([key(algorithm)]), jwt.NO_TYP)
    return refused.value.reason


def test_section_4_1_rsa_v1_5_signature() -> None:
    signed = f"{RS256_HEADER}.{PAYLOAD}".encode()
    key().verify(jws.decode_part(RS256.encode()), signed)
    with pytest.raises(JoseError):
        key().verify(jws.decode_part(RS256.encode()), signed + b"A")


def test_its_payload_is_no_set_of_claims() -> None:
    """RFC 7519 §7.2: genuine, but no JSON object."""
    assert refusal(f"{RS256_HEADER}.{PAYLOAD}.{RS256}") == "malformed"


def test_section_4_2_another_padding_is_another_algorithm() -> None:
    """The same key and the same bytes, but a key is pinned to one algorithm (RFC 8725 §3.1)."""
    assert refusal(f"{RS256_HEADER}.{PAYLOAD}.{RS256}", "PS256") == "wrong_algorithm"


@pytest.mark.parametrize(
    ("header", "signature"), [(ES512_HEADER, ES512), (HS256_HEADER, HS256)], ids=["4.3", "4.4"]
)
def test_sections_4_3_and_4_4_are_of_algorithms_that_are_not_ours(
    header: str, signature: str
) -> None:
    assert refusal(f"{header}.{PAYLOAD}.{signature}") == "wrong_algorithm"


def test_section_4_5_detached_content_is_malformed() -> None:
    assert refusal(f"{RS256_HEADER}..{RS256}") == "malformed"


@pytest.mark.parametrize("signatures", ["flattened", "general"])
def test_sections_4_6_to_4_8_json_serialisations_are_malformed(signatures: str) -> None:
    one = f'{{"protected":"{RS256_HEADER}","signature":"{RS256}"'
    text = {
        "flattened": f'{one},"payload":"{PAYLOAD}"}}',
        "general": f'{{"payload":"{PAYLOAD}","signatures":[{one}}}]}}',
    }
    assert refusal(text[signatures]) == "malformed"


def test_section_5_6_encrypted_content_is_malformed() -> None:
    assert refusal(DIRECT) == "malformed"
