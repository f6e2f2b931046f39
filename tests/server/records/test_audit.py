"""The lines of the audit log: what is chained, what stands beside and can be erased (S111)."""

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.feed import next_digest
from counterfoil.server.records.audit import (
    BEGINNING,
    ERASED,
    Concerned,
    Doer,
    Entry,
    Point,
    commitment,
    entry_of,
    event_of,
)
from counterfoil.server.records.event import SUBJECTS, Event, EventKind

ADDRESS, BROWSER = "192.0.2.77", "Mozilla/5.0 (X11; Linux)"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.text(st.characters(categories=["L", "N"]), min_size=7, max_size=22)


def salts(count: int) -> bytes:
    return b"s" * count


def event(kind: EventKind = EventKind.FAMILY_ENDED, **fields: Any) -> Event:
    whole = Event(
        kind=kind,
        at=1_800_000_000,
        actor="user:ada-lovelace",
        subject="family-1",
        proof="session:s1",
        address=ADDRESS,
        user_agent=BROWSER,
        detail={"why": "asked", "user_id": "grace-hopper"},
    )
    return msgspec.structs.replace(whole, **fields)


def entry(given: Event, last: Point = BEGINNING) -> Entry:
    return entry_of(given, last, salts)


def test_each_digest_covers_the_one_before_and_the_line():
    """S111: digest n = SHA-256(digest n-1 ‖ line n)."""
    first = entry(event())
    second = entry(event(), Point(first.line.number, first.digest))
    assert (first.line.number, second.line.number) == (1, 2)
    assert second.digest == next_digest(first.digest, msgspec.json.encode(second.line))
    assert first.digest == next_digest(BEGINNING.digest, msgspec.json.encode(first.line))


def test_what_is_chained_names_and_locates_nobody():
    """S111: personal fields stand beside the chain."""
    for kind in EventKind:
        subject = "grace-hopper" if SUBJECTS[kind] == "user" else "family-1"
        detail = {"user_id": "grace-hopper", "email": "g@example.com", "place": "Paris", "why": "x"}
        detail |= {"a name that nobody has thought of": "Paris"}
        chained = msgspec.json.encode(entry(event(kind, subject=subject, detail=detail)).line)
        for personal in ("ada-lovelace", "grace-hopper", ADDRESS, BROWSER, "g@example", "Paris"):
            assert personal.encode() not in chained, kind


def test_ids_that_are_no_persons_are_chained():
    """S111: who did what stays provable when people are erased."""
    line = entry(event(actor="client:app", address="", user_agent="")).line
    assert (line.actor, line.subject, line.proof) == ("client:app", "family-1", "session:s1")
    assert line.detail == '{"why":"asked"}'
    assert line.by == ""


def test_a_commitment_is_the_hash_of_salt_and_fields():
    """S111: without the salt nobody can guess what was committed to."""
    doer = Doer(b"salt", "ada", ADDRESS, BROWSER)
    fields = msgspec.json.encode(["ada", ADDRESS, BROWSER])
    digest = hashlib.sha256(b"salt" + fields).digest()
    assert commitment(doer) == next_digest_spelling(digest)
    assert commitment(doer) != commitment(Doer(b"tlas", "ada", ADDRESS, BROWSER))
    assert commitment(Concerned(b"s", "a", "b")) != commitment(Concerned(b"s", "ab", ""))


def next_digest_spelling(digest: bytes) -> str:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(digest).rstrip(b"=").decode()


@given(
    kind=st.sampled_from(EventKind),
    actor=st.sampled_from(["cli", "janitor", "client:app", "user:someone"]),
    texts=st.tuples(TEXTS, TEXTS, NAMES, NAMES),
    detail=st.dictionaries(st.sampled_from(["why", "client_id", "email", "how"]), TEXTS),
    concerned=st.booleans(),
)
def test_an_event_comes_back_as_it_was(
    kind: EventKind, actor: str, texts: tuple[str, ...], detail: dict[str, str], concerned: bool
):
    address, agent, subject, user_id = texts
    if concerned:
        detail = detail | {"user_id": user_id}
    given = event(
        kind, actor=actor, subject=subject, address=address, user_agent=agent, detail=detail
    )
    made = entry(given)
    assert event_of(made) == msgspec.structs.replace(given, number=1)
    assert not made.belies_its_commitments
    assert made.erased.parts == 0


@pytest.mark.parametrize(
    ("actor", "user_id", "by", "about"),
    [
        ("user:ada-lovelace", "ada-lovelace", None, None),
        ("user:ada-lovelace", "grace-hopper", None, "grace-hopper"),
        ("user:grace-hopper", "ada-lovelace", "grace-hopper", None),
        ("client:app", "ada-lovelace", None, None),
        ("client:app", "grace-hopper", "", "grace-hopper"),
        ("cli", "grace-hopper", "", "grace-hopper"),
    ],
)
def test_erasing_takes_a_persons_part_and_no_others(
    actor: str, user_id: str, by: str | None, about: str | None
):
    """S111: an administrator's deed stays theirs when the person they did it to is erased."""
    before = entry(event(actor=actor, detail={"user_id": user_id}))
    after = before.without("ada-lovelace")
    assert after.line == before.line
    assert (after.by.person if after.by else None) == by
    assert (after.about.person if after.about else None) == about
    assert not after.belies_its_commitments
    assert after.erased.parts == (by is None) + (about is None)


def test_an_erased_person_is_shown_as_erased():
    """S111."""
    gone = entry(event(EventKind.USER_DISABLED, subject="ada-lovelace", detail={}))
    shown = event_of(gone.without("ada-lovelace"))
    assert (shown.actor, shown.subject) == (f"user:{ERASED}", ERASED)
    assert (shown.address, shown.user_agent) == ("", "")
    family = event_of(entry(event(detail={"user_id": "ada-lovelace"})).without("ada-lovelace"))
    assert family.detail == {"user_id": ERASED}


def test_a_kind_that_nobody_has_described_keeps_its_subject_beside_the_chain():
    """The table is whole; where it were not, a person's id must not be chained by mistake."""
    assert set(SUBJECTS) == set(EventKind)
    assert set(SUBJECTS.values()) == {
        "user", "session", "grant", "family", "token", "client", "api", "lifetime", "key", "log",
        "database", "secret", "provider",
    }  # fmt: skip


def test_what_a_stranger_sends_is_cut():
    made = entry(event(address="1" * 10_000, user_agent="x" * 10_000_000))
    assert made.by is not None
    assert (len(made.by.address), len(made.by.user_agent)) == (256, 256)
