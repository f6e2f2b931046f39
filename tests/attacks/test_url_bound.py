"""A token that is bound to a URL, in the hands of whoever wants to use it elsewhere."""

import pytest

from counterfoil.guard import Issuer, Proofs, Rejected, TokenProfile
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.jose import jwt
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended
from counterfoil.oauth.url_binding import TYPE, hash_of
from tests.guard.desk import ISSUER, Desk, request
from tests.installation import Installation

pytestmark = pytest.mark.anyio
HOST = "https://notes.example"
FILE = {"methods": ["GET"], "url": f"{HOST}/files/7"}
BELOW = {"methods": ["GET"], "url": f"{HOST}/files/**"}


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def gate(desk: Desk) -> Gate:
    return desk.gate()


def reason(gate: Gate, asked: Request) -> Reason | None:
    try:
        gate.admit_blocking(asked)
    except Rejected as rejected:
        return rejected.reason
    return None


def bound(desk: Desk, claim: object = FILE, **changes: object) -> str:
    return desk.token(typ=TYPE, url_bound=claim, **changes)


async def test_it_opens_its_own_url_and_no_other(desk: Desk, gate: Gate):
    """S52: moved to another URL, query, host, port or scheme, it is refused."""
    token = bound(desk)
    assert reason(gate, request("/files/7", token=token)) is None
    assert (await gate.admit(request("/files/7", token=token))).subject == "u1"
    for path in ("/files/8", "/files/7/", "/Files/7", "/files/7?all=1", "/files", "/"):
        assert reason(gate, request(path, token=token)) is Reason.WRONG_TARGET, path
    for host in ("evil.example", "notes.example:8443", "notes.example.", "notes.example@evil"):
        moved = request("/files/7", token=token, host=host)
        assert reason(gate, moved) is Reason.WRONG_TARGET, host
    plain = request("/files/7", token=token, scheme="http", peer="127.0.0.1")
    assert reason(gate, plain) is Reason.WRONG_TARGET


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "QUERY"])
def test_it_does_nothing_but_its_own_method(desk: Desk, gate: Gate, method: str):
    token = bound(desk)
    assert reason(gate, request("/files/7", method=method, token=token)) is Reason.WRONG_TARGET


@pytest.mark.parametrize("header", ["x_http_method_override", "x_http_method", "x_method_override"])
def test_it_becomes_no_other_method_on_its_way(desk: Desk, gate: Gate, header: str):
    """A middleware behind the guard makes another method of it; one before it has done so."""
    token = bound(desk, FILE | {"methods": ["GET", "DELETE"]})
    becoming = request("/files/7", token=token, **{header: "DELETE"})
    assert reason(gate, becoming) is Reason.WRONG_TARGET
    become = request("/files/7", method="DELETE", token=token, **{header: "delete"})
    assert reason(gate, become) is None


def test_no_path_runs_on_from_the_host(desk: Desk, gate: Gate):
    """Some servers pass on a request target that begins with no slash, as it came."""
    for path, host in ((".example/files/7", "notes"), (":443/files/7", "notes.example")):
        glued = request(path, token=bound(desk), host=host)
        assert reason(gate, glued) is Reason.WRONG_TARGET, path
    below = desk.gate(proofs=Proofs(public_url="https://notes.example/v1"))
    other = bound(desk, {"methods": ["GET"], "url": f"{HOST}/v12/files/7"})
    assert reason(below, request("2/files/7", token=other)) is Reason.WRONG_TARGET


def test_get_implies_head(desk: Desk, gate: Gate):
    assert reason(gate, request("/files/7", method="HEAD", token=bound(desk))) is None


def test_no_spelling_leads_out_of_a_pattern(desk: Desk, gate: Gate):
    token = bound(desk, BELOW)
    assert reason(gate, request("/files/a/b", token=token)) is None
    for path in (
        "/files/../mail/7",
        "/files/%2e%2e/mail/7",
        "/files/%2E./mail",
        "/files/..;/mail",
        "/files/..%2fmail",
        "/files/..%5cmail",
        "/files/%252e%252e/mail",
        "/files//mail",
        "//files/7",
        "/files/a%00",
        "/files/%c0%ae%c0%ae/mail",
        "/files/7\\..\\mail",
        "/files",
        "/filesystem",
    ):
        assert reason(gate, request(path, token=token)) is Reason.WRONG_TARGET, path


def test_what_was_refused_once_is_refused_when_it_is_remembered(desk: Desk, gate: Gate):
    """The verified token stays in the guard's memory: there, too, it is good for one URL."""
    token = bound(desk)
    for _ in range(2):
        assert reason(gate, request("/files/8", token=token)) is Reason.WRONG_TARGET
        assert reason(gate, request("/files/7", token=token)) is None


