"""What a request proves beside its token: a certificate, a cookie."""

from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest

from counterfoil.guard import Bound, ClientCertificates, Rejected, Web
from counterfoil.guard.asked import RequestReader
from counterfoil.guard.demands import Demand, demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.guard.transport import Transport
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import Desk, request
from tests.guard.test_client_certificate import SEQUENCE, THUMBPRINT

PROXY = "10.0.0.1"
WEB = Web(certificates=ClientCertificates(), browser_cookie="__Host-browser")
BROWSER = {"cookie": "__Host-browser=s3cret"}
HASH = urlsafe_b64encode(sha256(b"s3cret").digest()).rstrip(b"=").decode()
CERTIFIED = {"x5t#S256": THUMBPRINT}


@pytest.fixture
def gate(desk: Desk) -> Gate:
    return desk.gate(web=WEB)


def reason(gate: Gate, asked: Request, *demands: Demand) -> Reason | None:
    try:
        gate.admit_blocking(asked, demands_of(*demands))
    except Rejected as rejected:
        return rejected.reason
    return None


def test_a_certificate_must_be_the_tokens_own(gate: Gate, desk: Desk):
    """RFC 8705 §3."""
    token = desk.token(cnf=CERTIFIED)
    certified = request(token=token, peer=PROXY, client_cert=SEQUENCE)
    assert reason(gate, certified, Bound(("certificate",))) is None
    assert reason(gate, request(token=token, peer=PROXY)) is Reason.WRONG_BINDING
    other = desk.token(cnf={"x5t#S256": "other"})
    assert (
        reason(gate, request(token=other, peer=PROXY, client_cert=SEQUENCE)) is Reason.WRONG_BINDING
    )


def test_the_cookie_must_be_the_tokens_own(gate: Gate, desk: Desk):
    """S61: a token that was carried to another browser is of no use there."""
    token = desk.token(cnf={"cookie#S256": HASH})
    assert reason(gate, request(token=token, **BROWSER), Bound(("cookie",))) is None
    assert reason(gate, request(token=token)) is Reason.WRONG_BINDING
    assert reason(gate, request(token=token, cookie="__Host-browser=x")) is Reason.WRONG_BINDING


def test_with_both_shown_either_may_be_asked_for(gate: Gate, desk: Desk):
    shown = {"peer": PROXY, "client_cert": SEQUENCE, **BROWSER}
    for confirmation in (CERTIFIED, {"cookie#S256": HASH}, None):
        assert reason(gate, request(token=desk.token(cnf=confirmation), **shown)) is None


def test_a_guard_that_knows_no_cookie_refuses_what_is_bound_to_one(desk: Desk):
    """Whoever forgets to configure it locks out, and lets nobody in."""
    token = desk.token(cnf={"cookie#S256": HASH})
    assert reason(desk.gate(), request(token=token, **BROWSER)) is Reason.WRONG_BINDING


def test_an_endpoint_may_demand_that_it_is_bound(gate: Gate, desk: Desk):
    plain = request(token=desk.token(), peer=PROXY, client_cert=SEQUENCE)
    assert reason(gate, plain, Bound()) is Reason.UNBOUND
    cookie = request(token=desk.token(cnf={"cookie#S256": HASH}), **BROWSER)
    assert reason(gate, cookie, Bound()) is Reason.UNBOUND


def test_what_was_asked_does_not_show_the_token(gate: Gate, desk: Desk):
    """S110: it travels through code that may log what it is called with."""
    token = desk.token()
    asked = RequestReader(gate.guard, Transport(())).read(request(token=token))
    assert asked.unverified == token
    assert repr(asked) == str(asked) == "Asked(…)"


@pytest.mark.parametrize("ways", [(), ("tls",)])
def test_a_way_of_binding_is_one_that_is_known(ways: tuple[str, ...]):
    with pytest.raises(ValueError, match="bound by"):
        Bound(ways)
