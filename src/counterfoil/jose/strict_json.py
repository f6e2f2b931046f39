"""JSON objects read strictly: one meaning or none (RFC 8259 §4, RFC 7515 §4, RFC 8725 §2.4)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Final

import msgspec

from counterfoil.jose.errors import JoseError

MAX_DEPTH: Final = 32
"""Objects and arrays within each other, the outermost counted as one."""


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("no float is so great")
    return number


# By itself msgspec takes 9 µs for a number such as 12345.678e300, twenty times as long as Python:
# a stranger's header of 12 KB full of them took as long as a hundred signatures.
_OBJECT: Final = msgspec.json.Decoder(dict[str, object], float_hook=_finite)
_VALUE: Final = msgspec.json.Decoder(float_hook=_finite)
_ENCODER: Final = msgspec.json.Encoder()


def decode_object(text: bytes) -> dict[str, object]:
    """Read one JSON object.

    Refused: a name given twice in an object at any depth, NaN and infinities (also as a
    number too great to hold), nesting beyond `MAX_DEPTH`, invalid UTF-8, lone surrogates,
    and any value that is not an object. Raises `JoseError` with the reason `malformed`.
    """
    try:
        value = _OBJECT.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _malformed("is not a well-formed JSON object") from None
    _demand_one_meaning(text, value)
    return value


def decode_value(text: bytes) -> object:
    """Read one JSON value of any kind, as strictly as `decode_object` reads an object."""
    try:
        value: object = _VALUE.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _malformed("is not well formed") from None
    _demand_one_meaning(text, value)
    return value


def _demand_one_meaning(text: bytes, value: object) -> None:
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise _malformed(f"is nested deeper than {MAX_DEPTH} levels")
    # What is written back as it came gives no name twice: so it is with most of what we read.
    written = _ENCODER.encode(value)
    if written != text and _repeats_a_name(text, written):
        raise _malformed("gives a name twice in one object")


def _repeats_a_name(text: bytes, written: bytes) -> bool:
    # The decoder keeps the last of two equal names. Without a backslash every string is
    # exactly two quotation marks, so a dropped name shows as fewer marks on the way back.
    if b"\\" not in text:
        return text.count(b'"') != written.count(b'"')
    try:
        json.loads(text, object_pairs_hook=_names_once)
    except ValueError:
        return True
    return False


def _names_once(members: list[tuple[str, object]]) -> None:
    if len(dict(members)) != len(members):
        raise ValueError("a name is given twice")


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level := [node for node in level if isinstance(node, (dict, list))]:
        depth += 1
        level = [child for node in level for child in _children(node)]
    return depth


def _children(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _malformed(what: str) -> JoseError:
    return JoseError("malformed", f"The JSON {what}.")
