"""For every history: a guard that has applied the notices up to n decides as the reference at n.

Server processes, crashes, clock and guards are driven by Hypothesis, against `reference.py`. By
default the same histories each time; COUNTERFOIL_TEST_HISTORIES=2000 asks for so many others.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from counterfoil.server.identity.passwords import Passwords
from counterfoil.server.protocol.endings import Ends, Target
from tests.installation import Clock
from tests.model.checks import Checks
from tests.model.ends import Ender
from tests.model.guarded import Guarded, Owner
from tests.model.house import House, VirtualLoop
from tests.model.reference import FOREVER, Api, Code, Family, Life, Token
from tests.model.world import World

T = TypeVar("T")

HISTORIES = int(os.environ.get("COUNTERFOIL_TEST_HISTORIES", "0"))
STEPS = int(os.environ.get("COUNTERFOIL_TEST_STEPS", "50"))
MOST = 5
"""APIs, clients, people and guards at most: few, so that what happens concerns one another."""

ANY = st.integers(0, 7)
"""Which of several, counted from the newest."""
YES = st.booleans()
RARELY = st.sampled_from([False, False, False, True])
KINDS = st.sampled_from([(False, True, False), (False, False, True), (True, True, True)])
CHANGES = (
    "client",
    "user",
    "password set",
    "password changed",
    "secret replaced",
    "end date",
    "secret rotated",
)
# Tokens that people make by hand, or that are made for them, are no part of these histories, nor
# is what browsers are remembered by.
BESIDE = frozenset({Ends.PERSONAL_TOKEN, Ends.MINT_RIGHT, Ends.REMEMBERED})
ENDS = st.sampled_from([kind for kind in Ends if kind not in BESIDE])
LIFETIMES = st.sampled_from([None, 60, 200, 500, 900])
LIVES = st.sampled_from([None, Life(120, 600), Life(600, 3_000), Life(3_000, 30_000)])
WAITS = st.sampled_from([1, 5, 9, 10, 11, 30, 61, 120, 301, 1_801, 7_201])
OWNERS = st.sampled_from(
    [(30.0, 0.0, 0.0), (30.0, 900.0, 8.0), (30.0, 86_400.0, 0.0), (5.0, 10.0, -5.0)]
)


def one_of(several: Sequence[T], which: int) -> T:
    return several[-1 - which % len(several)]


class History(RuleBasedStateMachine):
    """One history of an installation and its guards."""

    template: Path
    passwords: Passwords

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.runner = asyncio.Runner(loop_factory=partial(VirtualLoop, self.clock))
        self._scratch = tempfile.TemporaryDirectory(prefix="counterfoil-history-")
        self.folder = Path(self._scratch.name)
        shutil.copytree(self.template, self.folder / "house")
        self.house = House(self.folder / "house", self.clock, self.passwords)
        self.world = World(self.house)
        self.model = self.world.model
        self.end = Ender(self.world)
        self.checks = Checks(self.world)
        self.guards: list[Guarded] = []
        self.guards_made = 0

    def run(self, doing: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await doing

        return self.runner.run(awaited())

    def teardown(self) -> None:
        for guard in self.guards:
            guard.cut()
        self.run(self.house.close())
        self.runner.close()
        self._scratch.cleanup()

    @initialize()
    def begin(self) -> None:
        self.run(self._begin())
        for api, owner in enumerate([(30.0, 0.0, 0.0), (30.0, 86_400.0, 8.0), (30.0, 900.0, 8.0)]):
            self.guards.append(self.new_guard(one_of(self.model.apis, api), owner))

    async def _begin(self) -> None:
        world = self.world
        await self.house.open()
        for lifetime in (None, 200):
            await world.register_api(lifetime)
        await world.register_client(public=False, rotates=True, refreshes=True)
        await world.register_client(public=True, rotates=True, refreshes=True)
        await world.register_desk()
        for _ in range(2):
            await world.register_user()
        for user in self.model.users:
            session = await world.sign_in(user)
            code = await world.authorize(
                session, self.model.clients[0], list(self.model.apis), offline=False
            )
            assert code is not None
            await world.exchange(code, self.model.apis[0])

    # How tokens come about.

    @rule(which=ANY, what=ANY, offline=YES, both=YES, later=RARELY)
    def get_tokens(self, which: int, what: int, offline: bool, both: bool, later: bool) -> None:
        """Somebody signs in and allows an app; it gets tokens, or keeps the code."""
        code = self._code(which, what, offline, both)
        if code is not None and not later:
            self.run(self.world.exchange(code, one_of(code.apis, what)))

    def _code(self, which: int, what: int, offline: bool, both: bool) -> Code | None:
        sessions = [each for each in self.model.sessions if each.is_live(self.world.now)]
        apps = [each for each in self.model.clients if each.refreshes and each.enabled]
        users = [each for each in self.model.users if each.enabled]
        if not apps or not users:
            return None
        if which % 3 == 0 or not sessions:
            session = self.run(self.world.sign_in(one_of(users, which)))
        else:
            session = one_of(sessions, which)
        client = one_of(apps, what)
        apis = client.apis if both else [one_of(client.apis, what // 2)]
        return self.run(self.world.authorize(session, client, apis, offline=offline))

    @precondition(lambda self: self.model.codes)
    @rule(which=ANY, what=ANY)
    def exchange_code(self, which: int, what: int) -> None:
        """An app exchanges a code, perhaps one that was exchanged before."""
        code = one_of(self.model.codes, which)
        self.run(self.world.exchange(code, one_of(code.apis, what)))

    @rule(which=ANY, what=ANY)
    def get_service_token(self, which: int, what: int) -> None:
        """A service gets a token in its own name."""
        client = one_of([each for each in self.model.clients if not each.public], which)
        self.run(self.world.service_token(client, one_of(client.apis, what)))

    @rule(which=ANY, what=ANY, behind=st.sampled_from([0, 0, 0, 1, 1, 2]))
    def refresh(self, which: int, what: int, behind: int) -> None:
        """An app shows a refresh token: the one it was given last, or an older one."""
        family = one_of(self.model.families, which)
        place = max(0, len(family.chain) - 1 - behind)
        self.run(self.world.refresh(family, place, one_of(family.code.apis, what)))

    @rule(which=ANY, seconds=st.sampled_from([0, 9, 10, 11]), used=YES)
    def show_one_again(self, which: int, seconds: int, used: bool) -> None:
        """An app shows what it has exchanged, its successor being used or not: is it a theft?"""
        family = self._family(which)
        for _ in range(2 if used else 1):
            self.run(self.world.refresh(family, len(family.chain) - 1, family.code.apis[0]))
        self.clock.turn(seconds)
        place = max(0, len(family.chain) - (3 if used else 2))
        self.run(self.world.refresh(family, place, family.code.apis[0]))

    # What ends.

    def _token(self, which: int) -> Token:
        alive = [each for each in self.model.tokens if not each.is_dead(self.world.now)]
        return one_of(alive or self.model.tokens, which)

    def _family(self, which: int) -> Family:
        return one_of([f for f in self.model.families if not f.ended] or self.model.families, which)

    @rule(kind=ENDS, which=ANY, by_value=YES)
    def end_something(self, kind: Ends, which: int, by_value: bool) -> None:
        """Each of the nine ways of ending."""
        self._end(kind, which, by_value)

    @rule(kind=ENDS, which=ANY, what=ANY, offline=YES)
    def end_what_just_began(self, kind: Ends, which: int, what: int, offline: bool) -> None:
        """The same, when an app has got a token a moment before, and its guard has seen it."""
        self.get_tokens(which, what, offline=offline, both=True, later=False)
        self.every_guard_decides_as_the_reference()
        code = self._code(which, what, offline, both=True)
        self._end(kind, 0, by_value=offline)
        if code is not None:
            self.run(self.world.exchange(code, code.apis[0]))

    def _end(self, kind: Ends, which: int, by_value: bool) -> None:
        end, model, family = self.end, self.model, self._family(which)
        ways: dict[Ends, Callable[[], Awaitable[None]]] = {
            Ends.TOKEN: lambda: end.token(self._token(which), by_value=by_value),
            Ends.FAMILY: lambda: end.family(family),
            Ends.SESSION: lambda: end.session(family.code.session),
            Ends.APP_SESSIONS: lambda: end.grant(family.code.grant, keep=True),
            Ends.GRANT: lambda: end.grant(family.code.grant, keep=False),
            Ends.USER: lambda: end.user(family.code.session.user),
            Ends.CLIENT: lambda: end.client(one_of([family.client, *model.clients], which)),
            Ends.API: lambda: end.api(one_of(model.apis, which)),
            Ends.KEY: lambda: end.key(self._token(which).kid),
        }
        self.run(ways[kind]())
        self.run(self.checks.the_server_decides_of_the_newest())

    @rule(what=st.sampled_from(CHANGES), which=ANY, offline=YES)
    def change_something(self, what: str, which: int, offline: bool) -> None:
        """What has an ending as its consequence, or just not, when an app has just got a token."""
        self.get_tokens(which, which, offline=offline, both=True, later=False)
        self.every_guard_decides_as_the_reference()
        end, family = self.end, self._family(0)
        client, session = family.client, family.code.session
        match what:
            case "client":
                self.run(end.switch_client(client, on=not client.enabled))
            case "user":
                self.run(end.switch_user(session.user, on=not session.user.enabled))
            case "password set":
                self.run(end.set_password(session.user, f"password {which}"))
            case "password changed":
                several = [session, *self.model.sessions]
                self.run(end.change_password(one_of(several, which), f"password {which}"))
            case "secret replaced" | "secret rotated" if not client.public:
                self.run(end.replace_secret(client, 0 if what == "secret replaced" else 60))
            case "end date":
                seconds = (None, 30, 250, 2_000)[which % 4]
                self.run(end.limit_grant(family.code.grant, seconds))
        self.run(self.checks.the_server_decides_of_the_newest())

    @rule(what=st.sampled_from(["client", "user"]), which=ANY)
    def enable_something(self, what: str, which: int) -> None:
        """What was disabled, or not, may go on; nothing that has ended comes back."""
        if what == "client":
            self.run(self.end.switch_client(one_of(self.model.clients, which), on=True))
        else:
            self.run(self.end.switch_user(one_of(self.model.users, which), on=True))

    @rule(of_api=YES, which=ANY, to=LIFETIMES, then=LIFETIMES, ended=YES)
    def change_a_lifetime(
        self, of_api: bool, which: int, to: int | None, then: int | None, ended: bool
    ) -> None:
        """Shorter or longer, and once more, of tokens that stand or have been ended."""
        self.get_tokens(which, which, offline=ended, both=True, later=False)
        if ended:
            self._end(Ends.API if of_api else Ends.CLIENT, which, by_value=False)
        client, api = one_of(self.model.clients, which), one_of(self.model.apis, which)
        for lifetime in (to, then):
            if of_api:
                self.run(self.end.api_lifetime(api, lifetime))
            else:
                self.run(self.end.client_lifetime(client, lifetime))
            self.every_guard_decides_as_the_reference()
        self.run(self.checks.the_server_decides_of_the_newest())

    @rule(which=ANY, life=LIVES)
    def change_refreshing(self, which: int, life: Life | None) -> None:
        """For how long a client may refresh."""
        self.run(self.end.refreshing(one_of(self.model.clients, which), life))

    @rule(which=ANY, after=st.sampled_from([-1, 0, 1]), life=LIVES)
    def lengthen_when_it_is_over(self, which: int, after: int, life: Life | None) -> None:
        """A refresh token's time passes, or just not; then its client may refresh for longer."""
        family = self._family(which)
        self.clock.now = max(self.clock.now, float(family.refreshes_until + after))
        self.run(self.end.refreshing(family.client, life))
        self.run(self.world.refresh(family, len(family.chain) - 1, family.code.apis[0]))

    # Time, and what the server does by itself.

    @rule(seconds=WAITS)
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.clock.turn(seconds)

    @rule(which=ANY, after=st.sampled_from([-1, 0, 4, 59, 61]))
    def wait_until_a_token_is_forgotten(self, which: int, after: int) -> None:
        """Time passes until about when a token expires, ended though it may be; all is swept.

        A newcomer whose clock is behind still knows of every ending that matters to it.
        """
        now = self.world.now
        left = [each for each in self.model.tokens if each.expires_for(FOREVER) + after > now]
        if left:
            token = one_of([each for each in left if each.endings] or left, which)
            self.clock.now = float(token.expires_for(FOREVER) + after)
            self.run(self.house.process.keep_house())
            self.a_newcomer_decides_as_one_who_followed(token.api, (30.0, 0.0, 8.0))

    @rule(what=st.sampled_from(["keep house", "keep house", "turn key", "other process"]))
    def the_server_does(self, what: str) -> None:
        """What goes on in a server, or which of the two is asked from now on."""
        match what:
            case "keep house":
                self.run(self.house.process.keep_house())
            case "turn key":
                self._turn_key()
            case "other process":
                self.house.at = 1 - self.house.at

    def _turn_key(self) -> None:
        """A key retires, and what it signed in its last second stands for as long as it says."""
        at = self.run(self.end.retire_key())
        self.clock.now = max(self.clock.now, at - 1)
        self.get_service_token(0, 0)
        self.clock.now = max(self.clock.now, at + 1)
        self.run(self.house.process.keep_house())
        self.the_server_decides_as_the_reference()

    @rule(
        what=st.sampled_from(["nothing", "ends", "refreshes"]),
        kind=ENDS,
        which=ANY,
    )
    def kill(self, what: str, kind: Ends, which: int) -> None:
        """Both processes are killed, perhaps when something was written and not yet committed."""
        for guard in self.guards:
            guard.cut()
        before = self.run(self.house.process.number())
        match what:
            case "nothing":
                self.run(self.house.kill())
            case "ends":
                self.run(self.house.kill_before_commit(partial(self._begin_to_end, kind, which)))
            case "refreshes":
                refreshing = partial(self._begin_to_refresh, self._family(which))
                self.run(self.house.kill_before_commit(refreshing))
        assert self.run(self.house.process.number()) >= before, "what was told is not there"
        told = self.run(self.house.process.told_since(before))
        assert told <= {"keys_changed"}, "what was never committed is there"

    async def _begin_to_end(self, kind: Ends, which: int) -> bool:
        code, token = self._family(which).code, self._token(which)
        names = {
            Ends.TOKEN: token.jti,
            Ends.FAMILY: self._family(which).id,
            Ends.SESSION: code.session.id,
            Ends.USER: code.session.user.id,
            Ends.CLIENT: token.client.client_id,
            Ends.API: token.api.uri,
            Ends.KEY: token.kid,
        }
        return await self.end.begin(Target(kind, names.get(kind, code.grant.id)))

    async def _begin_to_refresh(self, family: Family) -> bool:
        form = {"refresh_token": family.chain[-1], "resource": family.code.apis[0].uri}
        answer, _ = await self.world.ask(family.client, grant_type="refresh_token", **form)
        return answer.status_code == 200

    @rule(default=st.sampled_from([120, 300, 900]))
    def restart(self, default: int) -> None:
        """Both processes stop in good order, and start with another lifetime as the default."""
        for guard in self.guards:
            guard.cut()
        self.run(self.end.default_lifetime(default))

    @rule(what=st.sampled_from(["api", "client", "user"]), kind=KINDS, lifetime=LIFETIMES)
    def register(self, what: str, kind: tuple[bool, bool, bool], lifetime: int | None) -> None:
        """Another API, client or person, while there are few."""
        public, rotates, refreshes = kind
        if what == "api" and len(self.model.apis) < MOST - 2:
            self.run(self.world.register_api(lifetime))
        elif what == "client" and len(self.model.clients) < MOST - 1:
            doing = self.world.register_client(public=public, rotates=rotates, refreshes=refreshes)
            self.run(doing)
        elif what == "user" and len(self.model.users) < MOST - 2:
            self.run(self.world.register_user())

    # Guards.

    def new_guard(self, api: Api, owner: tuple[float, float, float]) -> Guarded:
        self.guards_made += 1
        folder = self.folder / f"guard{self.guards_made}"
        issuer = self.house.process.place.issuer
        guard = Guarded(issuer, Owner(api.uri, *owner), folder, self.clock)
        self.run(guard.connect(self.house.process))
        return guard

    @rule(which=ANY, most=st.integers(1, 6))
    def listen(self, which: int, most: int) -> None:
        """A guard takes some of what has been sent."""
        guard = one_of(self.guards, which)
        self.run(self.house.sign_heads())
        self.run(guard.listen(self.house.process, most))

    @rule(which=ANY)
    def catch_up(self, which: int) -> None:
        """A guard connects where it must, takes everything, and knows all that there is to know."""
        self.run(self._catch_up(one_of(self.guards, which)))

    async def _catch_up(self, guard: Guarded) -> None:
        process = self.house.process
        self.clock.turn(2)
        await self.house.sign_heads()
        await guard.catch_up(process)
        await self.checks.it_has_caught_up(guard)

    @rule(
        what=st.sampled_from(["cut", "connect", "save", "restart", "new"]), which=ANY, owner=OWNERS
    )
    def a_guard_does(self, what: str, which: int, owner: tuple[float, float, float]) -> None:
        """What becomes of a guard and its line."""
        guard = one_of(self.guards, which)
        match what:
            case "cut":
                guard.is_cut_off = True
                guard.cut()
            case "connect":
                self.run(guard.connect(self.house.process))
            case "save":
                guard.save()
            case "restart":
                guard.restart()
            case "new" if len(self.guards) < MOST:
                self.guards.append(self.new_guard(one_of(self.model.apis, which), owner))

    @rule(which=ANY, beyond=st.sampled_from([-1.0, 1.0]))
    def a_line_is_cut_until_it_matters(self, which: int, beyond: float) -> None:
        """A guard is cut off until just before, or after, its owner wants it to refuse."""
        guard = one_of(self.guards, which)
        self.get_service_token(which, which)
        if guard.stale_at < self.clock.now + 2_000:
            guard.cut()
            self.clock.now = max(self.clock.now, guard.stale_at + beyond)
            self.checks.it_decides_as_the_reference(guard)
            self.run(guard.connect(self.house.process))

    @rule(which=ANY, owner=OWNERS)
    def a_newcomer_comes(self, which: int, owner: tuple[float, float, float]) -> None:
        """A guard begins from the snapshot."""
        self.a_newcomer_decides_as_one_who_followed(one_of(self.model.apis, which), owner)

    def a_newcomer_decides_as_one_who_followed(
        self, api: Api, owner: tuple[float, float, float]
    ) -> None:
        guard = self.new_guard(api, owner)
        self.checks.it_decides_as_the_reference(guard)
        guard.cut()

    # What must hold.

    @invariant()
    def every_guard_decides_as_the_reference(self) -> None:
        """Every other one takes what it is sent at once, unless it is cut off."""
        if self.guards:
            self.run(self.house.sign_heads())
        for guard in self.guards[::2]:
            if not guard.is_cut_off:
                self.run(guard.catch_up(self.house.process))
        for guard in self.guards:
            self.checks.it_decides_as_the_reference(guard)

    @rule()
    def the_server_decides_as_the_reference(self) -> None:
        self.run(self.checks.the_server_decides_as_the_reference())


@pytest.fixture
def histories(tmp_path: Path) -> Iterator[type[History]]:
    """Histories that begin with a database that is there already, for to make one takes time."""

    class Begun(History):
        template = tmp_path / "template"
        passwords = Passwords(1)

    asyncio.run(_open_once(House(Begun.template, Clock(), Begun.passwords)))
    yield Begun
    Begun.passwords.close()


async def _open_once(house: House) -> None:
    await house.open()
    await house.close()


@pytest.mark.timeout(0 if HISTORIES else 900)
def test_in_every_history_guards_decide_as_the_reference(histories: type[History]) -> None:
    """S26, S40, S41, S46: whatever came before."""
    run_state_machine_as_test(
        histories,
        settings=settings(
            max_examples=HISTORIES or 60,
            stateful_step_count=STEPS,
            derandomize=not HISTORIES,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
