import pytest

from counterfoil.oauth.personal_token import is_from, network_in, networks_in


@pytest.mark.parametrize(
    ("text", "within", "outside"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
        ("192.0.2.0/24", "::ffff:192.0.2.9", "::ffff:192.0.3.9"),
        ("2001:db8::/32", "2001:db8:1::1%eth0", "2001:db9::1"),
        ("0.0.0.0/0", "203.0.113.7", "2001:db8::1"),
    ],
)
def test_a_network_holds_its_addresses(text: str, within: str, outside: str):
    networks = networks_in([text])
    assert is_from(within, networks)
    assert not is_from(outside, networks)


@pytest.mark.parametrize("address", ["", "unknown", "192.0.2", "192.0.2.7, 10.0.0.1", "_hidden"])
def test_an_address_that_is_not_known_is_in_no_network(address: str):
    assert not is_from(address, networks_in(["0.0.0.0/0", "::/0"]))


@pytest.mark.parametrize(
    "text", ["", "here", "192.0.2.7/24", "::ffff:192.0.2.0/120", "192.0.2.0/33", "example.org"]
)
def test_what_is_no_network_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        network_in(text)


def test_nothing_said_is_no_limit_and_what_cannot_be_read_is_not_overlooked():
    assert networks_in(None) == ()
    for odd in ([], "192.0.2.0/24", {"a": 1}, [7.5], 7):
        with pytest.raises(ValueError, match=r"."):
            networks_in(odd)
