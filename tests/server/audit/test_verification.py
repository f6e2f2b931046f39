"""Verifying a real database, whatever single thing was edited in it behind our back (S111)."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from counterfoil.server.audit import files
from counterfoil.server.audit.verification import Verification, verify
from counterfoil.server.audit.walk import Witness
from counterfoil.server.protocol import events
from counterfoil.server.protocol.erasure import erase_from_log
from counterfoil.server.records.audit import BEGINNING, Point
from tests.server.audit.test_keeping import DAY, Place, place

pytestmark = pytest.mark.anyio
__all__ = ["place"]

LINES = 25
CHAINED = (
    "at", "kind", "actor", "subject", "proof", "detail", "by_commitment", "about_commitment",
    "digest",
)  # fmt: skip
BESIDE = ("by_salt", "by_person", "address", "user_agent", "about_salt", "about_person")


async def verified(
    place: Place, heads: Sequence[Witness] = (), paths: Sequence[Path] = ()
) -> Verification:
    return await place.store.read(lambda tx: verify(tx, heads, paths))


async def head(place: Place) -> Witness:
    return Witness(await place.store.read(lambda tx: tx.events.last()), "The head")


def tamper(place: Place, sql: str, *values: object) -> None:
    """Edit the file as whoever owns it can: the triggers are in nobody's way."""
    engine = apsw.Connection(str(place.store._path))
    engine.set_busy_timeout(1000)
    triggers = "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
    for (name,) in engine.execute(triggers).fetchall():
        engine.execute(f"DROP TRIGGER {name}")
    engine.execute(sql, values)
    engine.close()


def stretches(found: Verification) -> list[tuple[int, int]]:
    return [(fault.first, fault.last) for fault in found.faults]


async def test_a_whole_log_is_sound_and_says_how_far_it_reaches(place: Place):
    """S111."""
    await place.happen(LINES)
    found = await verified(place, [await head(place)])
    assert (found.faults, found.unheard) == ((), ())
    assert (found.first, found.end.number, found.lines, found.heads) == (1, LINES, LINES, 1)


async def test_an_empty_log_is_sound(place: Place):
    assert (await verified(place)).faults == ()


async def test_the_store_itself_changes_and_deletes_no_line(place: Place):
    """S111: append-only, against mistakes of ours."""
    await place.happen(3)
    engine = apsw.Connection(str(place.store._path))
    engine.set_busy_timeout(1000)
    for column in ("number", *CHAINED):
        with pytest.raises(apsw.ConstraintError, match="never changed"):
            engine.execute(f"UPDATE events SET {column} = {column} WHERE number = 2")
    with pytest.raises(apsw.ConstraintError, match="leaves with its segment"):
        engine.execute("DELETE FROM events WHERE number = 3")
    engine.close()


EDITS = {
    "a changed byte": "UPDATE events SET {column} = {column} || 'x' WHERE number = ?",
    "a deleted line": "DELETE FROM events WHERE number = ?",
    "two swapped numbers": (
        "UPDATE events SET number = -number WHERE number IN (?1, ?1 + 1);"
        "UPDATE events SET number = 2 * ?1 + 1 + number WHERE number < 0"
    ),
    "a line put in": (
        "INSERT INTO events SELECT -?1, at, kind, actor, subject, proof, detail, by_commitment,"
        " about_commitment, digest, by_salt, by_person, address, user_agent, about_salt,"
        " about_person, about_detail FROM events WHERE number = ?1"
    ),
}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    edit=st.sampled_from(sorted(EDITS)),
    column=st.sampled_from([each for each in CHAINED if each != "at"]),
    number=st.integers(1, LINES - 1),
)
def test_any_single_edit_is_found_and_named(
    edit: str, column: str, number: int, tmp_path_factory: pytest.TempPathFactory
):
    """S111: a changed byte, a deleted, a swapped, an inserted line."""

    async def history() -> Verification:
        folder = tmp_path_factory.mktemp("log")
        place = Place(folder)
        await place.happen(LINES)
        for sql in EDITS[edit].format(column=column).split(";"):
            tamper(place, sql, number)
        found = await verified(place)
        await place.store.close()
        shutil.rmtree(folder)
        return found

    import anyio

    found = anyio.run(history)
    named = -number if edit == "a line put in" else number
    assert any(first <= named <= last for first, last in stretches(found)), stretches(found)


