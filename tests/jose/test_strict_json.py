"""Strict JSON: equal to the standard library's reader with every leniency taken away."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from counterfoil.jose.errors import JoseError
from counterfoil.jose.strict_json import MAX_DEPTH, decode_object, decode_value


def reference(text: bytes) -> Any:
    """The same rules, slowly: `json.loads` with hooks and a walk over the result."""

    def names_once(members: list[tuple[str, object]]) -> dict[str, object]:
        if len({name for name, _ in members}) != len(members):
            raise ValueError("name given twice")
        return dict(members)

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    value = json.loads(text.decode(), object_pairs_hook=names_once, parse_constant=refuse)
    if not isinstance(value, dict):
        raise TypeError("no object")
    check(value, 1)
    return value


def check(value: object, depth: int) -> None:
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("not finite")
    elif isinstance(value, (dict, list)):
        if depth > MAX_DEPTH:
            raise ValueError("too deep")
        inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        for child in inner:
            check(child, depth + 1)


def verdict(read: Any, text: bytes) -> Any:
    try:
        return read(text)
    except (JoseError, ValueError, TypeError):
        return "refused"


# Few names, several spellings of each, so that names meet often.
NAMES = st.sampled_from(
    [
        "a",
        "\\u0061",
        "b",
        ":",
        '\\"',
        "\\\\",
        "",
        "é",
        "\\u00e9",
        "{",
        "[",
        "\\ud83d\\ude00",
        "😀",
        "\\u0022",
    ]
)
STRINGS = st.one_of(NAMES, st.text().map(lambda text: json.dumps(text)[1:-1]))
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["0", "-0", "-0.0", "1E5", "1e400", "-1e400", "01", "NaN", "Infinity", "1."]),
)
SCALARS = st.one_of(NUMBERS, st.sampled_from(["true", "false", "null"]), STRINGS.map('"{}"'.format))


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    colons = st.sampled_from([":", ": "])
    members = st.tuples(NAMES, colons, values).map(lambda each: f'"{each[0]}"{each[1]}{each[2]}')
    return st.lists(members, max_size=4).map(lambda all_: "{" + ",".join(all_) + "}")


VALUES = st.recursive(
    SCALARS,
    lambda inner: objects(inner) | st.lists(inner, max_size=3).map(lambda a: f"[{','.join(a)}]"),
    max_leaves=12,
)


@given(objects(VALUES))
@example('{"a":1,"a":1}')
@example('{"a":1,"a":1e6}')  # written back it is as long
@example('{"a":{"b":1,"b":2}}')
@example('{"x":[{"b":1,"b":2}]}')
@example('{"a":1,"\\u0061":2}')
@example('{"a":{"a":1}}')
@example('{"a":1,"a":"\\u0022\\u0022"}')
@example('{"a":"\\u0022"}')
def test_it_accepts_and_reads_what_the_strict_reference_does(text: str) -> None:
    """RFC 8725 §2.4 and RFC 7515 §4: names given twice are refused at every depth."""
    assert verdict(decode_object, text.encode()) == verdict(reference, text.encode())


@given(objects(VALUES), st.data())
def test_damaged_text_is_judged_as_by_the_strict_reference(text: str, data: st.DataObject) -> None:
    raw = bytearray(text.encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    assert verdict(decode_object, bytes(raw)) == verdict(reference, bytes(raw))


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["r", ".17e", "f"]))
@example(12345.678e300, "r")
@example(5e-324, "r")
@example(-0.0, "r")
def test_a_number_is_the_nearest_float(number: float, spelling: str) -> None:
    """As Python reads it, to the last bit; with ``decode_value`` as with ``decode_object``."""
    text = repr(number) if spelling == "r" else format(number, spelling)
    expected = repr(json.loads(text))
    assert repr(decode_value(text.encode())) == expected
    assert repr(decode_object(f'{{"a":{text}}}'.encode())["a"]) == expected


@pytest.mark.parametrize("text", ["1e400", "-1e400", "1.5e309", f"{'9' * 400}.5"])
def test_a_number_too_great_to_hold_is_refused(text: str) -> None:
    for read, whole in ((decode_value, text), (decode_object, f'{{"a":[{text}]}}')):
        assert verdict(read, whole.encode()) == "refused"


@given(st.binary())
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        value = decode_object(raw)
    except JoseError:
        return
    assert isinstance(value, dict)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":"\xff"}',
        b'{"\xff":1}',
        b'{"a":"\\ud800"}',
        b'{"\\udc00":1}',
        b'{"a":"\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'{"a":1}x',
        b'{"a":1',
        b"{'a':1}",
        b"[]",
        b'"a"',
        b"1",
        b"null",
        b"",
    ],
)
def test_what_has_no_single_meaning_is_refused(text: bytes) -> None:
    """Not finite, not Unicode, not whole, or not an object."""
    with pytest.raises(JoseError) as caught:
        decode_object(text)
    assert caught.value.reason == "malformed"


def nested(depth: int, opening: str, closing: str) -> bytes:
    return ('{"a":' + opening * (depth - 1) + "1" + closing * (depth - 1) + "}").encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_bounded(opening: str, closing: str) -> None:
    assert decode_object(nested(MAX_DEPTH, opening, closing))
    for depth in (MAX_DEPTH + 1, 500, 5_000):
        with pytest.raises(JoseError) as caught:
            decode_object(nested(depth, opening, closing))
        assert caught.value.reason == "malformed"


def test_brackets_in_strings_and_wide_arrays_are_not_nesting() -> None:
    assert decode_object(json.dumps({"a": "[{" * 500}).encode()) == {"a": "[{" * 500}
    wide = {"a": [{"b": [n]} for n in range(100)]}
    assert decode_object(json.dumps(wide).encode()) == wide


def test_a_name_may_stand_again_in_another_object() -> None:
    assert decode_object(b'{"a":{"a":[{"a":1},{"a":1}]}}') == {"a": {"a": [{"a": 1}, {"a": 1}]}}


@pytest.mark.parametrize("text", [b"[1, {}]", b"7", b"null", b'"a"', b'[{"a": 1}, {"a": 2}]'])
def test_a_value_of_any_kind_is_read_where_that_is_wanted(text: bytes):
    assert decode_value(text) == json.loads(text)


@pytest.mark.parametrize("text", [b"", b"[", b'[{"a": 1, "a": 2}]', b"[" * 33 + b"]" * 33, b"NaN"])
def test_and_as_strictly(text: bytes):
    with pytest.raises(JoseError):
        decode_value(text)
