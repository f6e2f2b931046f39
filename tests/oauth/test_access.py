"""Access: scopes per API, as a value that travels whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.access import Access, asked, scopes_in
from counterfoil.oauth.errors import OAuthError

NOTES, MAIL = "https://notes.example", "https://mail.example"
CATALOGUE = {
    NOTES: frozenset({"notes:read", "notes:write", "shared"}),
    MAIL: frozenset({"mail:read", "shared"}),
}
SCOPES = st.frozensets(st.sampled_from(["a", "b", "c", "d"]), max_size=4)


@st.composite
def accesses(draw: st.DrawFn) -> Access:
    apis = draw(st.dictionaries(st.sampled_from([NOTES, MAIL]), SCOPES.filter(bool)))
    return Access(apis, draw(st.frozensets(st.sampled_from(["openid", "email"]))))


@given(accesses(), accesses())
def test_what_is_narrowed_is_covered_by_both(one: Access, other: Access):
    narrowed = one.narrowed_to(other)
    assert one.covers(narrowed)
    assert other.covers(narrowed)


@given(accesses(), accesses())
def test_what_is_widened_covers_both(one: Access, other: Access):
    widened = one.widened_by(other)
    assert widened.covers(one)
    assert widened.covers(other)
    assert widened.scopes == one.scopes | other.scopes


@given(accesses(), accesses())
def test_what_is_taken_away_is_gone_and_the_rest_stays(one: Access, other: Access):
    rest = one.without(other)
    assert rest.narrowed_to(other).is_empty
    assert rest.widened_by(one.narrowed_to(other)) == one


@given(accesses(), accesses())
def test_narrowing_widened_access_gives_it_back(one: Access, other: Access):
    assert one.widened_by(other).narrowed_to(one) == one


@given(accesses(), accesses())
def test_each_covers_the_other_only_where_they_are_equal(one: Access, other: Access):
    assert (one.covers(other) and other.covers(one)) == (one == other)


@given(accesses(), SCOPES)
def test_limited_access_holds_no_other_scope(access: Access, scopes: frozenset[str]):
    limited = access.limited_to_scopes(scopes)
    assert limited.scopes == access.scopes & scopes
    assert access.covers(limited)


@given(accesses())
def test_a_token_for_one_api_carries_nothing_of_another(access: Access):
    at_notes = access.at(NOTES)
    assert set(at_notes.apis) <= {NOTES}
    assert at_notes.openid == access.openid
    assert access.covers(at_notes)


@given(accesses())
def test_an_api_without_scopes_is_not_kept(access: Access):
    assert access.limited_to_scopes(frozenset()).is_empty


def test_the_scope_parameter_is_sorted():
    """RFC 6749 §3.3: the order does not matter, so it is always the same."""
    access = Access({NOTES: frozenset({"notes:write", "notes:read"})}, frozenset({"openid"}))
    assert access.scope == "notes:read notes:write openid"


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [(None, set()), ("", set()), ("a", {"a"}), (" a  b a ", {"a", "b"}), ("a:b/c", {"a:b/c"})],
)
def test_a_scope_parameter_is_read(scope: str | None, scopes: set[str]):
    """RFC 6749 §3.3: separated by spaces, sent twice or not."""
    assert scopes_in(scope) == scopes


@pytest.mark.parametrize("scope", ['a"b', "a\\b", "a\tb", "a\nb", "é", "a\x7f", "x" * 129])
def test_what_no_scope_may_hold_is_refused(scope: str):
    """RFC 6749 §3.3: scope-token."""
    with pytest.raises(OAuthError) as refused:
        scopes_in(scope)
    assert refused.value.error == "invalid_scope"


def scopes(text: str) -> frozenset[str]:
    return frozenset(text.split())


@pytest.mark.parametrize(
    ("scope", "resources", "access"),
    [
        ("notes:read", (), Access({NOTES: scopes("notes:read")})),
        ("openid", (), Access(openid=scopes("openid"))),
        ("openid mail:read", (), Access({MAIL: scopes("mail:read")}, scopes("openid"))),
        ("shared", (MAIL,), Access({MAIL: scopes("shared")})),
        ("shared", (NOTES, MAIL), Access({NOTES: scopes("shared"), MAIL: scopes("shared")})),
        (
            "notes:read mail:read",
            (NOTES, MAIL, NOTES),
            Access({NOTES: scopes("notes:read"), MAIL: scopes("mail:read")}),
        ),
        ("notes:read", (NOTES, MAIL), Access({NOTES: scopes("notes:read")})),
        ("", (), Access()),
    ],
)
def test_each_scope_is_found_at_its_api(scope: str, resources: tuple[str, ...], access: Access):
    """RFC 8707 §2."""
    assert asked(scopes(scope), resources, CATALOGUE) == access


@pytest.mark.parametrize(
    ("scope", "resources", "error"),
    [
        ("shared", (), "invalid_target"),
        ("notes:read mail:read", (), "invalid_target"),
        ("notes:read", ("https://other.example",), "invalid_target"),
        ("notes:read", ("notes",), "invalid_target"),
        ("notes:read", (NOTES + "#x",), "invalid_target"),
        ("notes:read", ("http://[",), "invalid_target"),
        ("notes:read", (MAIL,), "invalid_scope"),
        ("nothing", (), "invalid_scope"),
        ("notes:read nothing", (NOTES,), "invalid_scope"),
    ],
)
def test_what_cannot_be_found_is_refused(scope: str, resources: tuple[str, ...], error: str):
    """RFC 8707 §2: invalid_target names the parameter that helps."""
    with pytest.raises(OAuthError) as refused:
        asked(scopes(scope), resources, CATALOGUE)
    assert refused.value.error == error
    assert ("resource" in refused.value.description) == (error == "invalid_target")
