"""What waits in the outbox is sealed: a copy of the database shows no address and no link."""

from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.server.keys.sealing import NotSealed
from counterfoil.server.mail.posting import opened, post
from counterfoil.server.records.letter import Letter, LetterKind, Waiting
from tests.installation import Installation

pytestmark = pytest.mark.anyio

LETTER = Letter(
    id="letter-1",
    kind=LetterKind.NEW_PASSWORD,
    to="ada@example.com",
    language="en",
    written_at=1_800_000_000,
    values={"link": "https://id.example/new-password?token=cfal_secret"},
)


async def waiting_in(place: Installation) -> Waiting:
    async def work(tx: Any) -> Waiting:
        await post(tx, place.authority.letters, LETTER, 3600)
        found = await tx.outbox.claim(tx.now, tx.now)
        await tx.outbox.remove(found.id)
        return found  # type: ignore[no-any-return]

    return await place.authority.store.transact(work)


async def test_only_its_seal_opens_it(place: Installation):
    waiting = await waiting_in(place)
    assert opened(waiting, place.authority.letters) == LETTER
    for word in (b"ada", b"cfal_", b"new_password"):
        assert word not in waiting.sealed


async def test_it_opens_as_no_other_letter(place: Installation):
    """Whoever can write into the database cannot have one person's letter sent as another's."""
    waiting = await waiting_in(place)
    with pytest.raises(NotSealed):
        opened(replace(waiting, id="letter-2"), place.authority.letters)


def test_it_shows_neither_address_nor_link():
    assert repr(LETTER) == "Letter(id='letter-1', kind='new_password')"
