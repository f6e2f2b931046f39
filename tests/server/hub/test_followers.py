"""Who follows: so many of one source, so many in all, and none that does not read."""

import asyncio

import pytest

from counterfoil.server.hub import followers as followers_module
from counterfoil.server.hub.followers import (
    GROUPS,
    WRITE_SECONDS,
    Follower,
    Followers,
    TooMany,
)
from counterfoil.server.settings import Settings

pytestmark = pytest.mark.anyio

SETTINGS = Settings(followers_most=5, followers_per_address=2)


async def test_a_source_has_its_share_and_no_more():
    followers = Followers()
    held = [followers.admit("a", SETTINGS) for _ in range(2)]
    with pytest.raises(TooMany) as refused:
        followers.admit("a", SETTINGS)
    assert refused.value.of_source
    followers.admit("b", SETTINGS)
    followers.leave(held[0])
    followers.leave(held[0])
    followers.admit("a", SETTINGS)
    with pytest.raises(TooMany):
        followers.admit("a", SETTINGS)


async def test_in_all_there_are_so_many():
    followers = Followers()
    for source in "abcde":
        followers.admit(source, SETTINGS)
    with pytest.raises(TooMany) as refused:
        followers.admit("f", SETTINGS)
    assert not refused.value.of_source


async def test_what_has_left_leaves_nothing():
    followers = Followers()
    for number in range(100):
        followers.leave(followers.admit(f"s{number}", SETTINGS))
    assert len(followers) == 0
    assert followers._of_source == {}
    assert not any(group.members for group in followers.groups)


async def test_they_are_spread_over_the_groups():
    followers = Followers()
    settings = Settings(followers_per_address=1000)
    for _ in range(3 * GROUPS):
        followers.admit("a", settings)
    assert {len(group.members) for group in followers.groups} == {3}


def in_each_group(followers: Followers) -> list[Follower]:
    settings = Settings(followers_per_address=1000)
    return [followers.admit("a", settings) for _ in range(GROUPS)]


async def test_all_are_woken_and_others_run_in_between(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(followers_module, "AT_ONCE", 3)
    followers = Followers()
    woken: list[object] = []

    async def wait(number: int, follower: Follower) -> None:
        await follower.wait()
        woken.append(number)

    waiting = [
        asyncio.create_task(wait(followers.groups.index(each.group), each))
        for each in in_each_group(followers)
    ]
    await asyncio.sleep(0)
    followers.tell_all(lambda _: False)
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(woken.append, "another")
    await asyncio.gather(*waiting)
    assert woken.index("another") < woken.index(GROUPS - 1)


async def test_only_one_that_waits_is_handed_anything_and_then_it_sleeps_on():
    """One whose task is at work looks again by itself: nothing may overtake what it is sending."""
    followers = Followers()
    at_work, asleep, slow = in_each_group(followers)[:3]
    handed: list[Follower] = []

    def hand(follower: Follower) -> bool:
        handed.append(follower)
        return follower is not slow

    tasks = [asyncio.create_task(each.wait()) for each in (asleep, slow)]
    await asyncio.sleep(0)
    for group in followers.groups:
        group.tell(hand)
    await asyncio.sleep(0)
    assert set(handed) == {asleep, slow}
    assert at_work.news.is_set()
    assert [task.done() for task in tasks] == [False, True]
    followers.wake_all()
    await asyncio.gather(*tasks)


async def test_one_that_does_not_read_is_dropped_and_the_others_stay():
    followers = Followers()

    async def writing(since: float | None) -> None:
        follower = followers.admit(str(since), SETTINGS)
        follower.writing_since = since
        await asyncio.Event().wait()

    tasks = [asyncio.create_task(writing(since)) for since in (None, 0.0, 1.0)]
    await asyncio.sleep(0)
    followers.drop_stuck(WRITE_SECONDS + 0.5)
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert [task.done() for task in tasks] == [False, True, False]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_one_that_has_left_is_not_dropped_any_more():
    followers = Followers()
    follower = followers.admit("a", SETTINGS)
    followers.leave(follower)
    follower.drop()
    await asyncio.sleep(0)


async def test_one_of_the_process_itself_is_told_like_all_and_counted_nowhere():
    followers = Followers()
    own = followers.join()
    for source in "abcde":
        followers.admit(source, SETTINGS)
    assert len(followers) == 5
    followers.tell_all(lambda _: False)
    await asyncio.wait_for(own.news.wait(), 5)
    own.news.clear()
    followers.wake_all()
    assert own.news.is_set()
    followers.part(own)
    followers.part(own)
    assert sum(len(group.members) for group in followers.groups) == 5
