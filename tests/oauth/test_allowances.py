"""What guards take and give back: well formed or not taken, and what is wrong is named (S54)."""

from typing import Any

import msgspec
import pytest

from counterfoil.oauth.allowances import (
    MOST_AMOUNT,
    MOST_TAKES,
    Spending,
    Unused,
    Wanted,
    WrongSpending,
    spending_from,
)

KEY = "k" * 22
TAKE: dict[str, Any] = {"jti": "j" * 22, "name": "uses", "key": KEY, "amount": 3}
WHOLE: dict[str, Any] = {"audience": "https://notes.example", "takes": [TAKE], "returns": [TAKE]}


def refusal(changes: dict[str, Any]) -> str:
    with pytest.raises(WrongSpending) as refused:
        spending_from(msgspec.json.encode(WHOLE | changes))
    return str(refused.value)


def test_a_request_is_read_as_it_was_written():
    spending = Spending("https://notes.example", (Wanted(**TAKE, least=1),), (Unused(**TAKE),))
    assert spending_from(msgspec.json.encode(spending)) == spending
    assert spending_from(msgspec.json.encode(WHOLE)).takes[0].least is None
    assert spending_from(b'{"audience": "https://notes.example"}').takes == ()


@pytest.mark.parametrize("amount", [0, -1, MOST_AMOUNT + 1, 2**63, 1.5, "1", True, None])
@pytest.mark.parametrize("where", ["takes", "returns"])
def test_an_amount_is_a_number_from_one_on(amount: object, where: str):
    assert f"$.{where}[1].amount" in refusal({where: [TAKE, TAKE | {"amount": amount}]})


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"least": 4}, "$.takes[1].least"),
        ({"least": 0}, "$.takes[1].least"),
        ({"key": "short"}, "$.takes[1].key"),
        ({"key": "k" * 65}, "$.takes[1].key"),
        ({"key": "key with blanks in it"}, "$.takes[1].key"),
        ({"jti": ""}, "$.takes[1].jti"),
        ({"name": "n" * 97}, "$.takes[1].name"),
        ({"taker": "another"}, "taker"),
        ({"token": "eyJ"}, "token"),
    ],
)
def test_what_is_wrong_is_said_with_where_it_stands(change: dict[str, Any], path: str):
    assert path in refusal({"takes": [TAKE, TAKE | change]})


@pytest.mark.parametrize(
    "change",
    [
        {"takes": [TAKE] * (MOST_TAKES + 1)},
        {"returns": [TAKE] * (MOST_TAKES + 1)},
        {"takes": {}},
        {"audience": ""},
        {"more": 1},
    ],
)
def test_a_request_that_is_none_is_refused_whole(change: dict[str, Any]):
    assert refusal(change)


def test_a_name_that_is_given_twice_is_no_request():
    with pytest.raises(WrongSpending):
        spending_from(b'{"audience": "a", "audience": "b"}')
