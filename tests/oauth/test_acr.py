"""What ways of signing in amount to, and which are enough (RFC 8176)."""

import pytest

from counterfoil.oauth.acr import (
    CLASSES,
    acr_of,
    first_factor,
    is_enough,
    least_of,
    strongest_of,
    with_mailed_code,
    with_second,
)


@pytest.mark.parametrize(
    ("amr", "acr"),
    [
        ((), "sfa"),
        (("pwd",), "sfa"),
        (("pop",), "sfa"),
        (("otp",), "sfa"),
        (("pwd", "otp", "mfa"), "mfa"),
        (("pop", "user", "mfa"), "phr"),
        (("pwd", "pop", "mfa"), "phr"),
        (("phr",), "sfa"),
    ],
)
def test_only_several_factors_make_more_than_one(amr: tuple[str, ...], acr: str):
    assert acr_of(amr) == acr


@pytest.mark.parametrize(
    ("acr_values", "least"),
    [
        ((), None),
        (("urn:other",), None),
        (("phr", "mfa"), "mfa"),
        (("urn:other", "phr"), "phr"),
        (("sfa", "phr"), "sfa"),
    ],
)
def test_the_weakest_that_will_do_is_demanded(acr_values: tuple[str, ...], least: str | None):
    assert least_of(acr_values) == least


def test_a_stronger_class_is_enough_and_a_weaker_is_not():
    ways = {"sfa": ("pwd",), "mfa": ("pwd", "otp", "mfa"), "phr": ("pop", "user", "mfa")}
    for strength, name in enumerate(CLASSES):
        assert is_enough(ways[name], None)
        for demanded, least in enumerate(CLASSES):
            assert is_enough(ways[name], least) is (strength >= demanded)


@pytest.mark.parametrize(
    ("named", "strongest"),
    [((), None), ((None,), None), ((None, "mfa"), "mfa"), (("phr", "mfa"), "phr"), (("x",), None)],
)
def test_of_several_demands_the_strongest_counts(
    named: tuple[str | None, ...], strongest: str | None
):
    assert strongest_of(named) == strongest


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("pwd",), ("pwd", "otp", "mfa")),
        (("pwd", "otp", "mfa"), ("pwd", "otp", "mfa")),
        (("pop", "user", "mfa"), ("pop", "user", "otp", "mfa")),
    ],
)
def test_a_second_method_is_added_once(before: tuple[str, ...], after: tuple[str, ...]):
    assert with_second(before, "otp") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("pwd",), ("pwd",)),
        (("pwd", "otp", "mfa"), ("pwd",)),
        (("pwd", "pop", "user", "mfa"), ("pwd",)),
        (("fed", "otp", "mfa"), ("fed",)),
        (("pop", "user", "mfa"), ("pop", "user")),
        (("pop", "user"), ("pop", "user")),
    ],
)
def test_without_the_second_factor_it_is_one(before: tuple[str, ...], after: tuple[str, ...]):
    assert first_factor(before) == after
    assert acr_of(first_factor(before)) == "sfa"


def test_a_code_by_mail_is_said_and_makes_no_more_of_it():
    """The mailbox resets the password too: with it there are no two factors (ASVS V6.3.6)."""
    amr = with_mailed_code(("pwd",))
    assert amr == ("pwd", "email")
    assert with_mailed_code(amr) == amr
    assert acr_of(amr) == "sfa"
    assert not is_enough(amr, "mfa")
    assert first_factor(amr) == ("pwd",)
    assert acr_of(with_second(amr, "otp")) == "mfa"
    assert first_factor(with_second(amr, "otp")) == ("pwd",)