@pytest.mark.parametrize("column", BESIDE)
async def test_a_changed_field_beside_a_line_is_named(place: Place, column: str):
    """S111: who and from where cannot be changed unseen, only erased."""
    await place.happen(5)
    await place.store.transact(lambda tx: events.record(tx, *_sign_in()))
    other = "x'00'" if column.endswith("salt") else "'someone else'"
    tamper(place, f"UPDATE events SET {column} = {other} WHERE number = 6")
    assert stretches(await verified(place)) == [(6, 6)]


def _sign_in() -> tuple[Any, ...]:
    from counterfoil.server.records.event import EventKind
    from counterfoil.server.records.session import Origin

    by = events.by_user("grace", Origin("192.0.2.9", "Firefox"), events.PASSWORD)
    return EventKind.SIGN_IN_FAILED, by, "grace"


async def test_the_time_of_a_line_is_covered(place: Place):
    await place.happen(5)
    tamper(place, "UPDATE events SET at = at + 1 WHERE number = 3")
    assert stretches(await verified(place)) == [(3, 3)]


async def test_a_cut_tail_is_found_by_a_head_and_by_nothing_else(place: Place):
    """S111: a truncated log agrees with itself."""
    await place.happen(LINES)
    kept = await head(place)
    tamper(place, "DELETE FROM events WHERE number > ?", 20)
    assert (await verified(place)).faults == ()
    assert stretches(await verified(place, [kept])) == [(21, 25)]


async def test_a_cut_tail_of_a_closed_segment_is_found_without_a_head(place: Place):
    await place.happen(LINES)
    await place.keeper().tick()
    tamper(place, "DELETE FROM events WHERE number > ?", 18)
    assert stretches(await verified(place)) == [(19, 20)]


async def test_lines_before_a_head_that_were_written_anew_are_found(place: Place):
    """S111: with right digests from there on."""
    await place.happen(LINES)
    early, late = Witness(Point(5, ""), ""), await head(place)
    entries = await place.store.read(lambda tx: tx.events.entries(0, 100))
    early = Witness(Point(5, entries[4].digest), "The early head")
    tamper(place, "UPDATE events SET subject = 'other' WHERE number = 12")
    last = entries[10].digest
    for entry in await place.store.read(lambda tx: tx.events.entries(11, 100)):
        last = entry.line.after(last)
        tamper(place, "UPDATE events SET digest = ? WHERE number = ?", last, entry.line.number)
    assert (await verified(place)).faults == ()
    assert stretches(await verified(place, [early, late])) == [(6, LINES)]


async def test_erasing_a_person_is_no_tampering(place: Place):
    """S111: the chain holds, the head too, and it says how much was erased."""
    await place.happen(10)
    await place.happen(10, "grace")
    kept = await head(place)
    parts = await place.store.transact(lambda tx: erase_from_log(tx, "ada", events.CLI))
    found = await verified(place, [kept])
    assert (parts, found.erased_parts, found.faults) == (10, 10, ())


async def test_blanking_what_no_erasure_tells_of_is_found(place: Place):
    await place.happen(10)
    tamper(place, "UPDATE events SET about_salt = NULL, about_person = NULL, about_detail = NULL")
    (fault,) = (await verified(place)).faults
    assert "Lines 1 to 10 are blank beside the chain" in fault.sentence


