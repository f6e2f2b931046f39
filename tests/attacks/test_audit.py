"""Attacks on the audit log: forged and enormous lines, names that steer whoever reads it (S111)."""

import asyncio
import json
from pathlib import Path

import pytest

from counterfoil.server.audit import files
from counterfoil.server.audit.files import header_of
from counterfoil.server.audit.verification import verify
from counterfoil.server.protocol import events
from counterfoil.server.records.audit import BEGINNING, Segment
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.store import Transaction
from tests.attacks.wire import Sent, send
from tests.cli.conftest import Installation as CommandLine
from tests.installation import Installation, Person, hidden_fields

pytestmark = pytest.mark.anyio

AGENTS = (
    b"Firefox\n2026-01-01 family_ended cli",
    b'Firefox\r\n{"line":{"number":1}}',
    b"\x1b]0;owned\x07\x1b[2J\x1b[31m",
    b"\x00\x01\x7f\x85\x9b31m",
    b"\xe2\x80\xa8\xe2\x80\xae\xff\xfe",
    b'","digest":"x"}',
    b"' OR 1=1 --",
    b"A" * 1_000_000,
)


async def failed_sign_in(place: Installation, agent: bytes) -> None:
    """Anybody at all can make this line: it needs an e-mail and a wrong password."""
    async with place.browser() as browser:
        form = hidden_fields((await browser.get("/sign-in")).text)
        form |= {"email": "ada@example.com", "password": "wrong"}
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    body = "&".join(f"{name}={value.replace('@', '%40')}" for name, value in form.items()).encode()
    headers = [
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"cookie", cookie.encode()),
        (b"user-agent", agent),
    ]
    answer = await send(place.app, Sent("POST", "/sign-in", headers=headers, body=body))
    assert answer.status == 400


async def segment_in(place: Installation) -> Segment:
    last = await place.authority.store.read(lambda tx: tx.events.last())
    return Segment(
        first_number=1,
        last_number=last.number,
        digest_before=BEGINNING.digest,
        last_digest=last.digest,
        last_at=0,
    )


async def test_no_browsers_name_forges_a_line_in_log_or_file(own: Installation, tmp_path: Path):
    """S111: a line feed in what strangers send begins no line; what is enormous is cut."""
    store = own.authority.store
    before = (await store.read(lambda tx: tx.events.last())).number
    for agent in AGENTS:
        own.clock.turn(10_000)
        await failed_sign_in(own, agent)
    entries = await store.read(lambda tx: tx.events.entries(0, 10_000))
    assert len(entries) == before + len(AGENTS)
    stored = [entry.by.user_agent for entry in entries[before:] if entry.by]
    sent = [agent[:256].decode("latin-1") for agent in AGENTS]
    if own.authority.settings.database is not None:  # no text there can hold NUL
        sent = [agent.replace("\0", "\N{REPLACEMENT CHARACTER}") for agent in sent]
    assert stored == sent
    assert (await store.read(lambda tx: verify(tx, [], []))).faults == ()
    segment = await segment_in(own)
    path = files.write(tmp_path, header_of(segment, own.issuer), entries)
    assert path.read_bytes().count(b"\n") == 1 + len(entries)
    assert files.walk(path, [segment], ()).faults == []
    assert all(json.loads(row) for row in path.read_text("utf-8").split("\n") if row)


async def test_hostile_words_do_not_steer_the_terminal_of_whoever_reads(tmp_path: Path):
    """S111: in tables and in what the verification tells."""
    run = CommandLine(tmp_path / "data")
    await asyncio.to_thread(run.succeed, "client", "add", "Service")

    async def work(tx: Transaction) -> None:
        for agent in AGENTS:
            text = agent[:300].decode("latin-1")
            by = events.Actor(f"client:{text}", events.Origin(text, text), text)
            await events.record(tx, EventKind.CLIENT_DISABLED, by, text, {"why": text})

    await asyncio.to_thread(run.transact, work)
    for command in (("event", "list"), ("audit", "verify")):
        shown = await asyncio.to_thread(run.succeed, *command)
        assert not [each for each in shown if not each.isprintable() and each != "\n"]
    listed = await asyncio.to_thread(run.succeed, "event", "list", "--limit", str(len(AGENTS)))
    assert len(listed.splitlines()) == 1 + len(AGENTS)


async def test_a_stranger_cannot_make_the_log_name_another_actor(own: Installation):
    """S111: a public client's name in a request is said, not proved."""
    person = Person(own, own.browser(), "ada@example.com")
    tokens = await person.tokens("spa")
    form = {"token": tokens["access_token"], "client_id": "spa"}
    headers = {"x-forwarded-for": "203.0.113.99", "user-agent": "cli"}
    assert (await person.browser.post("/revoke", data=form, headers=headers)).status_code == 200
    await person.browser.aclose()
    (event,) = await own.authority.store.read(lambda tx: tx.events.latest(1))
    assert (event.kind, event.actor, event.proof) == (EventKind.TOKEN_ENDED, "client:spa", "none")
    assert event.address == "127.0.0.1"


async def test_a_symbolic_link_in_the_place_of_a_file_is_replaced_and_not_followed(
    own: Installation, tmp_path: Path
):
    """Whoever may write to the directory cannot have another file overwritten."""
    entries = await own.authority.store.read(lambda tx: tx.events.entries(0, 10_000))
    segment = await segment_in(own)
    victim, to = tmp_path / "victim", tmp_path / "to"
    victim.write_text("precious")
    to.mkdir()
    name = f"audit-{1:012}-{segment.last_number:012}.jsonl"
    (to / name).symlink_to(victim)
    path = files.write(to, header_of(segment, own.issuer), entries)
    assert (path.name, path.is_symlink(), victim.read_text()) == (name, False, "precious")
