"""A fingerprint alone: as strong as it can be without a row for each token (S48)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.explain import explain
from counterfoil.server.protocol.explaining.explanation import Outcome, Verdict
from counterfoil.server.protocol.identifiers import family_in, is_fingerprint
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def test_a_token_that_was_never_seen_is_ended_and_explained_by_its_family(
    place: Installation, person: Person
):
    """S48: every token of a family has a name that begins with the family's."""
    await person.tokens()
    (family,) = await place.authority.store.read(
        lambda tx: tx.families.live_of_user(person.user_id)
    )
    unseen = f"{family.id}.{'x' * 16}"
    assert (await explain(place.authority, unseen)).owner == person.user_id
    await place.authority.store.transact(
        lambda tx: revocation.end_family(tx, family.id, "revoked", events.CLI)
    )
    found = await explain(place.authority, unseen)
    assert (found.verdict, found.decided_by, found.by) == (Verdict.REFUSED, "family", "cli")


async def test_a_clients_own_token_is_known_once_it_was_ended(place: Installation):
    """S48: it has no family; its notice and its event tell of it."""
    name = "c" * 22
    assert (await explain(place.authority, name)).verdict is Verdict.UNKNOWN
    await place.authority.store.transact(
        lambda tx: revocation.end_token(tx, name, None, events.CLI)
    )
    found = await explain(place.authority, name)
    assert (found.verdict, found.decided_by, found.owner) == (Verdict.REFUSED, "token", "")
    assert [step.check for step in found.steps] == ["token", "the_rest"]
    assert found.steps[-1].outcome is Outcome.UNKNOWN


@given(st.text(max_size=60))
def test_only_names_that_we_spell_are_fingerprints(text: str):
    parts = text.split(".")
    spelled = all(c.isascii() and (c.isalnum() or c in "-_") for c in "".join(parts))
    lengths = [len(part) for part in parts]
    assert is_fingerprint(text) == (spelled and lengths in ([22], [22, 16]))
    assert (family_in(text) != "") == (spelled and lengths == [22, 16])
