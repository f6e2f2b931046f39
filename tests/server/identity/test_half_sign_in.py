"""Half a sign-in: sealed to its browser, and over when what it rests on changes."""

import pytest
from msgspec.structs import replace

from counterfoil.server.identity.half_sign_in import (
    LIFETIME,
    HalfSignIn,
    generation_of,
    seal,
    unseal,
)
from counterfoil.server.keys.sealing import Sealing
from counterfoil.server.records.user import User

ADA = User(id="ada", email="ada@example.com", created_at=1, password_hash="$argon2id$one")
HALF = HalfSignIn(id="h", user_id="ada", at=100, generation=generation_of(ADA), keep=True)
SEALING = Sealing(b"k" * 32, bytes)


def test_it_opens_in_its_own_browser_and_nowhere_else():
    sealed = seal(SEALING, HALF, "browser")
    assert unseal(SEALING, sealed, "browser") == HALF
    assert unseal(SEALING, sealed, "another") is None
    assert unseal(Sealing(b"l" * 32, bytes), sealed, "browser") is None
    for broken in ("", "x", sealed[:-4], "é", "A" * 4096):
        assert unseal(SEALING, broken, "browser") is None


@pytest.mark.parametrize(
    ("user", "now", "good"),
    [
        (ADA, 100, True),
        (ADA, 100 + LIFETIME - 1, True),
        (ADA, 100 + LIFETIME, False),
        (replace(ADA, id="grace"), 100, False),
        (replace(ADA, disabled_at=99), 100, False),
        (replace(ADA, password_hash="$argon2id$two"), 100, False),
        (replace(ADA, password_hash=None), 100, False),
        (replace(ADA, endings=1), 100, False),
    ],
)
def test_it_is_good_for_a_while_and_for_one_password(user: User, now: int, good: bool):
    assert HALF.is_good(user, now) is good


def test_the_password_cannot_be_told_from_its_generation():
    assert "argon2" not in generation_of(ADA)
