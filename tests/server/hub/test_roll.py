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
        client_id="notes", address="192.0.2.1", acknowledged=6, then="accept", bites_at=1100.0
    )
    assert (told.behind, told.behind_in_all) == ((line,), 1)


async def test_what_was_acknowledged_in_another_epoch_counts_for_nothing():
    followers = Followers()
    come(followers, "a").acknowledged = Position("another", 99)
    assert Roll(followers).following("p", AT).reached == -1


async def test_who_has_gone_is_missed_until_it_is_noted():
    followers = Followers()
    roll, follower = Roll(followers), come(followers, "a")
    assert not followers.gone
    assert not roll.is_empty
    followers.leave(follower)
    assert roll.known("a") is follower
    for _ in range(2):
        (lost,) = roll.missing(set(followers.gone.values()), 1000.0)
        assert (lost.name, lost.line.bites_at) == ("a" * 16, 1100.0)
    followers.note_gone([follower])
    assert roll.is_empty
    assert roll.known("a") is None


async def test_the_end_of_the_process_is_everyones():
    """Those that said goodbye are missed no more then than before."""
    followers = Followers()
    one, other, polite = (come(followers, line) for line in "abc")
    polite.says_goodbye = True
    missed = Roll(followers).missing({one, other, polite}, 1000.0)
    assert {lost.name for lost in missed} == {"a" * 16, "b" * 16}


async def test_it_knows_who_has_come_back():
    followers = Followers()
    come(followers, "a", name="n" * 16)
    lost = [LostGuard("n" * 16, GuardLine()), LostGuard("m" * 16, GuardLine())]
    assert Roll(followers).returned(lost) == ["n" * 16]


async def test_of_a_guard_that_is_back_before_its_broken_line_was_noticed_the_newer_line_counts():
    """Else nobody who waits would hear that all have it until the old one is given up."""
    followers = Followers()
    come(followers, "old", name="n" * 16)
    come(followers, "new", name="n" * 16).acknowledged = Position("e", 7)
    come(followers, "k", name="n" * 16, client_id="notes").acknowledged = Position("e", 9)
    told = Roll(followers).following("p", AT)
    assert (told.known, told.anonymous, told.reached, told.behind) == (1, 1, 7, ())
