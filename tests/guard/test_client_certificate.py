"""Certificates that a proxy hands on (RFC 8705, RFC 9440)."""

from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from counterfoil.guard import ClientCertificates
from counterfoil.oauth.binding import Binding


def certificate(name: str = "client") -> x509.Certificate:
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        subject, subject, key.public_key(), x509.random_serial_number()
    )
    builder = builder.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    return builder.not_valid_after(datetime(2036, 1, 1, tzinfo=UTC)).sign(key, SHA256())


CERTIFICATE = certificate()
DER = CERTIFICATE.public_bytes(Encoding.DER)
PEM = quote(CERTIFICATE.public_bytes(Encoding.PEM).decode(), safe="")
THUMBPRINT = urlsafe_b64encode(sha256(DER).digest()).rstrip(b"=").decode()
SEQUENCE = f":{b64encode(DER).decode()}:"
ENVOY = f'By=spiffe://a/b;Hash=0a;Cert="{PEM}";Subject="CN=a,O=\\"b\\";Cert=\\"c\\"";URI=spiffe://c'


@pytest.mark.parametrize(
    ("form", "value"),
    [("rfc9440", SEQUENCE), ("pem", PEM), ("xfcc", ENVOY), ("xfcc", f'Cert="{PEM}"')],
)
def test_it_is_read_in_the_form_that_was_configured(form: str, value: str):
    proved = ClientCertificates(form=form).binding_in((value,))
    assert proved == Binding("x5t#S256", THUMBPRINT)


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("rfc9440", ()),
        ("rfc9440", (SEQUENCE, SEQUENCE)),
        ("rfc9440", (f"{SEQUENCE}, {SEQUENCE}",)),
        ("rfc9440", (SEQUENCE.strip(":"),)),
        ("rfc9440", ("::",)),
        ("rfc9440", (":A:",)),
        ("rfc9440", (f":{'A' * 20_000}:",)),
        ("rfc9440", (PEM,)),
        ("pem", (SEQUENCE,)),
        ("pem", (PEM + PEM,)),
        ("pem", ("-----BEGIN%20CERTIFICATE-----%0A%0A-----END%20CERTIFICATE-----",)),
        ("xfcc", (f'Cert="{PEM}",Cert="{PEM}"',)),
        ("xfcc", (f'Cert="{PEM}";Cert="{PEM}"',)),
        ("xfcc", (f'Subject="x;Cert=\\"{PEM}\\""',)),
        ("xfcc", ("Hash=0a",)),
        ("xfcc", (f'Cert="{PEM}',)),
        ("xfcc", ('"',)),
    ],
)
def test_what_is_not_clear_proves_nothing(form: str, values: tuple[str, ...]):
    assert ClientCertificates(form=form).binding_in(values) is None


@pytest.mark.parametrize("wrong", [{"header": ""}, {"header": "a b"}, {"form": "der"}])
def test_a_form_is_one_that_is_known(wrong: dict[str, str]):
    with pytest.raises(ValueError, match=r"header|form"):
        ClientCertificates(**wrong)
