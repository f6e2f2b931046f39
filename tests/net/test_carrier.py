"""Addresses of NATS: what is none, what may travel in the clear, and that no secret is shown."""

import pytest

from counterfoil.net.carrier import NatsServers, NatsUrl

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "bare", "login"),
    [
        ("tls://nats.example", "tls://nats.example:4222", {}),
        ("tls://nats.example:4443/", "tls://nats.example:4443", {}),
        ("nats://nats.example", "nats://nats.example:4222", {}),
        ("nats://t0ken@127.0.0.1:1", "nats://127.0.0.1:1", {"token": "t0ken"}),
        ("nats://ada:s3cret@[::1]", "nats://[::1]:4222", {"user": "ada", "password": "s3cret"}),
        ("tls://a%40b:p%2F%3F@n.eg", "tls://n.eg:4222", {"user": "a@b", "password": "p/?"}),
    ],
)  # fmt: skip
def test_an_address_and_what_one_shows_there(url: str, bare: str, login: dict[str, str]):
    read = NatsUrl(url)
    assert (read.bare, read.login()) == (bare, login)
    assert read.is_encrypted == url.startswith("tls")
    assert read == NatsUrl(url)
    assert len({read, NatsUrl(url)}) == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nats.example:4222",
        "https://nats.example",
        "tls:nats.example",
        "tls://",
        "tls://:4222",
        "tls://nats.example:port",
        "tls://[::1",
        f"tls://ada:{SECRET}/x@nats.example",
        f"tls://ada:{SECRET}?x@nats.example",
        f"tls://ada:{SECRET}#x@nats.example",
        f"tls://ada:{SECRET}@nats.example/subject",
        f"tls://ada:{SECRET}\r\nPUB x@nats.example",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(url: str):
    with pytest.raises(ValueError, match="Expected") as refused:
        NatsUrl(url)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("url", [f"nats://ada:{SECRET}@nats.example", f"nats://{SECRET}@10.0.0.1"])
def test_a_secret_leaves_this_machine_by_tls_alone(url: str):
    with pytest.raises(ValueError, match="Expected tls://") as refused:
        NatsUrl(url)
    assert SECRET not in str(refused.value)
    assert NatsUrl(url.replace("nats://", "tls://")).login()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"tls://ada:{SECRET}@nats.example", "tls://ada:…@nats.example:4222"),
        (f"tls://{SECRET}@nats.example", "tls://…@nats.example:4222"),
        ("tls://nats.example", "tls://nats.example:4222"),
    ],
)
def test_nothing_shows_a_secret(url: str, shown: str):
    read = NatsUrl(url)
    assert str(read) == shown
    everything = f"{read!r} {NatsServers((read,))!r} {read!s}"
    assert SECRET not in everything
