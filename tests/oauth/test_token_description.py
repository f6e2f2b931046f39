"""What is a description of a token, and how whatever is wrong with one is named."""

import json
from typing import Any

import pytest

from counterfoil.oauth.token_description import (
    MOST,
    Description,
    Mistake,
    NotDescribed,
    batch_in,
    description_in,
    mistake,
)

ONE = {"audience": "https://notes.example", "scope": "notes:read"}


def paths(value: object) -> list[str]:
    read = description_in(value)
    assert isinstance(read, tuple)
    return [each.below("$[3]").path for each in read]


def test_an_object_is_one_and_an_array_is_as_many():
    one = batch_in(json.dumps(ONE).encode())
    many = batch_in(json.dumps([ONE, 7]).encode())
    assert (list(one.values.values()), one.is_array, one.path(0)) == ([ONE], False, "$")
    assert (list(many.values.values()), many.is_array, many.path(1)) == ([ONE, 7], True, "$[1]")


def test_what_is_alike_is_one_text_and_read_once():
    """Letter by letter: what is spelled otherwise is read again, whatever it says."""
    text = json.dumps(ONE).encode()
    other = text.replace(b": ", b":")
    batch = batch_in(b" [" + b",\n".join([text, other, text]) + b" ]")
    assert batch.texts == [text, other, text]
    assert batch.values == {text: ONE, other: ONE}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "well formed"),
        (b"\xff", "well formed"),
        (b'{"scope": NaN}', "well formed"),
        (b"7", "an array of at least one"),
        (b"[]", "an array of at least one"),
        (b'[{"scope":"a","scope":"b"}]', "gives a name twice"),
        (b'[{"scope":"a","sc\\u006fpe":"b"}]', "gives a name twice"),
        (b"[" * 40 + b"]" * 40, "nested deeper than 32"),
        (b"[1] 2", "well formed"),
        (b"[1, 02]", "well formed"),
        (b'[{"scope":"\xff"}]', "well formed"),
        (b"[" * 100_000, "well formed"),
        (b"[" + b"1," * MOST + b"1]", f"at most {MOST}"),
    ],
)
def test_what_describes_nothing(body: bytes, says: str):
    with pytest.raises(NotDescribed, match=says) as refused:
        batch_in(body)
    assert refused.value.mistake.path == "$"


def test_a_whole_description_is_read():
    members: dict[str, Any] = {
        "lifetime": 60,
        "url": "https://notes.example/",
        "url_methods": ["GET", "PUT"],
        "url_hashed": True,
        "dpop_jkt": "A" * 43,
    }
    assert description_in(ONE | members) == Description(
        **ONE, **members | {"url_methods": ("GET", "PUT")}
    )


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"lifetime": "60"}, ["$[3].lifetime"]),
        ({"lifetime": 0}, ["$[3].lifetime"]),
        ({"lifetime": 60.5}, ["$[3].lifetime"]),
        ({"lifetime": True}, ["$[3].lifetime"]),
        ({"lifetime": 10**30}, ["$[3].lifetime"]),
        ({"scope": ["notes:read"]}, ["$[3].scope"]),
        ({"url_methods": ["GET", 3]}, ["$[3].url_methods[1]"]),
        ({"url_hashed": "true"}, ["$[3].url_hashed"]),
        ({"dpop_jkt": "short"}, ["$[3].dpop_jkt"]),
        ({"lifetime": "60", "audience": None}, ["$[3].audience", "$[3].lifetime"]),
        ({"exp": 1, "iss": "me"}, ["$[3].exp", "$[3].iss"]),
    ],
)
def test_every_mistake_is_named_by_its_place(changes: dict[str, Any], wrong: list[str]):
    """S56."""
    assert sorted(paths(ONE | changes)) == sorted(wrong)


def test_what_is_missing_is_named_and_what_is_no_object():
    assert paths({}) == ["$[3].audience", "$[3].scope"]
    assert paths([ONE]) == ["$[3]"]
    assert paths(None) == ["$[3]"]


def test_a_strange_name_is_not_repeated_and_not_all_mistakes_are():
    """Who writes a name writes into our answer and our log."""
    read = description_in(ONE | {'<img>"\n': 1})
    assert isinstance(read, tuple)
    assert [each.path for each in read] == ["$"]
    assert "img" not in read[0].error_description
    assert len(paths({f"m{number}": 1 for number in range(1000)})) == 20


def test_a_sentence_holds_only_what_an_error_may_hold():
    """RFC 6749 §5.2."""
    said = mistake("$", 'a "b" \\ `c` \n\x00 \u00e9' + "x" * 1000)
    assert said == Mistake("$", "invalid_request", said.error_description)
    assert said.error_description.startswith("a 'b' ' 'c'  ")
    assert len(said.error_description) <= 300
