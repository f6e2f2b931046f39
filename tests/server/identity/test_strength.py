"""Passwords that are guessed first are refused, in words; characters are nobody's business."""

import pytest

from counterfoil.server.identity.strength import weakness

ABOUT = ("grace.hopper@example.com", "Grace Hopper", "id.example.com")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("12345678", "Many people use this password"),
        ("PASSWORD1", "Many people use this password"),
        ("Password123!", "a word or a name"),
        ("grace.hopper@example.com", "a word or a name"),
        ("hopperhopper", "repeats itself"),
        ("aaaaaaaaaaaa", "repeats itself"),
        ("x" * 256, "repeats itself"),
        ("abcdefghij", "a sequence"),
        ("03.11.2001", "a date"),
    ],
)
def test_what_is_guessed_first_is_refused_with_the_reason(password: str, why: str):
    """S104: the sentence is for the person, and does not hold the password."""
    said = weakness(password, ABOUT)
    assert said is not None
    assert why in said
    assert "three or four words" in said
    assert password not in said


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "a password of her own",
        "kuchen fenster wolke",
        "\u5bc6\u7801\u662f\u4e00\u4e2a\u79d8\u5bc6\u7684\u8bcd",
        "v7Q\u00e4z!mL2k",
        "gr\u00fcn " * 3 + "and then something else entirely",
        "\U0001f98a\U0001f433\U0001f335\U0001f6b2\U0001f3b7\U0001f9ca\U0001f511\U0001f3d4",
    ],
)
def test_any_characters_make_a_good_one(password: str):
    """ASVS 6.2.5: no rule says which must be in it."""
    assert weakness(password, ABOUT) is None


def test_what_is_known_of_somebody_makes_it_weak():
    assert weakness("Xanthippos7", ("", "Ewa Xanthippos")) is not None
    assert weakness("Xanthippos7") is None
