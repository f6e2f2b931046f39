"""What the owner of an API decides."""

import pytest

from counterfoil.guard import Carrier, Credentials, Issuer, Proofs, Rejected, Staleness
from counterfoil.guard.policy import demand_sound
from counterfoil.guard.status_lists import StatusLists


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


TLS = "tls://guard:hunter2@nats.example"


@pytest.mark.parametrize(
    "arguments",
    [
        {"servers": ()},
        {"servers": ("nats.example",)},
        {"servers": TLS},
        {"servers": ("nats://guard:hunter2@nats.example",)},
        {"servers": (TLS,), "silence": 2.0},
    ],
)
def test_a_carrier_that_cannot_work_is_refused(arguments: dict[str, object]):
    with pytest.raises(ValueError, match=r"servers|Expected|seconds") as refused:
        Carrier(**arguments)
    assert "hunter2" not in str(refused.value)


def test_a_carrier_shows_no_password():
    carrier = Carrier((TLS,))
    issuer = Issuer("https://a.example", carrier=carrier)
    assert "hunter2" not in f"{issuer!r} {carrier} {carrier.cluster()!r}"
    assert "nats.example" in repr(carrier)


def test_a_carrier_brings_the_feed_to_who_goes_by_it_and_must_not_make_it_stale():
    carrier = Carrier((TLS,))
    with pytest.raises(ValueError, match=r"a\.example: a carrier brings the feed"):
        Issuer("https://a.example", revocation="none", carrier=carrier)
    issuer = Issuer("https://a.example", carrier=carrier)
    demand_sound([issuer], "https://api.example", Staleness.reject(10.5))
    with pytest.raises(ValueError, match="silent for 10 s"):
        demand_sound([issuer], "https://api.example", Staleness.reject(10))


def test_lists_may_stand_at_several_addresses():
    prefixes = ("https://lists.example/", "https://a.example/status/")
    issuer = Issuer("https://a.example", revocation="status_list", status_lists=prefixes)
    lists = StatusLists(issuer)
    for uri in ("https://lists.example/1", "https://a.example/status/2"):
        status = {"status_list": {"idx": 1, "uri": uri}}
        assert lists.reference_in({"status": status}).uri == uri
    for uri in ("https://a.example/other/2", "https://lists.example.evil.example/1"):
        with pytest.raises(Rejected, match="not allowed"):
            lists.reference_in({"status": {"status_list": {"idx": 1, "uri": uri}}})
