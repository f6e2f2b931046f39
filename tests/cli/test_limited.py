"""Limited tokens by the command line: what is left of them, and their end (S54)."""

import time
from typing import Any

from counterfoil.oauth.allowances import USES
from counterfoil.oauth.revocations import Marks
from counterfoil.server.documents import limited_tokens
from counterfoil.server.records.allowance import Allowance, Take
from counterfoil.server.records.store import Transaction
from tests.cli.conftest import API, EMAIL, LivedIn

FIRST, SECOND = "A" * 22, "B" * 22


def add(lived_in: LivedIn, jti: str, *, taken: int = 0, of_client: bool = False) -> None:
    """Write down that a token may be used five times."""
    now, client_id = int(time.time()), lived_in.client_id
    family = "" if of_client else lived_in.offline_id
    marks = Marks(jti, family, client_id, 1, API, 1, "kid", now - 5)
    allowance = Allowance(
        name=USES,
        total=5,
        marks=marks,
        subject=client_id if of_client else lived_in.user_id,
        expires_at=now + 3600,
        kept_until=now + 3660,
    )

    async def work(tx: Transaction) -> None:
        await tx.allowances.add(allowance)
        if taken:
            await tx.allowances.take(Take(jti, USES, "key", "guard", taken, taken))

    lived_in.installation.transact(work)


def listed(lived_in: LivedIn, *asked: str) -> list[dict[str, Any]]:
    return list(lived_in.installation.json("limited", "list", *asked)["limited_tokens"])


def test_they_are_listed_with_what_is_left(lived_in: LivedIn):
    """S54: of a person, of a client, of both."""
    add(lived_in, FIRST, taken=2)
    add(lived_in, SECOND, of_client=True)
    (one,) = listed(lived_in, "--user", EMAIL)
    assert (one["jti"], one["uses_left"], one["max_uses"]) == (FIRST, 3, 5)
    assert (one["client_id"], one["user_id"]) == (lived_in.client_id, lived_in.user_id)
    every = listed(lived_in, "--client", lived_in.client_id)
    assert {each["jti"]: each["user_id"] for each in every} == {
        FIRST: lived_in.user_id,
        SECOND: None,
    }
    assert listed(lived_in, "--user", EMAIL, "--client", lived_in.client_id) == [one]
    printed = lived_in.installation.succeed("limited", "list", "--client", lived_in.client_id)
    assert "3 of 5" in printed
    assert "the client itself" in printed


def test_one_is_ended_and_its_sibling_stands(lived_in: LivedIn):
    add(lived_in, FIRST)
    add(lived_in, SECOND)
    ended = lived_in.installation.json("limited", "end", FIRST, "--yes")
    assert ended["ended"] is True
    (left,) = listed(lived_in, "--user", EMAIL)
    assert left["jti"] == SECOND
    again = lived_in.installation.json("limited", "end", FIRST, "--yes")
    assert again["ended"] is False


def test_many_are_listed_to_the_last(lived_in: LivedIn, monkeypatch):
    """Part by part, and none twice."""
    monkeypatch.setattr(limited_tokens, "_AT_ONCE", 2)
    jtis = [letter * 22 for letter in "ABCDE"]
    for jti in jtis:
        add(lived_in, jti)
    assert sorted(each["jti"] for each in listed(lived_in, "--user", EMAIL)) == jtis


def test_somebody_who_is_known_must_be_named(lived_in: LivedIn):
    run = lived_in.installation
    assert run.run("limited", "list").exit_code == 2
    assert "there is no user" in run.refused("limited", "list", "--user", "nobody@example.com")
    assert "there is no client" in run.refused("limited", "list", "--client", "ghost")
    assert "fingerprint" in run.refused("limited", "end", "ghost", "--yes")
