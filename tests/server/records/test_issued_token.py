"""Tokens that were written down."""

from counterfoil.oauth.revocations import Marks
from counterfoil.server.records.issued_token import LIST_SIZE, MOST_FILLED, IssuedToken


def test_a_free_place_is_soon_found_by_chance():
    """Each try finds one with at least even odds, and the places fill whole bytes."""
    assert MOST_FILLED * 2 <= LIST_SIZE
    assert LIST_SIZE % 8 == 0


def test_a_row_holds_no_token():
    """S85: whoever reads the database cannot use what stands there."""
    marks = Marks("jti", "", "c", 1, "a", 1, "", 0)
    row = IssuedToken(digest=b"d" * 32, marks=marks, expires_at=1, kept_until=2)
    assert set(row.__struct_fields__) == {
        "digest", "marks", "expires_at", "kept_until", "claims", "place",
    }  # fmt: skip
