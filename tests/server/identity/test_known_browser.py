"""What a browser is known by: sealed, for a while, and under one password."""

import pytest
from msgspec.structs import replace

from counterfoil.server.identity.known_browser import (
    LIFETIME,
    NOWHERE,
    Acquaintance,
    KnownBrowser,
    generation_of,
    seal,
    unseal,
)
from counterfoil.server.keys.sealing import Sealing
from counterfoil.server.records.user import ENDED_PASSWORD, User

ADA = User(id="ada", email="ada@example.com", created_at=1, password_hash="$argon2id$one")
SEALING = Sealing(b"k" * 32, bytes)


def acquaintance(user: User = ADA, at: int = 100) -> Acquaintance:
    return Acquaintance(f"id of {user.id}", user.id, generation_of(user), at)


KNOWN = NOWHERE.with_account(acquaintance())


def test_it_opens_as_it_was_sealed_and_under_no_other_key():
    sealed = seal(SEALING, KNOWN)
    assert unseal(SEALING, sealed) == KNOWN
    assert unseal(Sealing(b"l" * 32, bytes), sealed) == NOWHERE
    assert "ada" not in sealed


@pytest.mark.parametrize("other", [None, "", "x", "é", "A" * 4096])
def test_what_is_not_ours_makes_no_browser_known(other: str | None):
    assert unseal(SEALING, other) == NOWHERE


@pytest.mark.parametrize(
    ("user", "now", "known"),
    [
        (ADA, 100, True),
        (ADA, 99, False),
        (ADA, 100 + LIFETIME - 1, True),
        (ADA, 100 + LIFETIME, False),
        (replace(ADA, id="grace"), 100, False),
        (replace(ADA, password_hash="$argon2id$two"), 100, False),
        (replace(ADA, endings=1), 100, True),
    ],
)
def test_it_is_known_for_a_while_and_under_one_password(user: User, now: int, known: bool):
    assert (KNOWN.at(user, now) is not None) is known


def test_without_a_password_it_is_known_until_somebody_was_not_them():
    grace = replace(ADA, id="grace", password_hash=None)
    known = NOWHERE.with_account(acquaintance(grace))
    assert known.at(replace(grace, endings=1), 100) is not None
    assert known.at(replace(grace, intrusions=1), 100) is None
    again = replace(grace, intrusions=1)
    assert known.with_account(acquaintance(again)).at(again, 100) is not None


def test_an_ended_password_keeps_no_browser_known_that_was_not_them():
    """What stands in its place has a name that stays: the browser would stay known by it."""
    ended = replace(ADA, password_hash=f"{ENDED_PASSWORD}name")
    known = NOWHERE.with_account(acquaintance(ended))
    assert known.at(ended, 100) is not None
    assert known.at(replace(ended, intrusions=1), 100) is None


def test_older_copies_share_their_tries_with_the_newest():
    """Otherwise a thief who takes one after each sign-in had as many tries as there were."""
    again = replace(acquaintance(at=200), id="another")
    assert KNOWN.with_account(again).accounts == (acquaintance(at=200),)


def test_it_is_known_to_few_accounts_the_latest_first():
    people = [replace(ADA, id=f"person {number}") for number in range(7)]
    known = KnownBrowser()
    for person in people:
        known = known.with_account(acquaintance(person))
    assert [each.user_id for each in known.accounts] == [f"person {n}" for n in (6, 5, 4, 3, 2)]
    again = known.with_account(acquaintance(people[4], at=200))
    assert [each.at for each in again.accounts] == [200, 100, 100, 100, 100]
    assert [each.user_id for each in again.accounts].count("person 4") == 1
