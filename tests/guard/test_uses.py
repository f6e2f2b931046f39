"""The uses that a guard holds: each is spent once, whatever threads do (S54)."""

import threading

import pytest

from counterfoil.guard.uses import REMEMBERED, Unspent, Uses
from tests.guard.desk import NOW, Clock
from tests.guard.issuer import AUDIENCE

JTI = "t1"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def uses(clock: Clock) -> Uses:
    return Uses(AUDIENCE, clock)


def hold(uses: Uses, key: str, count: int, jti: str = JTI) -> None:
    uses.hold(jti, int(NOW) + 600, key, count)


def test_so_many_are_spent_as_were_held(uses: Uses):
    assert uses.spend(JTI) == ""
    hold(uses, "one", 2)
    hold(uses, "two", 1)
    assert sorted(uses.spend(JTI) for _ in range(4)) == ["", "one", "one", "two"]
    hold(uses, "three", 1)
    assert uses.spend(JTI) == "three"
    assert uses.spend("other") == ""


def test_threads_spend_each_of_them_once(uses: Uses):
    """Though others give back what is idle at the same time."""
    hold(uses, "key", 5000)
    spent, unspent = list[str](), list[Unspent]()

    def spend() -> None:
        while key := uses.spend(JTI):
            spent.append(key)

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for each in threads:
        each.start()
    unspent += uses.all()
    for each in threads:
        each.join()
    assert len(spent) + sum(each.count for each in unspent) == 5000
    assert len(uses) == 0


def test_what_is_idle_goes_back_by_the_key_of_its_take(uses: Uses):
    hold(uses, "one", 2)
    hold(uses, "two", 1)
    hold(uses, "busy", 2, "t2")
    assert uses.idle() == []
    uses.spend("t2")
    assert sorted(uses.idle(), key=lambda each: each.key) == [
        Unspent(JTI, "one", 2),
        Unspent(JTI, "two", 1),
    ]
    assert uses.spend(JTI) == ""
    assert uses.all() == [Unspent("t2", "busy", 1)]


def test_what_has_expired_just_goes(uses: Uses, clock: Clock):
    hold(uses, "key", 2)
    clock.now += 600
    assert uses.idle() == []
    assert len(uses) == 0


def test_that_a_token_is_used_up_is_remembered_for_a_moment(uses: Uses, clock: Clock):
    """Another guard may give back what it holds."""
    uses.say_used_up(JTI)
    assert uses.is_used_up(JTI)
    assert not uses.is_used_up("other")
    clock.now += REMEMBERED
    assert not uses.is_used_up(JTI)


def test_many_tokens_do_not_fill_the_memory(clock: Clock):
    uses = Uses(AUDIENCE, clock, most=10)
    for number in range(50):
        hold(uses, "key", 1, f"t{number}")
        uses.say_used_up(f"t{number}")
    assert len(uses) == 10
    assert len(uses._used_up) <= 10


def test_a_child_after_a_fork_has_none(uses: Uses):
    """The parent spends them: each would be spent twice."""
    hold(uses, "key", 3)
    uses.say_used_up("t2")
    uses.leave_to_parent()
    assert uses.spend(JTI) == ""
    assert not uses.is_used_up("t2")
    assert uses.all() == []


def test_a_clock_that_is_set_back_makes_nobody_wait(uses: Uses, clock: Clock):
    uses.say_used_up(JTI)
    assert uses.is_used_up(JTI)
    clock.now -= 3600
    assert not uses.is_used_up(JTI)


def test_what_there_is_no_room_for_is_not_held(clock: Clock):
    uses = Uses(AUDIENCE, clock, most=1)
    assert uses.hold(JTI, int(NOW) + 600, "one", 1)
    assert not uses.has_room("t2")
    assert not uses.hold("t2", int(NOW) + 600, "two", 1)
    assert uses.hold(JTI, int(NOW) + 600, "three", 1)
    assert len(uses) == 2
