"""What comes to a guard from issuers and carriers: streams, lines, snapshots, lists, keys."""

from typing import Any

import msgspec

from counterfoil.guard import Issuer, Rejected, Staleness
from counterfoil.guard.acknowledgements import Acknowledgements
from counterfoil.guard.carried import CarriedReader
from counterfoil.guard.discovery import Metadata
from counterfoil.guard.feed_reader import FeedReader
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.snapshot_reader import Untrusted
from counterfoil.guard.status_lists import StatusLists, status_of
from counterfoil.jose import jwt
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet
from counterfoil.jose.strict_json import decode_object
from counterfoil.net.event_stream import Event, EventParser, TooLong, event
from counterfoil.net.http import BadAnswer
from counterfoil.oauth.feed import HEAD_TYPE
from counterfoil.oauth.registry import entries_in
from counterfoil.oauth.revocations import Ended, Marks, Notice
from counterfoil.oauth.snapshot import SNAPSHOT_TYPE
from counterfoil.oauth.status_list import StatusListToken, WrongStatusList, compressed
from tests.guard.desk import ISSUER, NOW
from tests.guard.issuer import AUDIENCE, Book
from tests.thrown.pieces import Pieces, written
from tests.thrown.tokens import SAID, as_json

FAR = int(NOW) + 600
BOOK = Book(ISSUER)
for family in ("dead", "f2", "f3"):
    BOOK.add(Notice(Ended.FAMILY, family, FAR))
LINES = [BOOK.line(number) for number in (1, 2, 3)]
HEADS = [BOOK.signed_head(NOW + number, number) for number in range(4)]
KEYS = KeySet([BOOK.key.public]).as_jwks()
DEAD = Marks("t", "dead", "c", 0, AUDIENCE, 0, "k", int(NOW))
ALIVE = Marks("t", "alive", "c", 0, AUDIENCE, 0, "k", int(NOW))
LIST = f"{ISSUER}/lists/1"


def heard(number: int = 1) -> IssuerState:
    """A guard's side of the feed, up to a line."""
    state = IssuerState(Issuer(ISSUER), Staleness.reject())
    state.feed_keys.take(KEYS)
    assert state.notices.begin(BOOK.snapshot(NOW, number), NOW)
    return state


def is_dead(state: IssuerState, marks: Marks) -> bool:
    return state.notices.rejects(marks, NOW) is not None


def streams(pieces: Pieces) -> None:
    """However a stream is cut, the events are the same."""
    cut, stream = pieces.number() << 4, pieces.rest()
    whole, parts = EventParser(1024), EventParser(1024)
    try:
        expected = whole.feed(stream)
    except TooLong:
        return
    assert parts.feed(stream[:cut]) + parts.feed(stream[cut:]) == expected


def an_event(pieces: Pieces) -> Event:
    """One of the issuer's, or one that somebody on the line has made."""
    kind = pieces.number(6)
    if kind == 0:
        return pieces.one_of(LINES)
    if kind == 1:
        return Event("head", pieces.one_of(HEADS))
    if kind == 2:
        return Event(
            "head", jwt.sign(as_json(altered(pieces, BOOK.head(NOW + 4))), BOOK.key, HEAD_TYPE)
        )
    if kind == 3:
        return Event("notice", pieces.text(), pieces.one_of(("e1:2", "e1:3", "e2:1", "e1:0")))
    name = pieces.one_of(("notice", "head", "reset", "welcome", "acknowledge", "tokens", ""))
    return Event(name, pieces.text(), pieces.text())


def altered(pieces: Pieces, said: Any) -> dict[str, object]:
    members: dict[str, object] = msgspec.to_builtins(said)
    for _ in range(pieces.number(3)):
        name = pieces.one_of((*members, "more"))
        members[name] = pieces.json() if pieces.number(2) else pieces.one_of(SAID)
    return members


def feeds(pieces: Pieces) -> None:
    """Whoever stands on the line: what has ended stays ended."""
    state = heard()
    reader, owed = FeedReader(state, keeps=True), Acknowledgements(state)
    for later in range(pieces.number(8)):
        each = an_event(pieces)
        reader.take(each, NOW + later)
        owed.take(each)
        if owed.due is not None:
            msgspec.json.encode(owed.due)
        assert is_dead(state, DEAD), "what had ended was forgotten"
    reader.take_lines()
    assert state.notices.fresh_at <= NOW + 20, "nobody signed so late a head"


def carriers(pieces: Pieces) -> None:
    """Nobody but the issuer ends anything by a carrier, not even for a moment."""
    state = heard()
    reader = CarriedReader(state.notices, FeedReader(state))
    for later in range(pieces.number(6)):
        each = an_event(pieces)
        data = (
            pieces.rest() if pieces.number(9) == 0 else event(each.name or "x", each.data, "e1:2")
        )
        try:
            reader.is_up_to_date(data, NOW + later, 5)
        except Untrusted:
            continue
        finally:
            reader.take(data, NOW + later)
        assert is_dead(state, DEAD)
        assert not is_dead(state, ALIVE), "nobody has ended it"


