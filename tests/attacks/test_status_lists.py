"""Status lists that are not what they say: bombs, another's, old ones, addresses inside (§12)."""

import zlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator

import pytest

from counterfoil.guard import Issuer
from counterfoil.guard.status_lists import MOST_LIST_BYTES, MOST_LISTS, StatusLists
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.status_list import StatusList, StatusListToken, WrongStatusList, compressed
from tests.guard.issuer import TinyIssuer
from tests.guard.test_status_lists import guarded, listed, reason

pytestmark = pytest.mark.one_engine("no server of ours is there")

NOW = 1_800_000_000.0


@pytest.fixture
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        yield issuer


def bomb(size: int) -> str:
    engine = zlib.compressobj(9)
    packed = b"".join(engine.compress(bytes(1 << 20)) for _ in range(size >> 20)) + engine.flush()
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def test_a_bomb_is_refused_before_it_has_grown(issuer: TinyIssuer):
    """64 MiB out of 64 KiB: read no further than what is allowed, and nobody is let in by it."""
    uri = issuer.list_of(b"", lst=bomb(8 * MOST_LIST_BYTES))
    with guarded(issuer) as guard:
        assert reason(guard, listed(issuer, uri)) is Reason.STALE
        assert "longer than" in guard.health().issuers[0].why["a status list cannot be had"]


def test_a_body_without_end_is_left(issuer: TinyIssuer):
    uri = issuer.list_of(bytes(8))
    issuer.lists["1"] = b"x" * (4 << 20)
    with guarded(issuer) as guard:
        assert reason(guard, listed(issuer, uri)) is Reason.STALE


@pytest.mark.parametrize(
    "changes",
    [
        {"key": PrivateKey.generate()},
        {"sub": "https://other.example/lists/1"},
        {"iss": "https://other.example"},
        {"exp": 1},
        {"width": 3},
        {"width": 0},
        {"lst": "x"},
        {"status_list": None},
        {"ttl": "x"},
    ],
)
def test_a_list_that_is_not_the_issuers_own_and_of_now_is_not_taken(
    issuer: TinyIssuer, changes: dict[str, object]
):
    """The list that a thief would like: one in which nothing is ended."""
    uri = issuer.list_of(bytes(8), **changes)
    with guarded(issuer) as guard:
        assert reason(guard, listed(issuer, uri)) is Reason.STALE


def test_an_access_token_is_no_list_nor_a_list_an_access_token(issuer: TinyIssuer):
    uri = issuer.list_of(bytes(8))
    signed = issuer.lists["1"].decode()
    issuer.lists["1"] = listed(issuer, uri).encode()
    with guarded(issuer) as guard:
        assert reason(guard, listed(issuer, uri)) is Reason.STALE
        assert reason(guard, signed) is Reason.WRONG_TYPE


def test_beyond_its_end_a_list_speaks_for_nobody(issuer: TinyIssuer):
    uri = issuer.list_of(bytes(8))
    with guarded(issuer) as guard:
        assert reason(guard, listed(issuer, uri, 63)) is None
        assert reason(guard, listed(issuer, uri, 64, jti="t2")) is Reason.NOT_REGISTERED
        assert reason(guard, listed(issuer, uri, -1, jti="t3")) is Reason.MALFORMED
        assert reason(guard, listed(issuer, uri, 2**63 - 1, jti="t4")) is Reason.NOT_REGISTERED


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254/latest", "http://127.0.0.1:1/lists/1", "file:///etc/passwd",
        "https://evil.example/lists/1", "{origin}.evil.example/1", "{origin}@evil.example/1",
        "{origin}/../1", "{origin}/%2e%2e/1", "{origin}\\@evil.example/", "", "{origin}",
    ],
)  # fmt: skip
def test_no_address_is_asked_but_the_issuers_own(issuer: TinyIssuer, uri: str):
    """Even a genuine token sends a guard nowhere that its owner has not allowed (SSRF)."""
    with guarded(issuer) as guard:
        token = listed(issuer, uri.format(origin=issuer.origin))
        assert reason(guard, token) is Reason.MALFORMED
        assert not guard.health().issuers[0].why


def test_however_many_lists_are_named_few_are_held():

    lists = StatusLists(Issuer("https://id.example", revocation="status_list"))
    for n in range(MOST_LISTS * 3):
        uri = f"https://id.example/lists/{n}"
        token = StatusListToken(sub=uri, iat=int(NOW), status_list=StatusList(compressed(bytes(8))))
        lists.take(uri, token, NOW)
    assert len(lists.uris) == MOST_LISTS
    with pytest.raises(WrongStatusList):
        lists.take("https://id.example/lists/x", token, NOW)
