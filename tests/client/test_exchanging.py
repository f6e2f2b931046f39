"""Exchanging a token: what is asked, and what is taken for an answer (RFC 8693)."""

import pytest

from counterfoil.client.exchanging import exchange_form, ticket_form, with_ticket
from counterfoil.net.http import BadAnswer
from counterfoil.oauth.delegation import ACCESS_TOKEN, TICKET

ANSWER = {"access_token": "a.b-c_d.e", "issued_token_type": TICKET, "token_type": "N_A"}


def test_the_type_of_each_token_is_said():
    """§2.1."""
    form = exchange_form("t", {"actor_token": "a", "lifetime": "60"})
    assert form["subject_token_type"] == form["actor_token_type"] == ACCESS_TOKEN
    assert form["lifetime"] == "60"
    assert "actor_token_type" not in exchange_form("t", {})
    assert ticket_form("t", "u", {})["requested_token_type"] == TICKET


@pytest.mark.parametrize(("url", "joint"), [("https://a/f", "?"), ("https://a/f?x=1", "&")])
def test_the_ticket_stands_in_the_url(url: str, joint: str):
    assert with_ticket(url, ANSWER) == f"{url}{joint}ticket=a.b-c_d.e"


@pytest.mark.parametrize(
    "changes",
    [
        {"issued_token_type": ACCESS_TOKEN},
        {"issued_token_type": None},
        {"access_token": ""},
        {"access_token": "a&b=c"},
        {"access_token": "a#b"},
        {"access_token": "a\nb"},
    ],
)
def test_what_is_no_ticket_comes_into_no_link(changes: dict[str, object]):
    """An access token in a URL would stand in logs."""
    with pytest.raises(BadAnswer):
        with_ticket("https://a/f", ANSWER | changes)
