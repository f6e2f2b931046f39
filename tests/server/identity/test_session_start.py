"""Beginning a session: how it was begun is written down, and how long it stays is chosen."""

import pytest

from counterfoil.server.identity.session_start import (
    Beginning,
    begin_session,
    offers_choice,
    style_of,
)
from counterfoil.server.records.session import Origin, SessionStyle
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import load
from tests.installation import Installation, Person


@pytest.mark.anyio
async def test_the_methods_of_a_sign_in_are_kept_and_those_of_the_next_take_their_place(
    place: Installation, person: Person
):
    """A session says what was shown at its time, not what was shown before."""

    async def begin(tx: Transaction, amr: tuple[str, ...], sessions: list[str]) -> None:
        user = await tx.users.find(person.user_id)
        assert user is not None
        current = await tx.sessions.find(sessions[-1]) if sessions else None
        started = await begin_session(
            place.authority, tx, user, Beginning(Origin(), current, amr=amr)
        )
        found = await tx.sessions.find(started.session.id)
        assert found is not None
        assert found.amr == amr
        sessions.append(found.id)

    sessions = list[str]()
    for amr in (("pwd", "otp", "mfa"), ("pwd",)):
        await place.authority.store.transact(lambda tx, amr=amr: begin(tx, amr, sessions))
    assert len(set(sessions)) == 1


@pytest.mark.parametrize(
    ("configured", "choice", "keep", "style"),
    [
        ("sliding", True, True, SessionStyle.SLIDING),
        ("sliding", True, False, SessionStyle.SESSION),
        ("persistent", True, True, SessionStyle.PERSISTENT),
        ("persistent", True, False, SessionStyle.SESSION),
        ("sliding", False, False, SessionStyle.SLIDING),
        ("persistent", False, False, SessionStyle.PERSISTENT),
        ("session", True, True, SessionStyle.SESSION),
        ("session", False, True, SessionStyle.SESSION),
    ],
)
def test_the_person_chooses_where_the_settings_let_them(
    configured: str, choice: bool, keep: bool, style: SessionStyle
):
    """S34: a tick that was not offered changes nothing."""
    settings = load({}, {"session_style": configured, "session_choice": choice})
    assert style_of(settings, keep=keep) is style
    assert offers_choice(settings) is (choice and configured != "session")
