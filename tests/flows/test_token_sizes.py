"""How long real tokens are, and that the handbook says so (S66, S71)."""

import re

import pytest

from counterfoil.guard import Rejected
from counterfoil.jose import jwt
from counterfoil.oauth.reasons import Reason
from tests.architecture.sources import ROOT
from tests.guard.desk import Desk
from tests.installation import Installation, Person
from tests.proofs import App

pytestmark = pytest.mark.anyio

PAGE = ROOT / "docs" / "how-to" / "keep-tokens-small.md"
MANY = {f"orders:{name}": name for name in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"}
ABOUT = 12
"""Bytes by which a token may differ from the table: random names have one length, times another."""


async def bound_token(place: Installation) -> str:
    answer = await App(place, "service").ask(grant_type="client_credentials", scope="notes:read")
    return str(answer.json()["access_token"])


def table() -> dict[str, int]:
    """The first table of the page, by its first column."""
    rows = re.findall(r"^\| ([^|]+) \| ([0-9,]+) \|", PAGE.read_text(), re.MULTILINE)
    return {name.strip(): int(size.replace(",", "")) for name, size in rows}


async def test_the_table_says_what_tokens_measure(place: Installation, person: Person):
    """S66, S71."""
    await place.add_api("https://orders.example", "Orders", MANY)
    await place.add_api("https://mail.example", "Mail", {"mail:read": "Read your mail"})
    await place.set_policy("https://mail.example", token_format="reference")
    await place.add_client("postman", scopes=frozenset({"mail:read"}))
    await place.add_client("buyer", scopes=frozenset(MANY))
    scope = " ".join(MANY)
    measured = {
        "a service, one scope": await place.service_token(scope="notes:read"),
        "a person, one scope": (await person.tokens(scope="openid notes:read"))["access_token"],
        "a service, one scope, bound to a key": await bound_token(place),
        "a service, a reference token": await place.service_token("postman", scope="mail:read"),
        "a service, fifty scopes": await place.service_token("buyer", scope=scope),
    }
    said = table()
    assert {name: len(token) for name, token in measured.items()} == {
        name: pytest.approx(said[name], abs=ABOUT) for name in measured
    }


def test_a_token_that_is_too_long_is_refused_before_it_is_read():
    """S66: the greatest size, whatever else is right with it."""
    desk = Desk()
    assert desk.reason(desk.token(padding="x" * 11_000)) is None
    long = desk.token(padding="x" * jwt.MAX_BYTES)
    refused = desk.refusal(long)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.MALFORMED
    assert f"{jwt.MAX_BYTES:,}" in PAGE.read_text()
