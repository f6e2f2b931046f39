"""A broader scope implies narrower ones, where the owner says so."""

import pytest

from counterfoil.guard.scope_hierarchy import ScopeHierarchy


def test_what_is_implied_is_implied_through_every_step():
    hierarchy = ScopeHierarchy(
        {
            "admin": ("notes", "users"),
            "notes": ("notes:read", "notes:write"),
            "users": ["users:see"],
        }
    )
    assert hierarchy.widened(frozenset({"admin"})) == {
        "admin", "notes", "users", "notes:read", "notes:write", "users:see",
    }  # fmt: skip
    assert hierarchy.widened(frozenset({"notes:read"})) == {"notes:read"}
    assert hierarchy.widened(frozenset()) == frozenset()


def test_two_ways_down_are_no_circle():
    hierarchy = ScopeHierarchy({"a": ("b", "c"), "b": ("d",), "c": ("d",)})
    assert hierarchy.widened(frozenset({"a"})) == {"a", "b", "c", "d"}


def test_a_claim_is_split_at_spaces_alone_and_says_the_same_each_time():
    hierarchy = ScopeHierarchy({"notes": ("notes:read",)})
    for _ in range(2):
        assert hierarchy.scopes_of("") == frozenset()
        assert hierarchy.scopes_of("notes  a\tb") == {"notes", "notes:read", "a\tb"}
        assert hierarchy.scopes_of("a") == {"a"}


def test_who_says_something_new_in_each_token_fills_no_memory():
    hierarchy = ScopeHierarchy({})
    for number in range(200):
        assert hierarchy.scopes_of(f"a{number} b") == {f"a{number}", "b"}
        assert len(hierarchy._known) <= 64
    assert hierarchy.scopes_of("c d") is hierarchy.scopes_of("c d"), "nobody holds a place for good"


@pytest.mark.parametrize(
    "implied",
    [{"a": ("a",)}, {"a": ("b",), "b": ("a",)}, {"a": ("b",), "b": ("c",), "c": ("b",)}],
)
def test_no_scope_implies_itself(implied: dict[str, tuple[str, ...]]):
    with pytest.raises(ValueError, match="implies itself"):
        ScopeHierarchy(implied)


@pytest.mark.parametrize("implied", [{"a b": ("c",)}, {"a": ("",)}, {"a": ('c"',)}, {"": ()}])
def test_names_are_names_of_one_scope(implied: dict[str, tuple[str, ...]]):
    with pytest.raises(ValueError, match="no name of a scope"):
        ScopeHierarchy(implied)


def test_a_text_is_not_taken_for_its_letters():
    with pytest.raises(ValueError, match="must be a tuple"):
        ScopeHierarchy({"a": "bc"})
