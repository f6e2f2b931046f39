"""The compact form: three canonical parts, and a strict header."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.jose import jws
from counterfoil.jose.errors import JoseError


@given(st.binary())
def test_what_is_encoded_is_decoded(content: bytes) -> None:
    part = jws.encode_part(content)
    assert part == base64.urlsafe_b64encode(content).rstrip(b"=")
    if content:
        assert jws.decode_part(part) == content


@given(st.binary(max_size=12) | st.text("ABCDwxyz0189-_+/=", max_size=9).map(str.encode))
def test_each_content_has_exactly_one_spelling(part: bytes) -> None:
    """RFC 7515 §2, RFC 4648 §3.5: a part that decodes is the part that encoding would give."""
    try:
        content = jws.decode_part(part)
    except JoseError:
        return
    assert jws.encode_part(content) == part


@pytest.mark.parametrize(
    "part",
    [b"", b"QQ==", b"QUI=", b"Q", b"QQQQQ", b"QR", b"QUJ", b"Q+Q_", b"Q/Q_", b"QQ\n", b" QQ",
     b"Q.Q", b"QQ%3D", b"\x00QQQ", b"\xc3\xa9QQ"],
)  # fmt: skip
def test_padding_spaces_and_stray_bits_are_refused(part: bytes) -> None:
    with pytest.raises(JoseError) as caught:
        jws.decode_part(part)
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a", "a.b", "a..c", ".b.c", "a.b.c.d", "a.b.c.d.e", "é.b.c", "a.b.c\u2028"],
)
def test_three_parts_or_nothing(token: str) -> None:
    """RFC 7515 §3.1; five parts would be an encrypted token."""
    for spelled in (token, token.encode()):
        with pytest.raises(JoseError) as caught:
            jws.decode_part(jws.split(spelled).signature)
        assert caught.value.reason == "malformed"


def test_text_and_bytes_are_split_alike() -> None:
    assert jws.split("aa.bb.cc") == jws.split(b"aa.bb.cc")
    assert jws.split("aa.bb.cc") == jws.Compact(b"aa", b"bb", b"cc", b"aa.bb")


def test_the_size_is_bounded_before_anything_else() -> None:
    """RFC 8725 §3: a token of 16 KiB is read, one byte more is not."""
    with pytest.raises(JoseError) as caught:
        jws.split("." * (jws.MAX_BYTES + 1))
    assert caught.value.reason == "oversized"
    assert jws.split("a.b." + "c" * (jws.MAX_BYTES - 4))
    with pytest.raises(JoseError) as caught:
        jws.split("a.b.c", max_bytes=4)
    assert caught.value.reason == "oversized"


def header(text: str) -> jws.Header:
    return jws.read_header(jws.encode_part(text.encode()))


def test_only_alg_kid_and_typ_are_read() -> None:
    """RFC 8725 §3.10: keys and addresses of keys in a header are ignored."""
    read = header('{"alg":"ES256","kid":"1","typ":"at+jwt","jku":"https://evil.example","x5c":[]}')
    assert read == jws.Header("ES256", "1", "at+jwt")
    assert header('{"alg":"ES256"}') == jws.Header("ES256", None, jws.NO_TYP)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        '{"kid":"1"}',
        '{"alg":null}',
        '{"alg":["ES256"]}',
        '{"alg":"ES256","alg":"none"}',
        '{"alg":"ES256","\\u0061lg":"none"}',
        '{"alg":"ES256","kid":null}',
        '{"alg":"ES256","kid":["1"]}',
        '{"alg":"ES256","kid":{"$ne":""}}',
        '{"alg":"ES256","kid":1}',
        '{"alg":"ES256","typ":null}',
        '{"alg":"ES256","typ":7}',
        '{"alg":"ES256"} {}',
    ],
)
def test_a_header_that_could_mean_two_things_is_refused(text: str) -> None:
    """RFC 7515 §4: names once, `alg` there, texts that are texts."""
    with pytest.raises(JoseError) as caught:
        header(text)
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize("crit", ["[]", '["exp"]', '["b64"]', "null", '"alg"'])
def test_critical_extensions_are_refused_for_none_is_known(crit: str) -> None:
    """RFC 7515 §4.1.11."""
    with pytest.raises(JoseError) as caught:
        header('{"alg":"ES256","b64":false,"crit":' + crit + "}")
    assert caught.value.reason == "unknown_critical"


@pytest.mark.parametrize(
    ("typ", "compared"),
    [
        ("at+jwt", "at+jwt"),
        ("AT+JWT", "at+jwt"),
        ("application/at+jwt", "at+jwt"),
        ("Application/AT+jwt", "at+jwt"),
        ("application/a/b", "application/a/b"),
        ("text/at+jwt", "text/at+jwt"),
        ("\u212aey+jwt", "\u212aey+jwt"),
    ],
)
def test_types_are_compared_without_case_and_prefix(typ: str, compared: str) -> None:
    """RFC 7515 §4.1.9; the Kelvin sign is not a K."""
    assert jws.normalised_typ(typ) == compared
