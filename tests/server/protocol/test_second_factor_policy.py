"""Where more than a password is demanded, and what a person can do about it."""

from typing import Literal

import pytest
from msgspec.structs import replace

from counterfoil.oauth.acr import MULTIPLE, PHISHING_RESISTANT, SINGLE
from counterfoil.server.protocol.second_factor_policy import (
    by_password,
    least_of_person,
    mailed_code_is_due,
    takes_mailed_code,
    within_reach,
)
from counterfoil.server.records.second_factor import Factors
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.user import User
from counterfoil.server.settings import SettingsError, load

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


VERIFIED = replace(ADA, email_verified_at=1)
CHOSEN = Factors(password=True, mailed_since=1)
WITH_APP = replace(CHOSEN, authenticator=True)
WITH_KEY = replace(CHOSEN, key_since=1)


@pytest.mark.parametrize(
    ("user", "factors", "amr", "due", "taken"),
    [
        (VERIFIED, CHOSEN, ("pwd",), True, True),
        (VERIFIED, WITH_APP, ("pwd",), True, True),
        (VERIFIED, WITH_KEY, ("pwd",), True, True),
        (VERIFIED, CHOSEN, ("fed",), True, True),
        (VERIFIED, WITH_APP, ("fed",), True, False),
        (VERIFIED, WITH_KEY, ("pop", "user"), True, False),
        (VERIFIED, replace(WITH_KEY, password=False), ("pop", "user"), False, False),
        (VERIFIED, CHOSEN, ("pwd", "email"), False, False),
        (VERIFIED, WITH_APP, ("pwd", "otp", "mfa"), False, False),
        (VERIFIED, WITH_KEY, ("pop", "user", "mfa"), False, False),
        (VERIFIED, Factors(password=True), ("pwd",), False, False),
        (ADA, CHOSEN, ("pwd",), False, False),
    ],
)
def test_where_a_code_by_mail_is_a_second_step(
    user: User, factors: Factors, amr: tuple[str, ...], due: bool, taken: bool
):
    """After the first step, in an account whose address was proved, and nowhere else."""
    allowing, not_allowing = load({}, {"mailed_codes": True}), load({}, {})
    assert mailed_code_is_due(allowing, user, factors, amr) is due
    assert takes_mailed_code(allowing, user, factors, amr) is taken
    assert not mailed_code_is_due(not_allowing, user, factors, amr)
    assert not takes_mailed_code(not_allowing, user, factors, amr)


@pytest.mark.parametrize(
    ("factors", "taken"), [(CHOSEN, True), (WITH_APP, False), (WITH_KEY, False)]
)
def test_where_more_is_demanded_it_comes_before_an_app_is_set_up_and_nowhere_else(
    factors: Factors, taken: bool
):
    demanding = load({}, {"mailed_codes": True, "second_factor_for": "everyone"})
    assert takes_mailed_code(demanding, VERIFIED, factors, ("pwd",)) is taken


def test_without_mail_codes_by_mail_are_refused_at_the_start():
    served = {"issuer": "https://id.example.com", "mailed_codes": True}
    with pytest.raises(SettingsError, match="no code could be sent"):
        load({}, served)
    there = {"mail_host": "mail.example.com", "mail_sender": "id@example.com"}
    assert load({}, served | there).mailed_codes
    assert load({}, {"mailed_codes": True}).mailed_codes  # here mail is caught
