"""The audit log against what a guard in another process kept of the notices feed (S111)."""

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from counterfoil.guard import Guard
from counterfoil.guard.policy import Options
from counterfoil.server.audit.verification import Verification, verify
from counterfoil.server.audit.witnesses import HeadReader
from tests.flows.serving import fresh, served, until
from tests.installation import NOTES, Installation

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("data")) as place:
        yield place


async def verified(place: Installation, kept: str) -> Verification:
    store = place.authority.store
    keys = await store.read(lambda tx: tx.signing_keys.feed_keys())
    heads = HeadReader(place.issuer, tuple(keys)).witnesses(kept)
    return await store.read(lambda tx: verify(tx, heads, []))


async def kept_by_a_guard(place: Installation, folder: Path) -> str:
    """Let a guard follow the feed until it has kept a head, then stop it."""
    with Guard(issuer=place.issuer, audience=NOTES, options=Options(state_dir=folder)) as guard:
        await fresh(guard)
        await until(lambda: "head" in content_of(folder))
    return content_of(folder)


def content_of(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("*.json"))


@pytest.mark.one_engine("about the file of SQLite")
async def test_a_guards_kept_file_is_a_witness_of_the_log(place: Installation, tmp_path: Path):
    """S111: anchored by the signed heads, which every guard keeps."""
    kept = await kept_by_a_guard(place, tmp_path)
    await place.add_user("later@example.com")
    found = await verified(place, kept)
    assert (found.faults, found.unheard, found.heads > 0) == ((), (), True)
    last = found.end.number
    engine = apsw.Connection(str(place.authority.settings.data / "counterfoil.db"))
    engine.set_busy_timeout(5000)
    engine.execute("DROP TRIGGER events_leave_with_their_segment")
    engine.execute("DELETE FROM events WHERE number > 3")
    engine.close()
    (fault,) = (await verified(place, kept)).faults
    assert fault.first == 4
    assert fault.last == last - 1
    assert "missing at the end: The signed head of" in fault.sentence