def snapshots(pieces: Pieces) -> None:
    """A snapshot is taken whole and as it was signed, however it is cut; or not at all."""
    state = heard()
    reader = FeedReader(state)
    statement, body = BOOK.statement(NOW + 1, 3), BOOK.body(3)
    how = pieces.number(4)
    text = jwt.sign(
        as_json(altered(pieces, statement) if how == 1 else altered(Pieces(b""), statement)),
        BOOK.key,
        SNAPSHOT_TYPE,
    )
    if how == 2:
        at = pieces.number() % len(body)
        body = body[:at] + pieces.piece() + body[at + pieces.number() :]
    whole = pieces.rest() if how == 3 else text.encode() + b"\n" + body
    cut = pieces.number() << 2
    snapshot = reader.snapshot(NOW + 1)
    try:
        for piece in (whole[:cut], whole[cut:]):
            snapshot.feed(piece)
        reader.begin(snapshot, NOW + 1)
    except Untrusted:
        assert state.notices.proven_number == 1, "half of it was taken"
    assert is_dead(state, DEAD)


def status_lists(pieces: Pieces) -> None:
    """A list that is signed, and says what it likes: it is read, or is no list."""
    lists = StatusLists(Issuer(ISSUER, revocation="status_list"))
    content: dict[str, Any] = {"lst": compressed(b"\x02"), "bits": 1}
    claims: dict[str, Any] = {"iss": ISSUER, "sub": LIST, "iat": int(NOW), "status_list": content}
    for members in (claims, content):
        for _ in range(pieces.number(3)):
            name = pieces.one_of((*members, "exp", "ttl"))
            members[name] = pieces.json() if pieces.number(2) else pieces.one_of(SAID)
    try:
        said = decode_object(as_json(claims))
        lists.take(LIST, msgspec.convert(said, StatusListToken), NOW)
    except (JoseError, WrongStatusList, msgspec.ValidationError):
        assert lists.find(LIST) is None
    try:
        reference = lists.reference_in({"status": pieces.json()})
    except Rejected:
        return
    held = lists.find(reference.uri)
    assert reference.uri.startswith(f"{ISSUER}/"), "an address that nobody allows"
    if held is not None:
        assert held.good_until >= NOW
        status_of(held, reference)


def documents(pieces: Pieces) -> None:
    """Key sets, metadata and the registry's lines: read, or refused in one way."""
    kind, said = pieces.number(3), pieces.json()
    if kind == 0 and isinstance(said, dict):
        state = heard()
        keys = said if pieces.number(2) else {"keys": [KEYS["keys"][0] | said]}  # type: ignore[index]
        try:
            state.keys.take(keys)
        except JoseError:
            return
        assert state.keys.verifier is not None
    elif kind == 1 and isinstance(said, dict):
        plain = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}
        try:
            assert Metadata.of(ISSUER, plain | said).issuer == ISSUER
        except BadAnswer:
            return
    else:
        try:
            entries_in(msgspec.json.encode(said).decode())
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return


SEEDS = {
    streams: [
        written(1) + b"id: e1:2\nevent: notice\ndata: {}\n\n",
        written(9) + b"\xef\xbb\xbfdata\r\n\r",
    ],
    feeds: [
        written(3, 0, 1, 0, 2, 1, 3),
        written(2, 3, "{}", 0, 2, 0),
        written(2, 3, LINES[1].data, 0, 1, 2),
        written(1, 4, 4, "e1:1", ""),
        written(1, 3, f'{LINES[1].data[:-1]},"more":{"[" * 2000}', 0),
        written(1, 4, 3, '{"more":' + "[" * 2000, ""),
    ],
    carriers: [
        written(3, 0, 1, 1, 1, 2, 1),
        written(1, 2, 0, 1),
        written(1, 3, LINES[1].data, 0, 1),
    ],
    snapshots: [
        written(2, 1, "[" * 2000, 0, 9),
        written(0, 9),
        written(1, 1, 2, 0, 3, 9),
        written(2, 7, "x", 1, 9),
        written(3) + b"a.b.c\n",
    ],
    status_lists: [
        written(0, 0, as_json({"status_list": {"idx": 1, "uri": LIST}})),
        written(1, 2, 0, 5, 0, "1"),
    ],
    documents: [
        written(0, '{"kty":"EC","crv":"P-384"}', 0),
        written(0, '{"keys":[{}]}', 1),
        written(1, '{"notices_endpoint":"x"}'),
        written(2, '[["AAAA",1]]'),
    ],
}
