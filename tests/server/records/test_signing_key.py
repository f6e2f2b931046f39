"""The turning of signing keys, as a plan: for any order of events, at every second between them."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from counterfoil.server.records.family import SKEW
from counterfoil.server.records.signing_key import (
    Activate,
    Forget,
    MakeNext,
    Purpose,
    Retire,
    RotationRules,
    SigningKey,
    changed,
    plan_early_turn,
    plan_rotation,
    signing_key,
    withdrawn,
)

RULES = RotationRules(algorithm="ES256", interval=1000, publish_ahead=100, longest_lifetime=300)


def key(kid: str, active_from: int, **times: int | None) -> SigningKey:
    return SigningKey(
        kid=kid,
        purpose=Purpose.TOKENS,
        algorithm="ES256",
        public_jwk="{}",
        sealed=b"",
        created_at=active_from - 100,
        active_from=active_from,
        **times,
    )


def test_the_first_key_signs_at_once():
    assert plan_rotation([], 50, RULES) == (MakeNext(50),)


def test_nothing_is_due_while_a_key_is_young():
    assert plan_rotation([key("a", 0)], 899, RULES) == ()


def test_the_next_key_is_published_ahead_and_the_hour_of_the_turn_is_written_down():
    """S80: rotation on a schedule; every process turns at the same second, without being told."""
    assert plan_rotation([key("a", 0)], 900, RULES) == (MakeNext(1000), Retire("a", 1000))
    keys = [key("a", 0, retired_at=1000), key("b", 1000)]
    assert plan_rotation(keys, 950, RULES) == ()
    assert signing_key(keys, 999) == keys[0]
    assert signing_key(keys, 1000) == keys[1]


def test_a_late_plan_still_publishes_ahead():
    assert plan_rotation([key("a", 0)], 5000, RULES) == (MakeNext(5100), Retire("a", 5100))


def test_a_retired_key_is_forgotten_when_its_last_token_has_expired():
    """S81: tokens signed by the previous key verify until they expire."""
    keys = [key("a", 0, retired_at=1000), key("b", 1000)]
    assert plan_rotation(keys, 1000 + 300 + SKEW - 1, RULES) == ()
    assert plan_rotation(keys, 1000 + 300 + SKEW, RULES) == (Forget("a", 1300 + SKEW),)


def test_another_algorithm_makes_the_next_key_due():
    rules = replace(RULES, algorithm="EdDSA")
    assert plan_rotation([key("a", 0)], 5, rules) == (MakeNext(105), Retire("a", 105))


def test_when_the_next_key_is_withdrawn_another_is_made_in_time():
    keys = [key("a", 0, retired_at=1000), withdrawn(key("b", 1000), 950)]
    assert plan_rotation(keys, 950, RULES) == (MakeNext(1050), Retire("a", 1050))


def test_after_an_emergency_a_new_key_signs_at_once():
    """S84."""
    assert plan_rotation([withdrawn(key("a", 0), 50)], 50, RULES) == (MakeNext(50),)


def test_where_nobody_may_sign_a_key_that_waits_takes_over():
    assert plan_rotation([key("a", 700)], 50, RULES) == (Activate("a", 50),)


def test_an_early_turn_takes_the_next_key_as_soon_as_all_caches_know_it():
    keys = [key("a", 0, retired_at=1000), key("b", 1000)]
    assert plan_early_turn(keys, 920, RULES) == (Activate("b", 1000), Retire("a", 1000))
    young = [keys[0], replace(keys[1], created_at=800)]
    assert plan_early_turn(young, 820, RULES) == (Activate("b", 900), Retire("a", 900))
    assert plan_early_turn(young, 950, RULES) == (Activate("b", 950), Retire("a", 950))


def test_an_early_turn_without_a_next_key_makes_one():
    assert plan_early_turn([key("a", 0)], 10, RULES) == (MakeNext(110), Retire("a", 110))


class Life:
    """Keys as they live: seconds pass, plans are carried out, and every second is looked at."""

    def __init__(self) -> None:
        self.now = 0
        self.rules = RotationRules(
            algorithm="ES256", interval=50, publish_ahead=10, longest_lifetime=20
        )
        self.keys: dict[str, SigningKey] = {}
        self.tokens: list[tuple[str, int]] = []
        self.ahead: dict[str, int] = {}
        self.may_be_sudden: set[str] = set()
        self.have_signed: set[str] = set()
        self.carry_out(plan_rotation([], 0, self.rules))

    def carry_out(self, plan: tuple[object, ...]) -> None:
        is_emergency = signing_key(self.keys.values(), self.now) is None
        for step in plan:
            if isinstance(step, MakeNext):
                kid = str(len(self.keys))
                assert step.active_from >= self.now
                made = key(kid, step.active_from)
                self.keys[kid] = replace(made, created_at=self.now, algorithm=self.rules.algorithm)
                self.ahead[kid] = self.rules.publish_ahead
                if is_emergency:
                    self.may_be_sudden.add(kid)
            else:
                assert isinstance(step, Activate | Retire | Forget)
                self.keys[step.kid] = changed(self.keys[step.kid], step)
                if isinstance(step, Activate):  # an earlier turn, by the setting of its day
                    ahead = min(self.ahead[step.kid], self.rules.publish_ahead)
                    self.ahead[step.kid] = ahead
        self.look()

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self.look()

    def tick(self, _: int) -> None:
        self.carry_out(plan_rotation(list(self.keys.values()), self.now, self.rules))

    def retire(self, _: int) -> None:
        self.carry_out(plan_early_turn(list(self.keys.values()), self.now, self.rules))

    def withdraw(self, choice: int) -> None:
        """As ``Rotation.withdraw`` does: the signing key takes the next one with it."""
        published = [each for each in self.keys.values() if each.is_published(self.now)]
        chosen = published[choice % len(published)]
        taken = [chosen]
        if chosen.may_sign(self.now):
            taken += [each for each in published if each.is_next(self.now)]
        for each in taken:
            self.keys[each.kid] = withdrawn(each, self.now)
        self.tick(0)

    def prolong(self, seconds: int) -> None:
        longest = self.rules.longest_lifetime + seconds
        self.rules = replace(self.rules, longest_lifetime=longest)

    def set_interval(self, seconds: int) -> None:
        self.rules = replace(self.rules, interval=self.rules.publish_ahead + 1 + seconds)

    def set_ahead(self, seconds: int) -> None:
        ahead = 1 + seconds % (self.rules.interval - 1)
        self.rules = replace(self.rules, publish_ahead=ahead)

    def choose_algorithm(self, choice: int) -> None:
        self.rules = replace(self.rules, algorithm=("ES256", "EdDSA")[choice % 2])

    def look(self) -> None:
        signing = [each for each in self.keys.values() if each.may_sign(self.now)]
        assert len(signing) == 1, "there is always exactly one key that may sign"
        kid = signing[0].kid
        if kid not in self.have_signed | self.may_be_sudden:
            published_for = self.now - signing[0].created_at
            assert published_for >= min(self.ahead[kid], self.rules.publish_ahead)
        self.have_signed.add(kid)
        self.tokens.append((kid, self.now + self.rules.longest_lifetime))
        self.tokens = [token for token in self.tokens if token[1] > self.now]
        for kid, _ in self.tokens:
            each = self.keys[kid]
            assert each.is_published(self.now) or each.withdrawn_at is not None


ACTIONS = st.sampled_from(
    [
        Life.pass_time,
        Life.tick,
        Life.retire,
        Life.withdraw,
        Life.prolong,
        Life.set_interval,
        Life.set_ahead,
        Life.choose_algorithm,
    ]
)


@settings(max_examples=150)
@given(st.lists(st.tuples(ACTIONS, st.integers(0, 120)), max_size=20))
def test_one_key_signs_none_goes_too_soon_and_none_signs_unannounced(actions):
    """S80, S81: at every second, whatever happens in whatever order, though no tick be on time."""
    life = Life()
    for act, argument in actions:
        act(life, argument)


def test_left_alone_with_regular_ticks_few_keys_are_published():
    life = Life()
    for _ in range(300):
        life.pass_time(3)
        life.tick(0)
        published = [each for each in life.keys.values() if each.is_published(life.now)]
        assert len(published) <= 4
    assert len(life.keys) >= 900 // 50
