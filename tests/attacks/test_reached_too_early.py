"""A wait that is answered too early: a guard that the server knows of still decides otherwise.

Whatever comes in between: guards that come, go and come back, a store that fails for a moment.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from counterfoil.oauth.feed import Position
from counterfoil.server.protocol.waiting import judge
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.store import Work
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


async def test_a_guard_that_came_and_went_between_two_looks_is_missed_too(
    place: Installation, here: Process
):
    """It may have been told a head meanwhile, and decides by that."""
    _, follower = await here.guard(name=NAME)
    here.hub.followers.leave(follower)
    await here.round()
    assert [each.name for each in await lost(place)] == [NAME]


async def test_one_that_is_back_counts_as_behind_before_it_is_missed_no_more(
    place: Installation, here: Process, monkeypatch: pytest.MonkeyPatch
):
    """All others have acknowledged: whoever looks in between must not think that it has, too."""
    (line, _), (_, breaks) = await here.guard(), await here.guard(name=NAME)
    await here.round()
    here.hub.followers.leave(breaks)
    position = await ask(place)
    await here.round()
    assert await here.says(line, position)
    await here.round()
    (told,) = await rolls(place)
    assert (told.reached, len(await lost(place))) == (position.number, 1)
    await here.guard(name=NAME)
    verdicts = await verdicts_meanwhile(place, position, here.round, monkeypatch)
    assert await lost(place) == []
    assert verdicts
    assert not any(verdicts)


async def verdicts_meanwhile(
    place: Installation,
    position: Position,
    work: Callable[[], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> list[bool]:
    """Judge after each commit of some work, as a wait in another process would."""
    store, verdicts = place.authority.store, list[bool]()
    transact = store.transact

    async def watched(written: Work[Any], **_: bool) -> Any:
        result = await transact(written)
        verdicts.append(judge(await rolls(place), await lost(place), position).reached)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(store, "transact", watched)
        await work()
    return verdicts


async def test_a_guard_that_comes_while_somebody_waits_is_counted_at_the_next_round(
    place: Installation, here: Process
):
    line, _ = await here.guard()
    position = await ask(place)
    await here.round()
    assert await here.says(line, position)
    await here.round()
    await here.guard()
    await here.round()
    (told,) = await rolls(place)
    assert (told.anonymous, told.reached) == (2, -1)


async def test_once_nobody_waits_any_more_nothing_is_claimed(place: Installation, here: Process):
    """Whoever waits for the same a moment later must not be answered by who was here before."""
    line, _ = await here.guard()
    position = await ask(place)
    await here.round()
    assert await here.says(line, position)
    await here.round()
    assert judge(await rolls(place), [], position).reached
    await place.authority.store.transact(lambda tx: tx.guards.cease(str(position)))
    await here.round()
    await here.guard()
    assert not judge(await rolls(place), [], position).reached


@contextmanager
def no_writing(place: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    async def fails(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(place.authority.store, "transact", fails)
        yield


async def test_a_guard_whose_line_broke_while_nothing_could_be_written_is_missed_afterwards(
    place: Installation, here: Process, monkeypatch: pytest.MonkeyPatch
):
    await here.guard()
    _, breaks = await here.guard(name=NAME)
    await here.round()
    here.hub.followers.leave(breaks)
    with no_writing(place, monkeypatch):
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await here.round()
    await here.round()
    assert [each.name for each in await lost(place)] == [NAME]


async def test_what_could_not_be_told_is_told_as_soon_as_it_can_be(
    place: Installation, here: Process, monkeypatch: pytest.MonkeyPatch
):
    """Not only when the process says again that it lives."""
    line, follower = await here.guard()
    position = await ask(place)
    await here.round()
    assert await here.says(line, position)
    with no_writing(place, monkeypatch), pytest.raises(StoreUnavailable):
        await here.round()
    await here.round()
    (told,) = await rolls(place)
    assert told.reached == position.number
    assert await here.says(line, position, leaves=True)
    here.hub.followers.leave(follower)
    await here.round()
    with no_writing(place, monkeypatch), pytest.raises(StoreUnavailable):
        await here.round()
    await here.round()
    assert await rolls(place) == []
