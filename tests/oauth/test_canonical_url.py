"""For every form in which a URL can be written: one canonical form, or a refusal."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.canonical_url import (
    MAX_LENGTH,
    MAX_PAIRS,
    MAX_SEGMENTS,
    CanonicalUrl,
    UrlRefused,
    canonical,
    canonical_query,
    canonical_text,
)

SAME = {
    "https://api.example/": (
        "https://api.example",
        "HTTPS://API.example/",
        "hTTps://api.EXAMPLE:443/",
        "https://api.example:/",
        "https://api.example:0443/",
        "https://api.example?",
        "https://api.example/?&&",
    ),
    "https://api.example:8443/": ("https://API.example:08443", "https://api.example:8443/?"),
    "http://api.example/": ("http://api.example:80/", "HTTP://api.example"),
    "http://api.example:443/": ("http://api.example:443",),
    "https://api.example/files/a%20b": (
        "https://api.example/files/a%20b",
        "https://api.example/%66iles/a%20%62",
    ),
    "https://api.example/caf%C3%A9": ("https://api.example/caf%c3%a9",),
    "https://api.example/~a/b-c_d.e": ("https://api.example/%7ea/b%2Dc%5Fd%2ee",),
    "https://api.example/a%2Bb": ("https://api.example/a+b", "https://api.example/a%2bb"),
    "https://api.example/a%28b%29": ("https://api.example/a(b)", "https://api.example/a%28b)"),
    "https://api.example/a%3Bv%3D1": ("https://api.example/a;v=1",),
    "https://api.example/a%7Cb": ("https://api.example/a|b",),
    "https://api.example/%2A": ("https://api.example/*",),
    "https://api.example/.well-known/x": ("https://api.example/%2ewell-known/x",),
    "https://api.example/a?x=1&y=2": (
        "https://api.example/a?y=2&x=1",
        "https://api.example/a?&x=1&&y=2&",
        "https://api.example/a?%78=%31&y=2",
    ),
    "https://api.example/a?x=2&x=1": ("https://api.example/a?x=2&x=1",),
    "https://api.example/a?x=": ("https://api.example/a?x", "https://api.example/a?x="),
    "https://api.example/a?q=a%20b": (
        "https://api.example/a?q=a+b",
        "https://api.example/a?q=a%20b",
    ),
    "https://api.example/a?q=a%2Bb": ("https://api.example/a?q=a%2bb",),
    "https://api.example/a?u=https%3A%2F%2Fb%2F%2520": (
        "https://api.example/a?u=https://b/%2520",
        "https://api.example/a?u=https%3a%2f%2fb%2f%2520",
    ),
    "https://api.example/a?x=1%3Cb": ("https://api.example/a?x=1<b",),
    "https://xn--bcher-kva.example/": ("https://XN--BCHER-KVA.example",),
    "https://192.0.2.7/": ("https://192.0.2.7:443",),
    "https://[2001:db8::1]/": (
        "https://[2001:DB8:0:0::1]",
        "https://[2001:0db8:0000:0000:0000:0000:0000:0001]:443/",
    ),
}
APART = [
    ("https://api.example/a", "https://api.example/a/"),
    ("https://api.example/a", "https://api.example/A"),
    ("https://api.example/a", "http://api.example/a"),
    ("https://api.example/a", "https://api.example:444/a"),
    ("https://api.example/a?x=1&x=2", "https://api.example/a?x=2&x=1"),
    ("https://api.example/a?q=a+b", "https://api.example/a?q=a%2Bb"),
    ("https://api.example/a+b", "https://api.example/a%20b"),
    ("https://api.example/caf%C3%A9", "https://api.example/cafe%CC%81"),
    ("https://api.example/a?x=%2520", "https://api.example/a?x=%20"),
    ("https://api.example/a", "https://api.example/a?a"),
    ("https://api.example/%3F", "https://api.example/?"),
]
REFUSED = {
    "no URL": ["", "api.example", "//api.example/a", "/a", "https:/api.example", "https:///a"],
    "another scheme": [
        "ftp://api.example/a",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "wss://a",
    ],
    "a fragment": ["https://api.example/a#b", "https://api.example/#", "https://api.example#@evil"],
    "a user": ["https://me@api.example/", "https://api.example@evil.example/", "https://a:b@c/"],
    "dots": [
        "https://api.example/a/../b",
        "https://api.example/./a",
        "https://api.example/a/..",
        "https://api.example/a/%2e%2E/b",
        "https://api.example/a/.%2e/b",
        "https://api.example/a/..;/b",
        "https://api.example/a/..%3Bx/b",
    ],
    "slashes": [
        "https://api.example//a",
        "https://api.example/a//b",
        "https://api.example/a//",
        "https://api.example/a%2Fb",
        "https://api.example/a%2fb",
    ],
    "backslashes": [
        "https://api.example\\a",
        "https://api.example\\@evil.example/",
        "https://api.example/a\\b",
        "https://api.example/a%5Cb",
        "https:\\\\api.example/a",
    ],
    "encoded twice": [
        "https://api.example/a%252Fb",
        "https://api.example/%252e%252e/a",
        "https://api.example/%25%32%66",
    ],
    "broken escapes": [
        "https://api.example/a%",
        "https://api.example/a%2",
        "https://api.example/a%zz",
        "https://api.example/a?x=%",
        "https://api.example/a?x=%u0041",
    ],
    "no UTF-8": [
        "https://api.example/%ff",
        "https://api.example/%c0%af",
        "https://api.example/%ed%a0%80",
        "https://api.example/?x=%ff",
    ],
    "control characters": [
        "https://api.example/a%00b",
        "https://api.example/a%0d%0ab",
        "https://api.example/a\nb",
        "https://api.example/a\tb",
        " https://api.example/a",
        "https://api.example/a b",
        "https://api.example/a%7f",
    ],
    "unicode": [
        "https://bücher.example/",
        "https://api.example/café",
        "https://api。example/",
        "https://\uff41pi.example/",
        "https://api.example/a?x=é",
        "https://api.example/a\uff0fb",
    ],
    "hosts": [
        "https://api.example./a",
        "https://api..example/a",
        "https://.example/a",
        "https://api%2eexample/a",
        "https://*.example/a",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://127.0.0.01/",
        "https://1.2.3.4.5/",
        "https://256.0.0.1/",
        "https://[::1%25eth0]/",
        "https://[::1/",
        "https://[1]/",
        "https://api.example,evil.example/",
    ],
    "ports": [
        "https://api.example:0/",
        "https://api.example:65536/",
        "https://api.example:-1/",
        "https://api.example:80a/",
        "https://api.example:443:443/",
        "https://api.example:000443/",
    ],
    "too much": [
        "https://api.example/" + "a" * MAX_LENGTH,
        "https://api.example/?" + "&".join(["a=1"] * (MAX_PAIRS + 1)),
        "https://api.example" + "/!" * (MAX_SEGMENTS + 1),
        "https://api.example" + "/a" * (MAX_SEGMENTS + 1) + "/",
    ],
}


@pytest.mark.parametrize("form", SAME)
def test_what_means_the_same_has_one_form(form: str):
    """S52: never two URLs with one meaning."""
    assert {str(canonical(each)) for each in SAME[form]} == {form}
    assert str(canonical(form)) == form


@pytest.mark.parametrize("end", ["", "/", "/?a=1"])
def test_as_many_segments_as_there_may_be_have_one_form_in_every_spelling(end: str):
    most, spelled = ["https://api.example" + each * MAX_SEGMENTS + end for each in ("/a", "/%61")]
    assert str(canonical(most)) == canonical_text(most) == most
    assert str(canonical(spelled)) == canonical_text(spelled) == most


@pytest.mark.parametrize(("one", "other"), APART)
def test_what_may_mean_another_thing_stays_apart(one: str, other: str):
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused(kind: str):
    for url in REFUSED[kind]:
        with pytest.raises(UrlRefused) as refused:
            canonical(url)
        assert "evil" not in str(refused.value), url


@given(st.text(alphabet="aA%2eEfF/.;:@?&=+*~\\[]#é\x00 ", max_size=24))
def test_a_canonical_form_is_its_own(rest: str):
    """Whatever somebody writes: it is refused, or its form has the same form again."""
    try:
        form = canonical(f"https://api.example{rest}")
    except UrlRefused:
        return
    assert canonical(str(form)) == form
    assert form.origin.startswith("https://api.example")
    assert "*" not in str(form)


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=5), st.randoms())
def test_the_order_of_names_means_nothing(pairs: list[tuple[str, str]], random):
    """That of the values of one name does."""
    pairs = [(name, value) for name, value in pairs if (name + value).isprintable()]
    names = list({name for name, _ in pairs})
    random.shuffle(names)
    moved = [pair for name in names for pair in pairs if pair[0] == name]
    assert canonical_query(urlencode(moved)) == canonical_query(urlencode(pairs))


@given(st.text(alphabet="aA0%2eE/.;:?&=+~é ", max_size=24), st.sampled_from(["a.b", "a", "0a"]))
def test_the_short_way_for_most_urls_ends_where_the_long_one_does(rest: str, host: str):
    """A scheme in capitals is never plain, and means the same."""

    def form(scheme: str) -> CanonicalUrl | None:
        try:
            return canonical(f"{scheme}://{host}{rest}")
        except UrlRefused:
            return None

    assert form("https") == form("HTTPS")