async def test_verification_goes_on_over_dropped_segments_and_into_their_files(place: Place):
    """S111: by the recorded digests, and line by line where the files are given."""
    await place.happen(LINES)
    entries = await place.store.read(lambda tx: tx.events.entries(0, 100))
    heads = [Witness(Point(n, entries[n - 1].digest), f"head {n}") for n in (7, 20, 25)]
    place.clock.now += 31 * DAY
    await place.exporting(audit_segment_age=365 * DAY).tick()
    assert await place.numbers() == list(range(21, 26))
    without = await verified(place, heads)
    assert (without.faults, without.unheard) == ((), ("head 7 (line 7)",))
    assert without.unseen == ("lines 1 to 10", "lines 11 to 20")
    paths = sorted(place.exports.iterdir())
    found = await verified(place, heads, paths)
    assert (found.faults, found.unheard, found.files) == ((), (), 2)
    paths[0].write_bytes(paths[0].read_bytes().replace(b'"family-4"', b'"family-5"'))
    assert stretches(await verified(place, heads, paths)) == [(5, 5)]


async def dropped(place: Place) -> list[Path]:
    """Two segments whose lines stand in files alone, and five lines after them."""
    await place.happen(LINES)
    place.clock.now += 31 * DAY
    await place.exporting(audit_segment_age=365 * DAY).tick()
    return sorted(place.exports.iterdir())


async def test_a_file_that_has_gone_is_missed(place: Place):
    """S111: it was the only copy of its lines."""
    one, two = await dropped(place)
    assert stretches(await verified(place, paths=[two])) == [(1, 10)]
    assert stretches(await verified(place, paths=[one])) == [(11, 20)]


async def test_a_file_of_a_segment_that_was_never_closed_is_no_evidence(place: Place):
    """S111: whoever chains lines of their own from the beginning proves nothing with them."""
    paths = await dropped(place)
    header, entries = files.read(paths[0])
    some, last = [], BEGINNING
    for entry in list(entries)[:4]:
        line = replace(entry.line, actor="client:innocent")
        last = Point(line.number, line.after(last.digest))
        some.append(replace(entry, line=line, digest=last.digest))
    forged = replace(header, last_number=4, last_digest=last.digest)
    path = files.write(place.exports, forged, some)
    found = await verified(place, paths=[*paths, path])
    assert [fault.sentence for fault in found.faults] == [
        "The file of lines 1 to 4 is not the segment that was closed here."
    ]


async def test_blanking_a_file_is_found(place: Place):
    """S111: who did it is gone, and no erasure tells of that."""
    one, two = await dropped(place)
    header, entries = files.read(one)
    files.write(place.exports, header, [replace(each, about=None) for each in entries])
    assert stretches(await verified(place, paths=[one, two])) == [(1, 10)]


async def test_one_persons_erasure_does_not_pay_for_anothers(place: Place):
    """S111: no signed head could show it, for the chain stays as it was."""
    await place.happen(10)
    await place.happen(8, "bob")
    await place.store.transact(lambda tx: erase_from_log(tx, "ada", events.CLI))
    place.clock.now += 31 * DAY
    await place.exporting(audit_segment_age=365 * DAY).tick()
    assert await place.numbers() == list(range(11, 20))
    assert (await verified(place)).faults == ()
    blank = "UPDATE events SET about_salt = NULL, about_person = NULL, about_detail = NULL"
    tamper(place, f"{blank} WHERE about_person = 'bob'")
    assert stretches(await verified(place)) == [(11, 18)]


async def test_a_tampered_line_after_dropped_segments_is_found(place: Place):
    await place.happen(LINES)
    place.clock.now += 31 * DAY
    await place.exporting(audit_segment_age=365 * DAY).tick()
    tamper(place, "UPDATE events SET subject = 'x' WHERE number = 21")
    assert stretches(await verified(place)) == [(21, 21)]
    tamper(place, "DELETE FROM events WHERE number = 21")
    assert stretches(await verified(place)) == [(21, 21)]
    tamper(place, "DELETE FROM events")
    kept = Witness(Point(25, "x"), "head 25")
    assert stretches(await verified(place, [kept])) == [(21, 25)]


async def test_a_segment_whose_record_was_changed_is_found(place: Place):
    await place.happen(LINES)
    await place.keeper().tick()
    tamper(place, "UPDATE audit_segments SET last_digest = 'x' WHERE last_number = 10")
    assert (11, 20) in stretches(await verified(place))
