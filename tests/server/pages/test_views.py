"""What a page is told, before any template reads it."""

import msgspec
import pytest

from counterfoil.server.pages.views import ConsentPage, Permission, SignedOutPage


def asking(*asked: tuple[str, str]) -> ConsentPage:
    return ConsentPage(
        action="/consent",
        csrf="c",
        flow="f",
        client_name="Notes",
        return_host="notes.example",
        user_email="ada@example.org",
        permissions=tuple(
            Permission(value=value, title=value, api_name=api) for value, api in asked
        ),
        spans=(),
    )


def test_permissions_of_one_api_stand_together_in_the_order_of_asking() -> None:
    """However the permissions were interleaved, each API is one group and none is lost."""
    view = asking(("r", "Notes"), ("c", "Calendar"), ("w", "Notes"), ("a", "Calendar"))
    groups = [(each.api_name, [one.value for one in each.permissions]) for each in view.groups]
    assert groups == [("Notes", ["r", "w"]), ("Calendar", ["c", "a"])]


def test_an_app_that_asks_for_nothing_has_no_groups() -> None:
    """Without permissions there is no empty group to show."""
    assert asking().groups == ()


def test_a_view_cannot_be_changed() -> None:
    """Views are values: what a handler has filled is what the template reads."""
    with pytest.raises(AttributeError):
        SignedOutPage().prefix = "/id"


def test_a_server_at_the_root_has_an_empty_prefix() -> None:
    """Links are written as prefix and path, so the root's prefix is the empty text."""
    assert SignedOutPage().prefix == ""
    assert msgspec.structs.replace(SignedOutPage(), prefix="/id").prefix == "/id"
