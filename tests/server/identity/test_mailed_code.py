"""A code by mail: drawn evenly, kept as a MAC, of one person and one place (ASVS V6.6.2)."""

from types import SimpleNamespace
from typing import Any

import pytest

from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity import mailed_code
from counterfoil.server.identity.mailed_code import DIGITS, LIFETIME, Asked, Sent
from counterfoil.server.identity.second_factor import Guess
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.user import User
from tests.installation import Installation, Person
from tests.mailed_codes import codes_for

pytestmark = pytest.mark.anyio


def drawn(octets: bytes) -> str:
    tx: Any = SimpleNamespace(random=lambda count: octets[-count:].rjust(count, b"\0"))
    return mailed_code.drawn(tx)


def test_a_code_is_eight_digits_of_far_more_chance_than_it_shows():
    assert drawn(b"\x07") == "00000007"
    assert drawn((10**DIGITS + 42).to_bytes(16, "big")) == "00000042"
    assert drawn(b"\xff" * 16) == str((2**128 - 1) % 10**8).zfill(8)


async def sent(place: Installation, user: User, asked: Asked) -> Sent:
    authority = place.authority
    return await authority.store.transact(
        lambda tx: mailed_code.send(authority, tx, user, (asked, CLI))
    )


async def spent(place: Installation, user: User, typed: str, holder: str) -> bool:
    guess = Guess(user, Secret(typed))
    authority = place.authority
    return await authority.store.transact(
        lambda tx: mailed_code.spend(authority, tx, guess, holder, CLI)
    )


async def user_of(place: Installation, person: Person) -> User:
    user = await place.authority.store.read(lambda tx: tx.users.find(person.user_id))
    assert user is not None
    return user


async def test_it_is_spent_at_its_own_place_by_its_own_person_once(
    place: Installation, person: Person
):
    user = await user_of(place, person)
    other = await place.add_user(f"other-{person.email}")
    until = int(place.clock()) + LIFETIME
    assert await sent(place, user, Asked("here", until)) is Sent.SENT
    (code,) = await codes_for(person)
    assert not await spent(place, user, code, "there")
    assert not await spent(place, other, code, "here")
    assert await spent(place, user, f" {code} ", "here")
    assert not await spent(place, user, code, "here")


@pytest.mark.parametrize("typed", ["", "1", "1234567", "123456789", "١٢٣٤٥٦٧٨", "12345678 x", "\0"])
async def test_what_cannot_be_a_code_is_none(place: Installation, person: Person, typed: str):
    user = await user_of(place, person)
    assert not await spent(place, user, typed, "here")


async def test_so_many_are_sent_in_an_hour(place: Installation, person: Person):
    user, now = await user_of(place, person), int(place.clock())
    most = place.authority.settings.mailed_codes_per_hour
    asked = [await sent(place, user, Asked("here", now + LIFETIME)) for _ in range(most + 1)]
    assert asked == [*[Sent.SENT] * most, Sent.OFTEN]
    place.clock.turn(3600)
    later = Asked("here", int(place.clock()) + LIFETIME)
    assert await sent(place, user, later) is Sent.SENT
