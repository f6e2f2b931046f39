"""Those who wait while every line is busy are served together, and each gets its own answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from counterfoil.server.records.failures import Overloaded, StoreUnavailable
from counterfoil.server.storage.bounded_queue import Bounds
from counterfoil.server.storage.together import (
    MOST_TOGETHER,
    ByItself,
    Failed,
    Given,
    Outcome,
    Service,
    Together,
)

pytestmark = pytest.mark.anyio

Work = Callable[[], Awaitable[object]]


class Lines:
    """A service that notes who was served how, and waits until it may begin."""

    def __init__(self, outcome: Callable[[Work], Outcome] | None = None) -> None:
        self.served: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self._outcome = outcome

    async def one(self, work: str) -> str:
        self.served.append([work])
        await self.open.wait()
        if work == "fails":
            raise ZeroDivisionError
        return work.upper()

    async def some(self, works: Sequence[str]) -> list[Outcome]:
        self.served.append(list(works))
        await self.open.wait()
        if "breaks" in works:
            raise StoreUnavailable("the line broke")
        return [self._outcome(work) if self._outcome else Given(work.upper()) for work in works]

    def together(self, lines: int, *, patience: float = 5, few: int = 1) -> Together:
        return Together(lines, Service(self.one, self.some), Bounds(seconds=patience), few)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_whoever_finds_a_line_free_is_served_by_itself() -> None:
    lines = Lines()
    together = lines.together(2)
    assert await asyncio.gather(together.ask("a"), together.ask("b")) == ["A", "B"]
    assert lines.served == [["a"], ["b"]]


async def test_who_is_urgent_finds_a_place_in_a_full_line_and_goes_first() -> None:
    """Heads are signed after a read: a flood of others must not leave all guards without."""
    lines = Lines()
    together = Together(1, Service(lines.one, lines.some), Bounds(most=3))
    lines.open.clear()
    asked = [together.ask("a")]
    await turns()
    asked += [together.ask(name) for name in "bcd"]
    with pytest.raises(Overloaded):
        together.ask("e")
    asked.append(together.ask("u", urgent=True))
    lines.open.set()
    assert await asyncio.gather(*asked) == list("ABCDU")
    assert lines.served[1][0] == "u"


async def test_whoever_waits_is_served_with_the_others_by_whichever_line_is_free_first() -> None:
    lines = Lines()
    together = lines.together(2)
    lines.open.clear()
    first = [together.ask("a"), together.ask("b")]
    await turns()
    waiting = [together.ask(name) for name in "cdefg"]
    await turns()
    assert lines.served == [["a"], ["b"]], "nobody is served where others are being served"
    lines.open.set()
    assert await asyncio.gather(*first, *waiting) == list("ABCDEFG")
    assert lines.served[2:] == [["c", "d", "e"], ["f"], ["g"]]


async def test_a_few_go_together_though_another_line_is_free() -> None:
    lines = Lines()
    together = lines.together(3, few=2)
    assert await asyncio.gather(*map(together.ask, "abc")) == list("ABC")
    assert lines.served == [["a", "b"], ["c"]]


async def test_not_too_many_are_served_at_once() -> None:
    lines = Lines()
    together = lines.together(1)
    names = [f"n{number}" for number in range(MOST_TOGETHER * 2)]
    await asyncio.gather(*map(together.ask, names))
    assert [len(each) for each in lines.served] == [MOST_TOGETHER, MOST_TOGETHER]


async def test_each_gets_what_its_own_work_gave_or_raised() -> None:
    def outcome(work: str) -> Outcome:
        return Failed(KeyError(work)) if work == "b" else Given(work * 2)

    together = Lines(outcome).together(1)
    answers = await asyncio.gather(*map(together.ask, "abc"), return_exceptions=True)
    assert answers[0] == "aa"
    assert repr(answers[1]) == "KeyError('b')"
    assert answers[2] == "cc"


async def test_what_came_to_nothing_through_another_is_run_by_itself() -> None:
    lines = Lines(lambda _: ByItself())
    together = lines.together(1)
    asked = [together.ask(name) for name in ("a", "fails", "c")]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers[0] == "A"
    assert isinstance(answers[1], ZeroDivisionError)
    assert answers[2] == "C"
    assert lines.served == [["a", "fails", "c"], ["a"], ["fails"], ["c"]]


async def test_whoever_spoils_it_on_purpose_makes_few_run_twice() -> None:
    """Who wait with one that spoils it are run twice: so fewer wait with it, for a while."""
    lines = Lines(lambda _: ByItself())
    together = lines.together(1)
    await asyncio.gather(*(together.ask(f"n{number}") for number in range(300)))
    shared = [each for each in lines.served if len(each) > 1]
    assert max(len(each) for each in shared[1:]) <= 5
    lines = Lines()
    together._service = Service(lines.one, lines.some)
    await asyncio.gather(*(together.ask(f"n{number}") for number in range(300)))
    assert max(len(each) for each in lines.served) == MOST_TOGETHER, "it has recovered"


async def test_where_none_could_be_begun_all_are_told_and_the_line_serves_on() -> None:
    together = Lines().together(1)
    asked = [together.ask(name) for name in ("a", "breaks")]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(each) for each in answers] == ["the line broke"] * 2
    assert await together.ask("c") == "C"


async def test_whoever_goes_away_while_waiting_is_not_served() -> None:
    lines = Lines()
    together = lines.together(1)
    lines.open.clear()
    first = together.ask("a")
    await turns()
    gone, other = together.ask("b"), together.ask("c")
    gone.cancel()
    lines.open.set()
    assert await asyncio.gather(first, other) == ["A", "C"]
    assert lines.served == [["a"], ["c"]]


async def test_nobody_waits_for_ever() -> None:
    lines = Lines()
    together = lines.together(1, patience=0.01)
    lines.open.clear()
    first = together.ask("a")
    await turns()
    late = together.ask("b")
    with pytest.raises(StoreUnavailable, match="every connection"):
        await late
    lines.open.set()
    assert await first == "A"
    assert lines.served == [["a"]]


async def test_finishing_waits_for_all_that_was_asked_for() -> None:
    lines = Lines()
    together = lines.together(1)
    asked = [together.ask(name) for name in "abc"]
    await together.finish()
    assert all(each.done() for each in asked)


async def test_whoever_comes_to_a_full_queue_is_turned_away_at_once() -> None:
    lines = Lines()
    together = Together(1, Service(lines.one, lines.some), Bounds(most=2))
    lines.open.clear()
    first = together.ask("a")
    await turns()
    waiting = [together.ask(name) for name in "bc"]
    with pytest.raises(Overloaded):
        together.ask("d")
    lines.open.set()
    assert await asyncio.gather(first, *waiting) == ["A", "B", "C"]
    await together.finish()


@pytest.mark.parametrize("count", [1, 2])
async def test_whoever_asks_in_the_moment_in_which_a_line_ends_is_served(count: int) -> None:
    """The line looks for the last time, and whoever was answered asks again at once."""
    together = Lines().together(count, patience=0.2)

    async def asks(name: str) -> list[object]:
        return [await together.ask(f"{name}{number}") for number in range(3)]

    answers = await asyncio.gather(*(asks(name) for name in "ab"[:count]))
    assert answers == [[f"{name}{number}" for number in range(3)] for name in "AB"[:count]]
