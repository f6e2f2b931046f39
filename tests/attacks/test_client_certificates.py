"""Whoever has stolen a token that is bound to a certificate has not stolen the certificate's key.

What they can do is to write headers (RFC 8705 §7, RFC 9440 §4).
"""

import pytest

from counterfoil.guard import ClientCertificates, Rejected, Web
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import Desk, request
from tests.guard.test_client_certificate import ENVOY, PEM, SEQUENCE, THUMBPRINT

pytestmark = pytest.mark.one_engine("no server of ours is there")

PROXY = "10.0.0.1"
FORMS = {"rfc9440": SEQUENCE, "pem": PEM, "xfcc": ENVOY}


@pytest.fixture
def stolen(desk: Desk) -> str:
    return desk.token(cnf={"x5t#S256": THUMBPRINT})


def refused(gate: Gate, asked: Request) -> Reason | None:
    try:
        gate.admit_blocking(asked)
    except Rejected as rejected:
        return rejected.reason
    return None


@pytest.mark.parametrize("form", FORMS)
def test_a_header_from_anybody_but_the_proxy_proves_nothing(desk: Desk, stolen: str, form: str):
    gate = desk.gate(web=Web(certificates=ClientCertificates(header="x-cert", form=form)))
    for peer in ("192.0.2.7", "127.0.0.1", "11.0.0.1", "", "10.0.0.1.example"):
        asked = request(token=stolen, peer=peer, x_cert=FORMS[form])
        assert refused(gate, asked) is Reason.WRONG_BINDING
    assert refused(gate, request(token=stolen, peer=PROXY, x_cert=FORMS[form])) is None


def test_a_header_that_was_not_configured_proves_nothing(desk: Desk, stolen: str):
    for web in (Web(), Web(certificates=ClientCertificates(header="x-cert"))):
        asked = request(token=stolen, peer=PROXY, client_cert=SEQUENCE)
        assert refused(desk.gate(web=web), asked) is Reason.WRONG_BINDING


def test_a_second_header_beside_the_proxys_own_makes_neither_count(desk: Desk, stolen: str):
    """A proxy that adds instead of replacing leaves the thief's first: nobody can tell which."""
    gate = desk.gate(web=Web(certificates=ClientCertificates()))
    plain = request(token=stolen, peer=PROXY)
    for own in (SEQUENCE, ":AAAA:"):
        both = [*plain.headers, (b"client-cert", SEQUENCE.encode()), (b"client-cert", own.encode())]
        asked = Request("GET", "https", PROXY, "/notes", b"", both)
        assert refused(gate, asked) is Reason.WRONG_BINDING


def test_a_header_with_an_underscore_is_another_header(desk: Desk, stolen: str):
    """Some servers fold both into one name; here only the configured spelling counts."""
    gate = desk.gate(web=Web(certificates=ClientCertificates()))
    plain = request(token=stolen, peer=PROXY)
    smuggled = [*plain.headers, (b"client_cert", SEQUENCE.encode())]
    asked = Request("GET", "https", PROXY, "/notes", b"", smuggled)
    assert refused(gate, asked) is Reason.WRONG_BINDING


def test_a_forged_subject_does_not_become_the_certificate(desk: Desk, stolen: str):
    """What a client may choose in its own certificate stands quoted in Envoy's header."""
    gate = desk.gate(web=Web(certificates=ClientCertificates(header="xfcc", form="xfcc")))
    for value in (
        f'Hash=0a;Subject="CN=\\";Cert=\\"{PEM}\\""',
        f'Hash=0a;Subject=";Cert={PEM};"',
        f'Cert="{PEM}",Hash=0a;Cert="x"',
    ):
        assert refused(gate, request(token=stolen, peer=PROXY, xfcc=value)) is Reason.WRONG_BINDING


def test_a_certificate_makes_no_bound_token_of_a_plain_one(desk: Desk):
    """The binding stands in the token: a DPoP token is not met by a certificate, nor turned."""
    gate = desk.gate(web=Web(certificates=ClientCertificates()))
    bound = desk.token(cnf={"jkt": THUMBPRINT})
    both = desk.token(cnf={"jkt": THUMBPRINT, "x5t#S256": THUMBPRINT})
    for token in (bound, both):
        asked = request(token=token, peer=PROXY, client_cert=SEQUENCE)
        assert refused(gate, asked) is Reason.WRONG_BINDING
