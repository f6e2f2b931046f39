"""Where more than a password is demanded, and what a person can do about it."""

from typing import Literal

import pytest
from msgspec.structs import replace

from counterfoil.oauth.acr import MULTIPLE, PHISHING_RESISTANT, SINGLE
from counterfoil.server.protocol.second_factor_policy import (
    by_password,
    least_of_person,
    within_reach,
)
from counterfoil.server.records.second_factor import Factors
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.user import User
from counterfoil.server.settings import load

ADA = User(id="ada", email="ada@example.com", created_at=1)
ROOT = replace(ADA, is_admin=True)

SESSION = Session(
    id="s",
    digest=b"",
    user_id="ada",
    auth_time=1,
    last_used_at=1,
    expires_at=9,
    origin=Origin("", ""),
)


@pytest.mark.parametrize(
    ("demanded", "user", "least"),
    [
        ("nobody", ROOT, None),
        ("administrators", ADA, None),
        ("administrators", ROOT, MULTIPLE),
        ("everyone", ADA, MULTIPLE),
        ("everyone", ROOT, MULTIPLE),
    ],
)
def test_of_whom_it_is_demanded(
    demanded: Literal["nobody", "administrators", "everyone"], user: User, least: str | None
):
    assert least_of_person(load({}, {"second_factor_for": demanded}), user) == least


@pytest.mark.parametrize(
    ("factors", "policy", "may_set_up", "reach"),
    [
        (Factors(), None, True, SINGLE),
        (Factors(), MULTIPLE, True, MULTIPLE),
        (Factors(), MULTIPLE, False, SINGLE),
        (Factors(), PHISHING_RESISTANT, True, MULTIPLE),
        (Factors(recovery_codes=10), None, True, SINGLE),
        (Factors(authenticator=True), None, True, MULTIPLE),
        (Factors(key_since=1), MULTIPLE, True, PHISHING_RESISTANT),
        (Factors(key_since=1), PHISHING_RESISTANT, False, PHISHING_RESISTANT),
    ],
)
def test_an_apps_wish_makes_nobody_set_one_up(
    factors: Factors, policy: str | None, may_set_up: bool, reach: str
):
    settings = load({}, {"second_factor_enrolment": may_set_up})
    assert within_reach(settings, factors, policy, None) == reach


@pytest.mark.parametrize(
    ("amr", "password", "comes_to"),
    [
        (("pop", "user"), True, PHISHING_RESISTANT),
        (("pop", "user"), False, SINGLE),
        (("pwd",), True, SINGLE),
    ],
)
def test_a_touch_comes_to_more_by_a_password(amr: tuple[str, ...], password: bool, comes_to: str):
    factors = Factors(key_since=1, password=password)
    assert by_password(factors, replace(SESSION, amr=amr)) == comes_to
    assert by_password(factors, None) == SINGLE
