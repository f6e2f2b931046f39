"""Addresses that hold the id of the user whose token they take (S99)."""

import pytest

from counterfoil.guard import OwnPath, Presented, Rejected
from counterfoil.guard.request import Request
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import NOW, Desk

OWN = OwnPath("/users/{id}")


@pytest.mark.parametrize(
    ("path", "is_own"),
    [
        ("/users/u1", True),
        ("/users/u1/", True),
        ("/users/u1/notes/7", True),
        ("/users/%75%31", True),
        ("/users/u2", False),
        ("/users/u11", False),
        ("/users/", False),
        ("/users", False),
        ("/x/users/u1", False),
        ("/users/u1/../u2/notes", False),
        ("/users/u1/%2e%2E/u2", False),
        ("/users/u1%2f..%2fu2", False),
        ("/users/u1\\..\\u2", False),
        ("/users/u1%5c..%5cu2", False),
        ("//users/u1", False),
        ("/users//u1", False),
        ("/users/u1%00", False),
        ("/users/U1", False),
    ],
)
def test_only_ones_own_address_will_do(path: str, is_own: bool):
    """S99."""
    assert OWN.is_of("u1", path) is is_own


def test_segments_before_it_may_be_any():
    own = OwnPath("/tenants/*/users/{id}")
    assert own.is_of("u1", "/tenants/t7/users/u1/notes")
    assert not own.is_of("u1", "/tenants//users/u1")
    assert not own.is_of("u1", "/tenants/t7/users/u2")


def test_an_id_is_compared_as_it_is_meant():
    assert OWN.is_of("auth|ü/1", "/users/auth%7C%C3%BC%2F1")


def test_nobody_owns_what_has_no_name():
    assert not OWN.is_of("", "/users/")


def test_another_claim_may_be_the_id():
    desk = Desk()
    token = desk.guard.check(desk.token(tenant="t7", number=7))
    request = Request("GET", "https", "", "/t/t7", b"", ())
    OwnPath("/t/{id}", "tenant").examine(Presented(token, request, NOW))
    for claim in ("number", "nothing", "sub"):
        with pytest.raises(Rejected) as refused:
            OwnPath("/t/{id}", claim).examine(Presented(token, request, NOW))
        assert refused.value.reason is Reason.ANOTHER_USER


@pytest.mark.parametrize("template", ["", "users/{id}", "/users", "/{id}/{id}", "/users/x{id}"])
def test_a_template_has_one_place_for_the_id(template: str):
    with pytest.raises(ValueError, match="one segment"):
        OwnPath(template)
