"""The marker: what it says, and where (S101)."""

import pytest

from counterfoil.bff import MarkerCookie


def test_the_marker_says_that_someone_is_signed_in_and_nothing_else():
    """S101: readable by the scripts of sibling sites, worth nothing to a thief."""
    name, value = MarkerCookie(".shop.example").shown(secure=True)
    assert name == "set-cookie"
    assert value == "signed_in=1; Domain=shop.example; Path=/; SameSite=Lax; Secure"
    assert "Max-Age=0" in MarkerCookie("shop.example").removed(secure=True)[1]
    assert "Secure" not in MarkerCookie("shop.example").shown(secure=False)[1]


@pytest.mark.parametrize("domain", ["example", "", ".", "shop..example", "a.b; Secure", "a b.c"])
def test_a_domain_that_is_none_is_refused(domain: str):
    with pytest.raises(ValueError, match="is no domain"):
        MarkerCookie(domain)


@pytest.mark.parametrize("name", ["", "a=b", "a;b", "__Host-a"])
def test_a_name_that_is_none_is_refused(name: str):
    with pytest.raises(ValueError, match="is no name"):
        MarkerCookie("shop.example", name)


def test_a_host_must_lie_within_the_domain():
    marker = MarkerCookie("shop.example")
    marker.demand_covers("shop.example")
    marker.demand_covers("app.shop.example")
    for host in ("evilshop.example", "shop.example.evil", "example"):
        with pytest.raises(ValueError, match="cannot be set by"):
            marker.demand_covers(host)
