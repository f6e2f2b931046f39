"""Walking the chain: every single tampering is found, and named (S111)."""

from msgspec.structs import replace

from counterfoil.server.audit.walk import (
    Witness,
    beginning_of,
    contradicted,
    gaps_between,
    untold,
)
from counterfoil.server.records.audit import BEGINNING, Point
from counterfoil.server.records.event import EventKind
from tests.server.audit.log import event, log, named, rechained, segment_of, walked


def test_a_whole_log_is_walked_without_a_fault():
    walk = walked(log(20))
    assert walk.faults == []
    assert (walk.first, walk.at.number, walk.lines) == (1, 20, 20)


def test_every_field_of_a_line_is_covered():
    """S111: a changed line is named."""
    for field in ("at", "kind", "actor", "subject", "proof", "detail", "by", "about"):
        entries = log(9)
        line = entries[4].line
        other = line.at + 1 if field == "at" else getattr(line, field) + "x"
        entries[4] = replace(entries[4], line=replace(line, **{field: other}))
        assert (5, 5) in named(walked(entries).faults), field


def test_a_changed_digest_is_named():
    entries = log(9)
    entries[4] = replace(entries[4], digest=entries[3].digest)
    assert named(walked(entries).faults) == [(5, 5), (6, 6)]


def test_a_missing_line_is_named():
    """S111: also several, also at the beginning."""
    assert named(walked([*log(9)[:4], *log(9)[6:]]).faults) == [(5, 6)]
    assert named(walked(log(9)[2:]).faults) == [(1, 2)]
    assert walked(log(9)[2:]).faults[0].sentence == "Lines 1 to 2 are missing."


def test_swapped_lines_are_named():
    entries = log(9)
    entries[4], entries[5] = entries[5], entries[4]
    assert named(walked(entries).faults) == [(5, 5), (5, 5)]
    entries = log(9)
    (four, five) = entries[4], entries[5]
    entries[4] = replace(five, line=replace(five.line, number=5))
    entries[5] = replace(four, line=replace(four.line, number=6))
    assert {(5, 5), (6, 6)} <= set(named(walked(entries).faults))


def test_a_line_that_was_put_in_is_named():
    entries = log(9)
    twin = entries[4]
    assert named(walked([*entries[:5], twin, *entries[5:]]).faults) == [(5, 5)]
    before = replace(twin, line=replace(twin.line, number=0))
    assert named(walked([before, *entries]).faults) == [(0, 0)]


def test_what_stands_beside_a_line_may_go_and_not_change():
    """S111: erasing is no tampering, blanking one field of several is."""
    entries = log(9)
    by, about = entries[4].by, entries[4].about
    assert by is not None
    assert about is not None
    entries[4] = replace(entries[4], by=None, about=None)
    assert walked(entries).faults == []
    for other in (replace(by, person="someone"), replace(by, address=""), replace(by, salt=b"")):
        entries[4] = replace(entries[4], by=other)
        assert named(walked(entries).faults) == [(5, 5)]
    entries[4] = replace(entries[4], by=by, about=replace(about, person="someone"))
    assert named(walked(entries).faults) == [(5, 5)]


def test_erasures_that_no_line_tells_of_are_found():
    """S111: an erasure that was ordered covers the lines and parts that it names, and no others."""
    detail = {"parts": "2", "lines_by": "5", "lines_about": "5"}
    told = event(10, kind=EventKind.PERSONAL_DATA_ERASED, subject="events", detail=detail)
    from counterfoil.server.records.audit import entry_of

    entries = log(9)
    last = Point(9, entries[-1].digest)
    erasure = entry_of(replace(told, actor="cli", address="", user_agent=""), last, bytes)
    entries[4] = replace(entries[4], by=None, about=None)
    assert untold([walked([*entries, erasure])]) == []
    assert named(untold([walked(entries)])) == [(5, 5)]
    entries[6] = replace(entries[6], by=None)
    (hidden,) = untold([walked([*entries, erasure])])
    assert hidden.sentence == "Line 7 is blank beside the chain: no erasure tells of it."


def head(number: int, digest: str) -> Witness:
    return Witness(Point(number, digest), f"head {number}")


def test_a_chain_that_was_written_anew_contradicts_a_head():
    """S111: somebody who can write everything is found by who kept a signed head."""
    honest = log(20)
    forged = rechained([*honest[:9], replace(honest[9], by=None), *honest[11:], *log(1)])
    assert walked(forged).faults == []
    heads = [head(n, honest[n - 1].digest) for n in (4, 8, 15, 20)]
    faults, unheard = contradicted(walked(forged).passed, 20, heads)
    assert (named(faults), unheard) == ([(9, 15), (9, 20)], [])


def test_a_cut_tail_contradicts_a_head():
    """S111: a head knows how far the log reached."""
    honest = log(20)
    cut = walked(honest[:15])
    assert cut.faults == []
    faults, _ = contradicted(cut.passed, 15, [head(15, honest[14].digest)])
    assert faults == []
    faults, _ = contradicted(cut.passed, 15, [head(18, honest[17].digest)])
    assert named(faults) == [(16, 18)]
    assert faults[0].sentence == "Lines 16 to 18 are missing at the end: head 18 knew them."


def test_a_head_of_lines_that_are_not_there_is_not_heard():
    assert contradicted({}, 20, [head(5, "x")]) == ([], [head(5, "x")])


def test_the_walk_begins_where_the_dropped_segments_end():
    """S111: the recorded digest carries the chain over the gap."""
    entries = log(20)
    first = segment_of(entries[:10], dropped_at=1)
    second = segment_of(entries[10:15], first.end)
    start = beginning_of(11, [first, second])
    assert start == first.end
    assert walked(entries[10:], start).faults == []
    assert beginning_of(None, []) == beginning_of(1, []) == BEGINNING
    assert named(walked(entries[11:], beginning_of(12, [first, second])).faults) == [(11, 11)]


def test_a_segment_that_is_being_dropped_is_walked_from_its_first_line_left():
    entries = log(20)
    first = segment_of(entries[:10], dropped_at=1)
    walk = walked(entries[6:], beginning_of(7, [first]))
    assert (walk.faults, walk.passed[10]) == ([], first.last_digest)


def test_segments_that_do_not_join_are_found():
    entries = log(20)
    first = segment_of(entries[:10])
    second = segment_of(entries[10:], first.end)
    assert gaps_between([first, second]) == []
    assert named(gaps_between([second])) == [(11, 20)]
    assert named(gaps_between([first, replace(second, digest_before="x")])) == [(11, 20)]
