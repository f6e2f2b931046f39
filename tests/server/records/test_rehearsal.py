"""The rehearsal tells what will happen: the same as what does happen."""

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.server.records.rehearsal import Turn, rehearse
from counterfoil.server.records.signing_key import (
    MakeNext,
    Purpose,
    RotationRules,
    SigningKey,
    changed,
    plan_rotation,
)

NOW = 1_000
FEED = Purpose.FEED


def key(kid: str, created_at: int, active_from: int, **times: int) -> SigningKey:
    return SigningKey(
        kid=kid,
        purpose=FEED,
        algorithm="ES256",
        public_jwk="{}",
        sealed=b"x",
        created_at=created_at,
        active_from=active_from,
        **times,
    )


def rules(interval: int = 100, publish_ahead: int = 10, longest_lifetime: int = 5) -> RotationRules:
    return RotationRules(
        algorithm="ES256",
        interval=interval,
        publish_ahead=publish_ahead,
        longest_lifetime=longest_lifetime,
    )


def lived(keys: list[SigningKey], by: RotationRules, until: int) -> list[tuple[int, Turn]]:
    """What really happens when somebody looks every second."""
    for now in range(NOW, until + 1):
        held = {each.kid: each for each in keys}
        for step in plan_rotation(keys, now, by):
            if isinstance(step, MakeNext):
                made = key(f"made-{now}", now, step.active_from)
                held[made.kid] = made
            else:
                held[step.kid] = changed(held[step.kid], step)
        keys = list(held.values())
    turns = [
        (at, turn)
        for each in keys
        for at, turn in (
            (each.created_at, Turn.PUBLISHED),
            (each.active_from, Turn.SIGNS),
            (each.retired_at, Turn.RETIRES),
            (each.gone_at, Turn.GONE),
        )
        if at is not None and NOW < at <= until
    ]
    return sorted(turns)


@given(
    st.integers(20, 200), st.integers(1, 19), st.integers(1, 90), st.integers(-150, 0),
    st.integers(1, 600),
)  # fmt: skip
def test_it_tells_what_will_happen_second_by_second(
    interval: int, publish_ahead: int, lifetime: int, since: int, span: int
):
    """S80: what `key rehearse` shows is what comes."""
    by = rules(interval, publish_ahead, lifetime)
    keys = [key("first", NOW + since, NOW + since)]
    told = rehearse(keys, FEED, by, (NOW, NOW + span))
    assert sorted((each.at, each.turn) for each in told) == lived(keys, by, NOW + span)


def test_keys_to_come_are_numbered_and_nothing_is_changed():
    keys = [key("first", NOW, NOW)]
    told = rehearse(keys, FEED, rules(), (NOW, NOW + 250))
    assert [(each.at - NOW, each.kid, each.turn.value) for each in told] == [
        (90, "new-1", "published"),
        (100, "first", "retires"),
        (100, "new-1", "signs"),
        (165, "first", "gone"),
        (190, "new-2", "published"),
        (200, "new-1", "retires"),
        (200, "new-2", "signs"),
    ]
    assert keys == [key("first", NOW, NOW)]


def test_without_keys_the_first_signs_at_once_and_is_told_of_from_then_on():
    told = rehearse([], FEED, rules(), (NOW, NOW + 100))
    assert [(each.kid, each.turn.value) for each in told] == [
        ("new-2", "published"), ("new-1", "retires"), ("new-2", "signs"),
    ]  # fmt: skip
