"""The notices feed under every mixture of losses, delays, repetitions, orders, lies and restarts.

Whatever happens on the way: no guard accepts what was ended for longer than the staleness that its
owner has stated, a guard whose line is cut knows it, a lie does not last, and a line that is whole
again makes the guard fresh.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.guard import Staleness
from counterfoil.guard.notices import SKEW
from counterfoil.jose.keys import PrivateKey
from counterfoil.net.event_stream import Event
from counterfoil.oauth.revocations import Ended, Notice
from tests.attacks.carrier import FAR, Guarded, Server, Wire, signed_at, strangers_head

pytestmark = pytest.mark.one_engine("no server of ours is there")

FEED_KEY = PrivateKey.generate()
TOKEN_KEY = PrivateKey.generate()
STRANGER = PrivateKey.generate()
LIES = [f"innocent-{number}" for number in range(3)]

STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 200)),
    st.tuples(st.sampled_from(["end", "sign", "save"]), st.just(0)),
    st.tuples(st.sampled_from(["end", "sign", "deliver"]), st.integers(1, 9)),
    st.tuples(st.just("deliver"), st.integers(1, 9)),
    st.tuples(st.sampled_from(["drop", "repeat", "swap", "cut", "connect"]), st.integers(0, 3)),
    st.tuples(st.sampled_from(["lie", "alter", "stranger", "old head"]), st.integers(0, 9)),
    st.tuples(st.sampled_from(["old snapshot", "new snapshot"]), st.integers(0, 9)),
    st.tuples(st.sampled_from(["restart", "new epoch"]), st.integers(0, 3)),
)
STALENESS = st.sampled_from(
    [Staleness.reject(3.0), Staleness.reject(10.0), Staleness.accept_for(4.0, 5.0)]
)
CLOCKS = st.sampled_from([0.0, 0.0, -2.0, 2.0])


class World:
    """Issuer, guard and carrier, and what must hold at every moment."""

    def __init__(self, staleness: Staleness, ahead: float) -> None:
        self.server = Server(FEED_KEY, TOKEN_KEY)
        self.guarded = Guarded(self.server, staleness, ahead)
        self.tokens: dict[str, str] = {}

    def step(self, what: str, number: int) -> None:
        """Let one thing happen: to the issuer, to the guard, or on the wire between them."""
        if not self._at_the_issuer(what, number) and not self._at_the_guard(what, number):
            wire = self.guarded.wire
            if wire is not None:
                wire.fill()
                self._on_the_wire(what, number, wire)
                self._invented(what, number)
                self.guarded.notice_the_end()

    def _at_the_issuer(self, what: str, number: int) -> bool:
        match what:
            case "wait":
                self.server.now += number / 20
            case "end":
                self.server.end()
            case "sign":
                self.server.sign()
            case "new epoch":
                self.server.begin_anew()
            case _:
                return False
        return True

    def _at_the_guard(self, what: str, number: int) -> bool:
        server, guarded = self.server, self.guarded
        match what:
            case "save":
                guarded.save()
            case "restart":
                guarded.restart(number)
            case "old snapshot":
                guarded.take_snapshot(*server.snapshots[number % len(server.snapshots)])
            case "new snapshot":
                server.sign()
                guarded.take_snapshot(*server.snapshots[-1])
            case "cut":
                guarded.wire = None
            case "connect":
                guarded.connect()
            case _:
                return False
        return True

    def _on_the_wire(self, what: str, number: int, wire: Wire) -> None:
        events = wire.events
        match what:
            case "deliver":
                for _ in range(min(number, len(events))):
                    self._pass_on(events.popleft())
            case "drop" if events:
                events.popleft()
            case "repeat" if events:
                self._pass_on(events[0])
            case "swap" if len(events) > 1:
                events[0], events[1] = events[1], events[0]
            case "alter" if events and events[0].name == "notice":
                events[0] = self._lie(events[0].last_id, number)

    def _invented(self, what: str, number: int) -> None:
        server, guarded = self.server, self.guarded
        held = guarded.state.notices.position
        match what:
            case "lie" if held is not None:
                guarded.take(self._lie(f"{held.epoch}:{held.number + number % 3}", number))
            case "stranger":
                guarded.take(strangers_head(server, STRANGER))
            case "old head":
                at, head = server.heads[number % len(server.heads)]
                guarded.take(Event("head", head), at)

    def _lie(self, last_id: str, number: int) -> Event:
        lie = Notice(Ended.FAMILY, LIES[number % len(LIES)], FAR).text().decode()
        return Event("notice", lie, last_id)

    def _pass_on(self, event: Event) -> None:
        self.guarded.take(event, signed_at(self.server, event))

    def token(self, family: str) -> str:
        if family not in self.tokens:
            self.tokens[family] = self.server.token(family)
        return self.tokens[family]

    def demand_no_ended_token_beyond_staleness(self) -> None:
        server, guarded = self.server, self.guarded
        for family, ended_at in server.ended.items():
            if guarded.accepts(self.token(family)):
                known_for = server.now + guarded.ahead - ended_at
                assert known_for <= guarded.state.tolerance, (family, known_for)

    def demand_it_knows_that_it_is_cut(self) -> None:
        """It is no fresher than the newest word that the issuer signed and it was given."""
        assert self.guarded.state.notices.fresh_at <= self.guarded.newest_word

    def heal(self) -> None:
        """Let everything through for so long that a lie has lapsed."""
        for _ in range(int(2 * SKEW) + 10):
            self.server.now += 1
            self.server.sign()
            self.guarded.take_snapshot(*self.server.snapshots[-1])
            if self.guarded.wire is None:
                self.guarded.connect()
            wire = self.guarded.wire
            if wire is not None:
                wire.fill()
                while wire.events and self.guarded.wire is wire:
                    self._pass_on(wire.events.popleft())
                self.guarded.notice_the_end()


@given(st.lists(STEPS, max_size=60), STALENESS, CLOCKS)
@settings(max_examples=300, deadline=None)
def test_whatever_the_carrier_does(
    steps: list[tuple[str, int]], staleness: Staleness, ahead: float
):
    world = World(staleness, ahead)
    world.step("new snapshot", 0)
    world.step("connect", 0)
    for what, number in steps:
        world.step(what, number)
        world.demand_no_ended_token_beyond_staleness()
        world.demand_it_knows_that_it_is_cut()
    world.heal()
    assert world.guarded.is_fresh
    for family in world.server.ended:
        assert not world.guarded.accepts(world.token(family))
    for family in LIES:
        assert world.guarded.accepts(world.token(family)), "a lie has lasted"
