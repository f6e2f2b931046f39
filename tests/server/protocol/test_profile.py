"""A person's name: changed once, told to guards, and nothing in it that cannot be seen."""

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.profile import (
    LONGEST_NAME,
    Profile,
    change,
    known_language,
    tidy_name,
)
from counterfoil.server.records.event import EventKind
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio
PERSIAN = "\u0646\u0627\u0645\u0647\u200c\u0647\u0627"


@pytest.mark.parametrize(
    ("given", "name"),
    [("  Ada \t King ", "Ada King"), ("", None), (" \n ", None), (PERSIAN, PERSIAN)],
)
def test_a_name_stands_on_one_line(given: str, name: str | None):
    assert tidy_name(given) == name


@pytest.mark.parametrize("given", ["Ada\u202eKing", "Ada\x00", "\u200bAda", "x" * 101, "\ud800"])
def test_a_name_hides_nothing(given: str):
    with pytest.raises(OAuthError):
        tidy_name(given)


def test_only_joiners_are_no_name():
    assert tidy_name("\u200d" * LONGEST_NAME) is None


async def test_guards_are_told_of_another_name_and_not_of_the_same(
    place: Installation, person: Person
):
    """S67: each family of the person is named, and the event says that data changed."""
    await person.tokens()
    store = place.authority.store
    before, _ = await store.read(lambda tx: tx.notices.head())
    wanted = Profile("Ada King", "de")
    told = await store.transact(lambda tx: change(tx, person.user_id, wanted, CLI))
    assert told.position.number == before.number + 1
    again = await store.transact(lambda tx: change(tx, person.user_id, wanted, CLI))
    assert again.position == told.position
    kinds = [each.kind for each in await store.read(lambda tx: tx.events.latest(5))]
    assert kinds.count(EventKind.USER_DATA_CHANGED) == 1


@pytest.mark.parametrize("unverified", ["fr", "DE", "de-AT", " de", "d\u0435"])
def test_a_language_that_is_none_of_ours_is_refused(unverified: str):
    with pytest.raises(OAuthError, match="does not speak"):
        known_language(unverified)
    assert [known_language(each) for each in ("", "en", "de")] == ["", "en", "de"]
