"""What the owner of an API decides."""

import pytest

from counterfoil.guard import Credentials, Issuer, Proofs, Staleness


@pytest.mark.parametrize("url", ["https://a.example", "https://a.example/t1", "http://127.0.0.1:8"])
def test_an_issuer_is_an_https_address(url: str):
    """S94: plain http for loopback alone."""
    assert Issuer(url).url == url


@pytest.mark.parametrize(
    "arguments",
    [
        {"url": "http://a.example"},
        {"url": "https://a.example?x=1"},
        {"url": "https://a.example#x"},
        {"url": "a.example"},
        {"url": "https://a.example", "algorithms": ()},
        {"url": "https://a.example", "algorithms": ("HS256",)},
        {"url": "https://a.example", "algorithms": ("none",)},
        {"url": "https://a.example", "revocation": "maybe"},
        {"url": "https://a.example", "revocation": "introspect"},
    ],
)
def test_an_issuer_that_cannot_work_is_refused(arguments: dict[str, object]):
    """S86, S88: no configuration allows a weak algorithm."""
    with pytest.raises(ValueError, match=r"a\.example"):
        Issuer(**arguments)


def test_a_secret_is_never_shown():
    """S110."""
    issuer = Issuer("https://a.example", credentials=Credentials("guard", "hunter2"))
    assert "hunter2" not in f"{issuer!r} {issuer} {issuer.credentials!r}"


def test_staleness_has_a_budget():
    assert Staleness.reject() == Staleness()
    assert Staleness.reject().tolerance == 30
    assert Staleness.accept_for(60, budget=10).tolerance == 70
    assert Staleness.introspect(5).tolerance == 5
    with pytest.raises(ValueError, match="budget"):
        Staleness.reject(0)
    with pytest.raises(ValueError, match="further"):
        Staleness.accept_for(-1)


@pytest.mark.parametrize(
    "arguments",
    [
        {"public_url": "api.example"},
        {"public_url": "ftp://api.example"},
        {"nonce_key": b"short"},
        {"remembered": 0},
    ],
)
def test_demands_on_proofs_that_cannot_work_are_refused(arguments: dict[str, object]):
    with pytest.raises(ValueError, match=r"URL|nonce_key|proof"):
        Proofs(**arguments)
