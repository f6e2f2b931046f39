"""A client takes a logout token of its server, and nothing else for one."""

from typing import Any

import msgspec
import pytest

from counterfoil.client import NotTrusted
from counterfoil.client.id_token import Expected, identity_in
from counterfoil.client.logout_token import ended_in
from counterfoil.jose import jwt
from counterfoil.jose.keys import KeySet, PrivateKey
from counterfoil.oauth.logout_token import TYPE, Between, LogoutToken

NOW = 1_800_000_000
BETWEEN = Between("https://id.example", "app")
KEY = PrivateKey.generate("ES256")
KEYS = KeySet([KEY.public])


def token(typ: str = TYPE, key: PrivateKey = KEY, **changed: Any) -> str:
    claims = LogoutToken(
        iss="https://id.example", aud="app", iat=NOW, exp=NOW + 120, jti="j", sub="ada", sid="s"
    )
    return jwt.sign(msgspec.to_builtins(claims) | changed, key, typ)


def test_it_says_whose_session_has_ended():
    ended = ended_in(token(), KEYS, BETWEEN, NOW + 0.5)
    assert (ended.sub, ended.sid) == ("ada", "s")


@pytest.mark.parametrize(
    "wrong",
    [
        token("JWT"),
        token("at+jwt"),
        token(key=PrivateKey.generate("ES256")),
        token(aud="other"),
        token(nonce="n"),
        token().rpartition(".")[0] + ".",
        "x",
        "",
    ],
)
def test_whatever_else_comes_is_not_trusted(wrong: str):
    with pytest.raises(NotTrusted, match="the logout token"):
        ended_in(wrong, KEYS, BETWEEN, NOW)


def test_a_logout_token_signs_nobody_in():
    expected = Expected(issuer="https://id.example", client_id="app")
    with pytest.raises(NotTrusted):
        identity_in(token(), KEYS, expected, NOW)
