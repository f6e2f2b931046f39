"""A right to mint: when it stands, and whom it names."""

from counterfoil.oauth.access import Access
from counterfoil.server.records.mint_right import MintRight

RIGHT = MintRight(
    id="r",
    client_id="c",
    access=Access({"https://notes.example": frozenset({"notes:read"})}),
    longest=60,
    created_at=100,
    ends_at=200,
    given_by="cli",
    users=("ada",),
)


def test_it_stands_until_its_last_second():
    assert RIGHT.is_live(199)
    assert not RIGHT.is_live(200)


def test_it_names_people_or_any():
    assert RIGHT.names("ada")
    assert not RIGHT.names("eve")
