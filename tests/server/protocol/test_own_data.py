"""What a person takes with them is theirs: of others an event tells only that somebody acted."""

import pytest

from counterfoil.server.protocol.own_data import PARTS, parts_of, told
from counterfoil.server.records.event import Event, EventKind
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


def event(actor: str, subject: str, kind: EventKind = EventKind.USER_DISABLED) -> Event:
    return Event(
        kind=kind,
        at=7,
        number=3,
        actor=actor,
        subject=subject,
        address="192.0.2.1",
        user_agent="Theirs",
    )


def test_who_else_acted_is_not_named_and_not_located():
    entry = told(event("user:boss", "me"), "me")
    assert entry["by"] == "administrator"
    assert "boss" not in str(entry)
    assert "192.0.2.1" not in str(entry)
    assert "Theirs" not in str(entry)


def test_whoever_has_the_command_line_is_an_administrator():
    """As the page of activity says."""
    assert told(event("cli", "me"), "me")["by"] == "administrator"
    assert told(event("server", "me"), "me")["by"] == "server"


def test_to_whom_it_was_done_is_not_named():
    entry = told(event("user:me", "other"), "me")
    assert entry["by"] == "you"
    assert entry["address"] == "192.0.2.1"
    assert "other" not in str(entry)


async def test_every_part_is_there_and_no_secret(place: Installation, person: Person):
    await person.tokens(scope="openid notes:read offline_access")
    user = await place.authority.store.read(lambda tx: tx.users.find(person.user_id))
    assert user is not None
    parts = await place.authority.store.read(lambda tx: parts_of(tx, user))
    assert set(PARTS) | {"made_at"} == set(parts)
    assert len(parts["sessions"]) == len(parts["grants"]) == len(parts["authorizations"]) == 1
    assert not [word for word in ("argon2", "digest", "sealed", "secret") if word in str(parts)]