def test_where_the_url_is_not_known_it_is_refused(desk: Desk, gate: Gate):
    """Who asks the guard without a request, or without a host, learns that it is not for this."""
    token = bound(desk)
    assert desk.reason(token) is Reason.WRONG_TARGET
    nowhere = request("/files/7", token=token)
    headers = [pair for pair in nowhere.headers if pair[0] != b"host"]
    unclear = Request("GET", "https", "192.0.2.7", "/files/7", b"", headers)
    assert reason(gate, unclear) is Reason.WRONG_TARGET
    twice = Request(
        "GET", "https", "192.0.2.7", "/files/7", b"", [*nowhere.headers, (b"host", b"x")]
    )
    assert reason(gate, twice) is Reason.WRONG_TARGET


def test_a_proxy_that_rewrites_paths_is_reckoned_with(desk: Desk):
    """The owner says by `public_url` what clients call the app; headers of strangers do not."""
    gate = desk.gate(proofs=Proofs(public_url="https://notes.example/v1"))
    token = bound(desk, {"methods": ["GET"], "url": f"{HOST}/v1/files/7"})
    assert reason(gate, request("/files/7", token=token, host="inner:8000")) is None
    assert reason(gate, request("/v1/files/7", token=token)) is Reason.WRONG_TARGET
    direct = desk.gate()
    forwarded = {"x_forwarded_host": "notes.example", "host": "inner"}
    assert reason(direct, request("/v1/files/7", token=token, **forwarded)) is Reason.WRONG_TARGET


def test_it_is_no_ordinary_token_without_its_claim(desk: Desk, gate: Gate):
    """S75: the type says that it is bound; one of that type that says no URL is refused."""
    assert reason(gate, request(token=desk.token(typ=TYPE))) is Reason.MALFORMED
    assert reason(gate, request(token=bound(desk, {}))) is Reason.MALFORMED
    assert reason(gate, request(token=bound(desk, FILE | {"body": "x"}))) is Reason.MALFORMED


def test_the_claim_binds_in_whatever_type_it_comes(desk: Desk, gate: Gate):
    token = desk.token(url_bound=FILE)
    assert reason(gate, request("/files/8", token=token)) is Reason.WRONG_TARGET


def test_who_does_not_know_the_claim_does_not_take_the_token(desk: Desk):
    """S75, RFC 8725 §3.11, RFC 9068 §4: a resource server compares the type first."""
    other = Desk(Issuer(ISSUER, revocation="none", profile=TokenProfile(types=("at+jwt", "JWT"))))
    assert other.reason(bound(other)) is Reason.WRONG_TYPE
    verified = jwt.unverified_header(bound(desk))
    assert verified["typ"] == TYPE


def test_a_hash_binds_as_the_url_does(desk: Desk, gate: Gate):
    """S53."""
    claim = {"methods": ["GET"], "hash": hash_of(f"{HOST}/files/7", "t1")}
    assert reason(gate, request("/files/7", token=bound(desk, claim))) is None
    assert reason(gate, request("/files/8", token=bound(desk, claim))) is Reason.WRONG_TARGET
    moved = bound(desk, claim, jti="t2")
    assert reason(gate, request("/files/7", token=moved)) is Reason.WRONG_TARGET


def test_it_ends_like_any_other(desk: Desk, gate: Gate):
    token = bound(desk)
    assert reason(gate, request("/files/7", token=token)) is None
    desk.end(Ended.TOKEN, "t1")
    assert reason(gate, request("/files/7", token=token)) is Reason.REVOKED


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"url": "https://notes.example/a/../b"}, "no segments . and .."),
        ({"url": "/files/7"}, "begins with https"),
        ({"url": f"{HOST}/files/*", "url_hashed": "true"}, "not hashed"),
        ({"url": f"{HOST}/files/7", "url_hashed": "yes"}, "true or false"),
        ({"url": f"{HOST}/files/7", "url_methods": "get"}, "A method is one of"),
        ({"url": f"{HOST}/files/7", "url_methods": "GET  POST"}, "A method is one of"),
        ({"url_methods": "GET"}, "The parameter url is missing"),
        ({"url_hashed": "true"}, "The parameter url is missing"),
    ],
)
async def test_what_cannot_be_bound_is_not_issued_unbound(
    site: Installation, changes: dict[str, str], why: str
):
    answer = await site.post("/token", "service", grant_type="client_credentials", **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert why in answer.json()["error_description"]
