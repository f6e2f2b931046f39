"""A snapshot on its way in: the statement first, then what it speaks of."""

import pytest

from counterfoil.guard.snapshot_reader import SnapshotReader, Untrusted
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.oauth.snapshot import Snapshot
from tests.guard.issuer import Book

NOW = 1_800_000_000.0


@pytest.fixture
def book() -> Book:
    book = Book("https://issuer.example")
    for number in range(5):
        book.add(Notice(Ended.TOKEN, f"t{number}", int(NOW) + 60))
    return book


def feed_all(reader: SnapshotReader, pieces: list[bytes]) -> None:
    for piece in pieces:
        reader.feed(piece)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_it_is_read_however_it_is_cut(book: Book, size: int):
    reader = SnapshotReader(lambda _: book.statement(NOW), NOW)
    wire = book.signed_snapshot(NOW)
    for at in range(0, len(wire), size):
        with pytest.raises(Untrusted):
            reader.pages()
        reader.feed(wire[at : at + size])
    assert len(reader.pages().proven()) == 5


def test_nothing_is_read_before_the_statement_is_genuine(book: Book):
    seen: list[str] = []

    def refuse(signed: str) -> Snapshot:
        seen.append(signed)
        raise Untrusted("a stranger")

    reader = SnapshotReader(refuse, NOW)
    wire = book.signed_snapshot(NOW)
    with pytest.raises(Untrusted, match="stranger"):
        reader.feed(wire)
    assert seen == [wire.partition(b"\n")[0].decode()]


def test_a_statement_without_an_end_is_cut(book: Book):
    reader = SnapshotReader(lambda _: book.statement(NOW), NOW)
    with pytest.raises(Untrusted, match="does not begin"):
        feed_all(reader, [b"x" * 1024] * 20)


def test_more_than_the_statement_says_is_refused(book: Book):
    reader = SnapshotReader(lambda _: book.statement(NOW), NOW)
    with pytest.raises(Untrusted, match="more follows"):
        reader.feed(book.signed_snapshot(NOW) + b"{}")
