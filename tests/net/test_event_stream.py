"""Server-sent events (WHATWG HTML, "Server-sent events")."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.net.event_stream import Event, EventParser, TooLong, event

FIELDS = [b"data: a", b"data:b", b"data", b"event: notice", b"id: e1:7", b"id:", b"retry: 10"]
OTHERS = [b": comment", b"unknown: x", b"data: \xc3\xa4\xff", b"\r", b"\n", b"\r\n", b"\n\n", b"x"]
PIECES = st.lists(st.sampled_from([*FIELDS, *OTHERS]), max_size=30).map(b"".join)
ONE_LINE = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))
TEXT = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]))


def parsed(*chunks: bytes) -> list[Event]:
    parser = EventParser()
    return [each for chunk in chunks for each in parser.feed(chunk)]


@given(PIECES, st.lists(st.integers(0, 200)))
def test_any_chunking_gives_the_same_events(stream: bytes, cuts: list[int]):
    ends = sorted({min(cut, len(stream)) for cut in cuts} | {len(stream)})
    chunks = [stream[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    assert parsed(*chunks) == parsed(stream) == parsed(*(bytes([b]) for b in stream))


WHOLE = st.tuples(
    st.sampled_from([b"", b"event: notice\n", b"event:  x\n", b"event: \n", b"event:y\n"]),
    st.sampled_from([b"", b"id: e1:7\n", b"id: \n", b"id: a\0b\n", b"id\n", b"id: \xff\n"]),
    st.sampled_from([b"data: a\n", b"data:  \n", b"data: \n", b"data: \xc3\xa4\xff\n", b""]),
    st.sampled_from([b"\n", b"\n\n", b"data: b\n\n", b"\r\n", b"", b"\ndata: c"]),
).map(b"".join)


@given(st.lists(WHOLE, max_size=6))
def test_events_that_come_whole_are_read_as_those_that_come_in_pieces(chunks: list[bytes]):
    assert parsed(*chunks) == parsed(*(bytes([b]) for b in b"".join(chunks)))


@given(st.lists(st.tuples(ONE_LINE.filter(bool), TEXT, ONE_LINE), max_size=5))
def test_what_is_written_is_read_back(events: list[tuple[str, str, str]]):
    stream = b"".join(event(name, data, event_id) for name, data, event_id in events)
    read = parsed(stream)
    assert [(each.name, each.data) for each in read] == [each[:2] for each in events]
    last = ""
    for each, (_, _, event_id) in zip(read, events, strict=True):
        last = event_id or last
        assert each.last_id == last


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [Event("message", "a")]),
        (b"data: a\r\n\r\n", [Event("message", "a")]),
        (b"data: a\r\rdata: b\r\r", [Event("message", "a"), Event("message", "b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event("message", "a")]),
        (b"\n\xef\xbb\xbfdata: a\n\n", []),
        (b"data: a\ndata: b\n\n", [Event("message", "a\nb")]),
        (b"data\n\n", [Event("message", "")]),
        (b"data:  a\n\n", [Event("message", " a")]),
        (b"event: x\n\ndata: a\n\n", [Event("message", "a")]),
        (b"id: 1\n\ndata: a\n\n", [Event("message", "a", "1")]),
        (
            b"id: 1\ndata: a\n\ndata: b\n\n",
            [Event("message", "a", "1"), Event("message", "b", "1")],
        ),
        (b"id: 1\ndata: a\nid\n\n", [Event("message", "a", "")]),
        (b"id: 1\nid: 2\0\ndata: a\n\n", [Event("message", "a", "1")]),
        (b"DATA: a\n\n", []),
        (b"data: a", []),
        (b"data: a\n", []),
        (b": only a comment\n\n", []),
    ],
)
def test_the_rules_of_the_format(stream: bytes, expected: list[Event]):
    assert parsed(stream) == expected


@pytest.mark.parametrize("stream", [b"data: " + b"a" * 200, b"data: aaaaaaaaa\n" * 20])
def test_a_line_and_an_event_have_a_bound(stream: bytes):
    parser = EventParser(max_bytes=100)
    with pytest.raises(TooLong):
        [parser.feed(bytes([byte])) for byte in stream]


def test_an_endless_stream_of_small_events_has_none():
    parser = EventParser(max_bytes=100)
    assert sum(len(parser.feed(b"data: aaaa\n\n: beat\n")) for _ in range(1000)) == 1000


@pytest.mark.parametrize(("name", "event_id"), [("a\nb", ""), ("a", "1\r2"), ("a", "1\0")])
def test_nothing_breaks_out_of_its_line(name: str, event_id: str):
    with pytest.raises(ValueError, match="one line"):
        event(name, "x", event_id)
