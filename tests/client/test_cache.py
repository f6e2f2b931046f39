"""Entries, and the cache in memory."""

import itertools
from collections.abc import Sized

import pytest

from counterfoil.client.cache import Entry, Kept, MemoryCache, read_kept, write_kept
from counterfoil.client.errors import CacheUnusable
from counterfoil.client.tokens import Tokens
from tests.client.conversation import ISSUER

ENTRY = Entry(issuer=ISSUER, client_id="app")
KEPT = Kept(tokens=Tokens(access_token="s3cret", scopes=frozenset({"a"})), key="k")


def test_every_part_of_an_entry_tells_it_from_others():
    entries = [
        Entry(issuer="https://a", client_id="b"),
        Entry(issuer="https://a", client_id="c"),
        Entry(issuer="https://b", client_id="b"),
        Entry(issuer="https://a", client_id="b", resource="c"),
        Entry(issuer="https://a", client_id="b", scope="c"),
        Entry(issuer="https://a", client_id="b", subject="c"),
        Entry(issuer="https://a", client_id="b", resource="c", scope="d"),
        Entry(issuer="https://a", client_id="b", scope="c d"),
    ]
    for one, other in itertools.combinations(entries, 2):
        assert one.name != other.name


def test_the_order_of_scopes_is_no_difference():
    one = Entry(issuer=ISSUER, client_id="a", scope="x y")
    assert one.name == Entry(issuer=ISSUER, client_id="a", scope="y  x").name


def test_a_name_says_nothing_of_what_is_kept():
    """It becomes the name of a file."""
    entry = Entry(issuer=ISSUER, client_id="app", subject="ada@example.com")
    assert set(entry.name) <= set("0123456789abcdef")


def test_what_is_written_is_read():
    cache = MemoryCache()
    assert read_kept(cache, ENTRY) is None
    write_kept(cache, ENTRY, KEPT)
    assert read_kept(cache, ENTRY) == KEPT
    cache.remove(ENTRY)
    cache.remove(ENTRY)
    assert read_kept(cache, ENTRY) is None


def test_what_is_something_else_is_said():
    cache = MemoryCache()
    cache.write(ENTRY, b"[]")
    with pytest.raises(CacheUnusable, match="sign in again"):
        read_kept(cache, ENTRY)


def test_one_at_a_time_has_an_entry():
    cache = MemoryCache()
    other = Entry(issuer=ISSUER, client_id="other")
    unlock = cache.try_lock(ENTRY)
    assert unlock is not None
    assert cache.try_lock(ENTRY) is None
    assert cache.try_lock(other) is not None
    unlock()
    assert cache.try_lock(ENTRY) is not None


def test_whoever_is_gone_leaves_nothing_behind():
    """A web app keeps an entry for each of its sessions, for years."""
    cache = MemoryCache()
    for number in range(100):
        entry = Entry(issuer=ISSUER, client_id="app", subject=str(number))
        unlock = cache.try_lock(entry)
        assert unlock is not None
        cache.write(entry, b"x")
        cache.remove(entry)
        unlock()
    del unlock
    assert [len(held) for held in vars(cache).values() if isinstance(held, Sized)] == [0, 0]


def test_nothing_shows_what_is_kept():
    cache = MemoryCache()
    write_kept(cache, ENTRY, KEPT)
    assert "s3cret" not in repr(cache) + repr(KEPT) + repr(ENTRY)
