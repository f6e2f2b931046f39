"""Receipts: guards are asked while somebody waits, and only then; what they say is told to all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.hub.roll import CLOCKS_APART, NAMED_AT_MOST
from tests.installation import Installation, installed
from tests.server.hub.processes import NAME, Process, ask, lost, rolls

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        yield place


@pytest.fixture
async def here(place: Installation) -> Process:
    return Process(place)


@pytest.fixture
async def there(place: Installation) -> Process:
    return Process(place)


async def test_a_process_without_guards_tells_nothing(place: Installation, here: Process):
    await ask(place)
    await here.round()
    assert await rolls(place) == []


async def test_that_there_are_guards_is_told_before_the_first_follows(
    place: Installation, here: Process
):
    """Else a wait that begins now would overlook it."""
    await here.guard()
    (told,) = await rolls(place)
    assert told.process


async def test_guards_are_asked_once_with_a_head_that_proves_what_they_shall_acknowledge(
    place: Installation, here: Process
):
    line, follower = await here.guard("notes")
    assert line
    position = await ask(place)
    await here.round()
    events = await here.told(follower)
    assert [event.name for event in events] == ["notice", "acknowledge", "head"]
    assert events[1].data == str(position)
    assert follower.fresh_at == place.clock()
    await here.round()
    assert follower.question == b""


async def test_nobody_is_asked_while_nobody_waits(place: Installation, here: Process):
    _, follower = await here.guard()
    await place.authority.store.transact(
        lambda tx: tx.notices.append([Notice(Ended.TOKEN, "t", 10**10)])
    )
    await here.round()
    assert follower.question == b""


async def test_what_guards_acknowledge_is_told(place: Installation, here: Process):
    (one, _), (two, _) = await here.guard("notes"), await here.guard(address="192.0.2.9")
    position = await ask(place)
    await here.round()
    assert await here.says(one, position)
    await here.round()
    (told,) = await rolls(place)
    assert (told.known, told.anonymous, told.others) == (1, 1, 0)
    assert (told.asked, told.reached, told.behind_in_all) == (position, -1, 1)
    (late,) = told.behind
    assert (late.client_id, late.address, late.acknowledged) == ("", "192.0.2.9", -1)
    assert await here.says(two, position)
    await here.round()
    (told,) = await rolls(place)
    assert (told.reached, told.behind) == (position.number, ())


async def test_a_guard_that_comes_while_somebody_waits_is_asked_too(
    place: Installation, here: Process
):
    await here.guard()
    position = await ask(place)
    await here.round()
    _, late = await here.guard()
    events = await here.told(late)
    assert ("acknowledge", str(position)) in [(event.name, event.data) for event in events]


async def test_an_acknowledgement_may_come_in_at_another_process(
    place: Installation, here: Process, there: Process
):
    """Connections of one guard are spread over the processes that share a port."""
    line, _ = await here.guard()
    await there.guard()
    position = await ask(place)
    await here.round()
    await there.round()
    assert await there.says(line, position)
    await here.round()
    reached = {told.process: told.reached for told in await rolls(place)}
    assert sorted(reached.values()) == [-1, position.number]
    process = line.partition(".")[0]
    assert not await place.authority.store.read(lambda tx: tx.guards.has_words(process))


async def test_while_nobody_waits_nothing_is_left_for_another_process(
    place: Installation, here: Process, there: Process
):
    line, _ = await here.guard()
    version = place.authority.store.version()
    assert await there.says(line, there.hub.position)
    assert place.authority.store.version() == version


async def test_a_line_that_was_never_named_is_no_line(here: Process):
    assert not await here.says("x.y.z", here.hub.position)


async def test_guards_beyond_those_that_are_named_are_counted(place: Installation, here: Process):
    for number in range(NAMED_AT_MOST + 5):
        await here.guard(address=f"10.0.{number}.1")
    await ask(place)
    await here.round()
    (told,) = await rolls(place)
    assert (len(told.behind), told.behind_in_all) == (NAMED_AT_MOST, NAMED_AT_MOST + 5)


async def test_when_the_last_guard_leaves_the_process_leaves(place: Installation, here: Process):
    _, follower = await here.guard()
    here.hub.followers.leave(follower)
    await here.round()
    await here.round()
    assert await rolls(place) == []


async def test_at_its_end_a_process_leaves_and_its_guards_are_missed(
    place: Installation, here: Process
):
    await here.guard("notes", name=NAME)
    here.hub.end()
    await here.receipts.close(place.clock())
    assert await rolls(place) == []
    (missed,) = await lost(place)
    assert (missed.name, missed.line.client_id) == (NAME, "notes")


async def test_a_guard_whose_line_breaks_is_missed_until_it_comes_back(
    place: Installation, here: Process, there: Process
):
    """To whichever process: it has a name of its own. Till then it decides on what it knew."""
    _, follower = await here.guard(name=NAME)
    follower.fresh_at = place.clock() - 5
    await here.round()
    assert await lost(place) == []
    here.hub.followers.leave(follower)
    await here.round()
    (missed,) = await lost(place)
    assert missed.line.bites_at == place.clock() - 5 + 30 + CLOCKS_APART
    await there.guard(name=NAME)
    await there.round()
    assert await lost(place) == []


async def test_one_that_was_told_no_head_is_missed_for_all_its_patience(
    place: Installation, here: Process
):
    _, follower = await here.guard()
    await here.round()
    here.hub.followers.leave(follower)
    await here.round()
    (missed,) = await lost(place)
    assert missed.line.bites_at == place.clock() + 30 + CLOCKS_APART


async def test_a_guard_that_is_back_before_it_was_missed_is_not_missed(
    place: Installation, here: Process
):
    _, follower = await here.guard(name=NAME)
    await here.round()
    here.hub.followers.leave(follower)
    await here.guard(name=NAME)
    await here.round()
    assert await lost(place) == []


async def test_a_guard_that_comes_back_before_another_process_misses_it_is_found(
    place: Installation, here: Process, there: Process
):
    _, follower = await here.guard(name=NAME)
    await here.round()
    here.hub.followers.leave(follower)
    await there.guard(name=NAME)
    await there.round()
    await here.round()
    await there.round()
    assert await lost(place) == []


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_one_that_says_goodbye_is_not_missed(
    place: Installation, here: Process, there: Process, elsewhere: bool
):
    """Whichever process hears it; while nobody waits, too."""
    line, follower = await here.guard()
    await there.guard()
    await here.round()
    assert await (there if elsewhere else here).says(line, here.hub.position, leaves=True)
    here.hub.followers.leave(follower)
    await here.round()
    assert await lost(place) == []


async def test_a_living_process_says_so_again_and_again(place: Installation, here: Process):
    await here.guard()
    for _ in range(10):
        place.clock.turn(6)
        await here.round(6)
        assert len(await rolls(place)) == 1
