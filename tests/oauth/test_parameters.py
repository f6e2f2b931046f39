"""Parameters: each name once, nothing malformed, everything bounded."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import (
    MAX_PARAMETERS,
    MAX_VALUE_LENGTH,
    Parameters,
    appended,
)

NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
VALUES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=50)


@given(st.dictionaries(NAMES.filter(lambda name: name != "resource"), VALUES, max_size=20))
def test_what_was_encoded_is_read_back(pairs: dict[str, str]):
    parameters = Parameters.parse(urlencode(pairs).encode())
    assert {name: parameters.get(name) for name in pairs} == {
        name: value or None for name, value in pairs.items()
    }


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(encoded: bytes):
    """RFC 6749 §5.2: never another exception, and a sentence each time."""
    refused = refusal_or_none(encoded)
    if refused is not None:
        assert refused.error == "invalid_request"
        assert refused.description.isascii()
        assert refused.description.isprintable()


FORM = st.lists(st.sampled_from([*"ab1=&+;% ", "%20", "%C3%A4", "%FF", "==", "&&"])).map("".join)


@given(FORM)
def test_pairs_are_read_as_the_standard_library_reads_them(encoded: str):
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        assert "UTF-8" in refusal(encoded.encode())
        return
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names) or not all(name and name.isprintable() for name in names):
        assert refusal(encoded.encode())
        return
    parameters = Parameters.parse(encoded.encode())
    assert parameters.single == {name: value for name, value in pairs if value}


def refusal_or_none(encoded: bytes) -> OAuthError | None:
    try:
        Parameters.parse(encoded)
    except OAuthError as refused:
        return refused
    return None


def refusal(encoded: bytes) -> str:
    with pytest.raises(OAuthError) as refused:
        Parameters.parse(encoded)
    assert refused.value.error == "invalid_request"
    return refused.value.description


def test_a_name_given_twice_is_refused_whatever_its_values():
    """RFC 6749 §3.1: parameters must not be included more than once."""
    assert "scope" in refusal(b"scope=a&scope=b")
    assert "scope" in refusal(b"scope=a&scope=a")
    assert "scope" in refusal(b"scope=&scope=a")
    assert "scope" in refusal(b"scope=a&%73cope=b")


def test_resource_may_be_repeated():
    """RFC 8707 §2."""
    parameters = Parameters.parse(b"resource=a&resource=b&resource=")
    assert parameters.every("resource") == ("a", "b")
    assert parameters.get("resource") is None


def test_others_may_be_repeated_where_a_form_says_so():
    parameters = Parameters.parse(b"permission=a&permission=b", frozenset({"permission"}))
    assert parameters.every("permission") == ("a", "b")
    with pytest.raises(OAuthError):
        Parameters.parse(b"resource=a&resource=b", frozenset({"permission"}))


def test_an_empty_value_is_as_if_omitted():
    """RFC 6749 §3.1."""
    parameters = Parameters.parse(b"state=&x")
    assert parameters.get("state") is None
    assert parameters.get("x") is None
    with pytest.raises(OAuthError, match="state is missing"):
        parameters.require("state")


def test_the_bounds_are_kept():
    pairs = urlencode({f"p{number}": "x" for number in range(MAX_PARAMETERS)})
    assert Parameters.parse(pairs.encode()).get("p0") == "x"
    assert str(MAX_PARAMETERS) in refusal((pairs + "&one=more").encode())
    assert Parameters.parse(b"a=" + b"x" * MAX_VALUE_LENGTH).get("a")
    assert str(MAX_VALUE_LENGTH) in refusal(b"a=" + b"x" * (MAX_VALUE_LENGTH + 1))


@pytest.mark.parametrize("encoded", [b"a=%ff", b"a=\xc3\xa9", b"%ff=a", b"a=%C0%AF"])
def test_what_is_not_utf_8_is_refused(encoded: bytes):
    """RFC 6749 appendix B."""
    assert "UTF-8" in refusal(encoded)


@pytest.mark.parametrize("encoded", [b"a=%00", b"=a", b"a%00b=c", b"%0d%0a=a", b"n" * 129 + b"=a"])
def test_names_and_values_that_only_harm_are_refused(encoded: bytes):
    refusal(encoded)


def test_a_strange_name_is_shown_harmlessly():
    """RFC 6749 §5.2: error_description holds no quote and no backslash."""
    said = refusal(urlencode([('a"\\é', "1"), ('a"\\é', "2")]).encode())
    assert "a???" in said
    assert '"' not in said


@given(st.dictionaries(st.text(), st.text()))
def test_what_is_appended_is_a_form(parameters: dict[str, str]):
    """WHATWG URL, "application/x-www-form-urlencoded", as urllib writes it."""
    assert appended("https://a", parameters) == f"https://a?{urlencode(parameters)}"


@pytest.mark.parametrize("query", ["", "?", "?&", "?x", "?x=1", "?x=1&", "?x=1&y=?"])
def test_what_is_appended_stands_behind_what_there_is(query: str):
    """RFC 6749 §3.1.2: the query of a redirect URI is kept as it is."""
    uri = f"https://app.example/cb{query}"
    whole = appended(uri, {"state": "a&b", "iss": "https://id.example"})
    assert whole.startswith(uri)
    assert "&&" not in whole.removeprefix(uri)
    read = parse_qsl(urlsplit(whole).query, keep_blank_values=True)
    before = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    assert read == [*before, ("state", "a&b"), ("iss", "https://id.example")]
