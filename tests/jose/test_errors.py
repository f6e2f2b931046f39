"""The one error of this floor."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest

from counterfoil.jose import jwt
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet, PrivateKey


def test_an_error_has_a_stable_reason_and_a_sentence() -> None:
    error = JoseError("oversized", "The token is too long.")
    assert error.reason == "oversized"
    assert str(error) == "The token is too long."


DAMAGES: dict[str, Callable[[str], str]] = {
    "padded": lambda token: token + "=",
    "another signature": lambda token: token[:-4] + "AAAA",
    "not ASCII": lambda token: token.replace(".", ".\xe9", 1),
    "other claims": lambda token: ".".join([token.split(".")[0], CLAIMS, token.split(".")[2]]),
    "four parts": lambda token: token.split(".")[1] + "." + token,
    "too long": lambda token: token * 90,
}
CLAIMS = "cGF5bG9hZHNlY3JldA"


@pytest.mark.parametrize("damage", DAMAGES)
def test_no_error_shows_a_piece_of_the_token(damage: str, es256: PrivateKey) -> None:
    """What a traceback prints of a refused token holds none of its parts."""
    token = jwt.sign({"sub": "somebody", "n": 1}, es256, "at+jwt")
    with pytest.raises(JoseError) as caught:
        jwt.verify(DAMAGES[damage](token), KeySet([es256.public]), "at+jwt")
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.args)
    for part in (*token.split("."), CLAIMS, "payloadsecret", "somebody"):
        assert part not in shown


def test_no_error_shows_undecodable_bytes_of_a_genuine_token(es256: PrivateKey) -> None:
    token = jwt.sign(b'{"sub":"some\xffbody"}', es256, "at+jwt")
    with pytest.raises(JoseError) as caught:
        jwt.verify(token, KeySet([es256.public]), "at+jwt")
    assert "body" not in "".join(traceback.format_exception(caught.value))
