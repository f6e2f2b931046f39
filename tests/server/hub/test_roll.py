"""The roll of guards: who is missing, and what is told of those that are there."""

import pytest

from counterfoil.oauth.feed import Position
from counterfoil.oauth.receipts import Introduction
from counterfoil.server.hub.followers import Follower, Followers, Guard
from counterfoil.server.hub.roll import Roll
from counterfoil.server.records.guards import GuardLine, LostGuard
from counterfoil.server.settings import Settings

pytestmark = pytest.mark.anyio

AT = Position("e", 7)


def come(followers: Followers, line: str, name: str = "", client_id: str = "") -> Follower:
    follower = followers.admit("192.0.2.1", Settings())
    introduction = Introduction("accept", 90.0, name or line * 16)
    followers.introduce(follower, Guard(line, introduction, client_id))
    return follower


async def test_it_tells_how_far_all_have_come_and_who_has_not():
    followers = Followers()
    one, other = come(followers, "a", client_id="notes"), come(followers, "b")
    followers.admit("192.0.2.1", Settings())
    one.acknowledged, one.fresh_at = Position("e", 6), 1000.0
    other.acknowledged = Position("e", 9)
    told = Roll(followers).following("p", AT)
    assert (told.known, told.anonymous, told.others, told.reached) == (1, 1, 1, 6)
    line = GuardLine(
        client_id="notes", address="192.0.2.1", acknowledged=6, then="accept", bites_at=1090.0
    )
    assert (told.behind, told.behind_in_all) == ((line,), 1)


async def test_what_was_acknowledged_in_another_epoch_counts_for_nothing():
    followers = Followers()
    come(followers, "a").acknowledged = Position("another", 99)
    assert Roll(followers).following("p", AT).reached == -1


async def test_each_is_missed_once():
    followers = Followers()
    roll, follower = Roll(followers), come(followers, "a")
    assert roll.missing(1000.0) == []
    assert not roll.is_empty
    followers.leave(follower)
    (lost,) = roll.missing(1000.0)
    assert (lost.name, lost.line.bites_at) == ("a" * 16, 1090.0)
    assert roll.missing(1000.0) == []
    assert roll.is_empty


async def test_one_that_came_and_went_between_two_looks_is_not_known():
    """It has been told nothing that it could decide on."""
    followers = Followers()
    roll = Roll(followers)
    followers.leave(come(followers, "a"))
    assert roll.missing(1000.0) == []


async def test_the_end_of_the_process_is_everyones():
    followers = Followers()
    roll = Roll(followers)
    gone = come(followers, "a")
    roll.missing(1000.0)
    followers.leave(gone)
    come(followers, "b")
    polite = come(followers, "c")
    polite.says_goodbye = True
    assert {lost.name for lost in roll.all_missing(1000.0)} == {"a" * 16, "b" * 16}


async def test_it_knows_who_has_come_back():
    followers = Followers()
    come(followers, "a", name="n" * 16)
    lost = [LostGuard("n" * 16, GuardLine()), LostGuard("m" * 16, GuardLine())]
    assert Roll(followers).returned(lost) == ["n" * 16]
