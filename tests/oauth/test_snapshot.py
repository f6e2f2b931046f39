"""The snapshot's pages, however they are cut on their way: all that was signed, or nothing."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from counterfoil.oauth import snapshot
from counterfoil.oauth.revocations import Ended, Notice, RevocationSet
from counterfoil.oauth.snapshot import Snapshot, SnapshotPages, Unsound, page_of
from tests.oauth.test_revocations import MARKS, NOTICES, Marks, holding

BOOKS = st.lists(st.lists(NOTICES, max_size=5), max_size=5)


def body_of(pages: list[list[Notice]]) -> bytes:
    return b"".join(page_of(page) for page in pages)


def stated(body: bytes, count: int) -> Snapshot:
    sha256 = hashlib.sha256(body).hexdigest()
    return Snapshot("https://a.example", "e1", count, "d", 5.0, count, len(body), sha256)


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def read(reading: SnapshotPages, pieces: list[bytes]) -> RevocationSet:
    for piece in pieces:
        reading.feed(piece)
    return reading.proven()


@given(BOOKS, st.integers(1, 80), MARKS, st.integers(0, 20))
def test_however_it_is_cut_it_holds_the_notices(
    pages: list[list[Notice]], size: int, marks: Marks, now: int
):
    """S40, S41: all that lives; what may be forgotten is left out."""
    notices = [notice for page in pages for notice in page]
    body = body_of(pages)
    reading = SnapshotPages(stated(body, len(notices)), now)
    for piece in cut(body, size):
        reading.feed(piece)
    alive = [notice for notice in notices if notice.until > now]
    assert reading.proven().rejects(marks, now) == holding(alive).rejects(marks, now)
    assert reading.tells_of_keys == any(
        notice.kind in (Ended.KEY, Ended.KEYS_CHANGED) for notice in notices
    )


PAGES = [[Notice(Ended.TOKEN, "a", 9), Notice(Ended.API, "b", 9, 2)], [Notice(Ended.KEY, "k", 9)]]
BODY = body_of(PAGES)


def test_it_counts_only_when_it_is_whole():
    reading = SnapshotPages(stated(BODY, 3), 0)
    for piece in cut(BODY, 7):
        assert not reading.is_whole
        with pytest.raises(Unsound, match="broke off"):
            reading.proven()
        reading.feed(piece)
    assert len(reading.proven()) == 3


@pytest.mark.parametrize(
    ("statement", "body"),
    [
        (replace(stated(BODY, 3), count=4), BODY),
        (replace(stated(BODY, 3), sha256="0" * 64), BODY),
        (stated(BODY, 3), BODY[:-1]),
        (stated(BODY, 3), BODY + b"\n"),
        (stated(BODY, 3), BODY.replace(b'"a"', b'"c"')),
        (stated(BODY[:-1], 3), BODY[:-1]),
        (stated(b"nonsense\n", 0), b"nonsense\n"),
        (stated(b'{"more":[]}\n', 0), b'{"more":[]}\n'),
    ],
)
def test_what_is_not_what_was_signed_is_refused(statement: Snapshot, body: bytes):
    with pytest.raises(Unsound):
        read(SnapshotPages(statement, 0), [body])


def test_a_line_without_an_end_is_cut(monkeypatch: pytest.MonkeyPatch):
    """Even where the issuer signed it: memory stays bounded."""
    monkeypatch.setattr(snapshot, "MOST_BYTES_IN_LINE", 100)
    body = b"x" * 300
    reading = SnapshotPages(stated(body, 1), 0)
    with pytest.raises(Unsound, match="longer"):
        read(reading, cut(body, 50))


def test_an_ended_token_costs_few_bytes_on_the_wire():
    """S42."""
    page = page_of(Notice(Ended.TOKEN, f"{n:022}", 1_800_000_000 + n) for n in range(500))
    assert len(page) < 40 * 500
