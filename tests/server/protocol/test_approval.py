"""A person said yes: the grant, the code, the answer."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Kind, Secret, is_spelled
from counterfoil.server.protocol import approval
from counterfoil.server.protocol.approval import Decision, Span
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from tests.installation import CALLBACK, NOTES, Installation, Person

READ = Access({NOTES: frozenset({"notes:read"})})
WRITE = Access({NOTES: frozenset({"notes:write"})})
PENDING = Pending(
    client_id="app",
    redirect_uri=CALLBACK,
    code_challenge="c" * 43,
    access=READ,
    requested_at=1,
    nonce="n",
)


BOTH = READ.widened_by(WRITE)


async def session_of(place: Installation, person: Person) -> Session:
    """Give the one session of a person; the first time, make it."""

    async def work(tx: Transaction) -> Session:
        session = await tx.sessions.find("session-of-" + person.user_id)
        if session is None:
            session = Session(
                id="session-of-" + person.user_id,
                digest=tx.random(32),
                user_id=person.user_id,
                auth_time=123,
                last_used_at=tx.now,
                expires_at=10**10,
                origin=Origin(),
            )
            await tx.sessions.add(session)
        return session

    return await place.authority.store.transact(work)


async def decide(place: Installation, person: Person, chosen: Access, of: Access) -> Secret | None:
    return await answer(place, person, replace(PENDING, access=of), chosen=chosen)


async def answer(
    place: Installation,
    person: Person,
    pending: Pending,
    *,
    chosen: Access = READ,
    span: Span | None = None,
) -> Secret | None:
    session, authority = await session_of(place, person), place.authority
    decision = Decision(session, chosen, Origin("192.0.2.1", "Firefox"), span)
    return await authority.store.transact(
        lambda tx: approval.approve(authority, tx, pending, decision)
    )


async def approve(place: Installation, person: Person, access: Access = READ) -> Secret:
    code = await decide(place, person, access, access)
    assert code is not None
    return code


async def grant_of(place: Installation, person: Person) -> Grant | None:
    store = place.authority.store
    return await store.read(lambda tx: tx.grants.between(person.user_id, "app"))


@pytest.mark.anyio
async def test_only_the_digest_of_a_code_is_stored(place: Installation, person: Person):
    """S77: the database alone exchanges nothing."""
    code = await approve(place, person)
    assert is_spelled(Kind.AUTHORIZATION_CODE, code.reveal())
    kept = await place.authority.store.read(lambda tx: tx.authorizations.find(code.fingerprint()))
    assert kept is not None
    assert kept.access == READ
    assert kept.auth_time == 123
    assert kept.expires_at == int(place.clock()) + place.authority.settings.code_lifetime
    assert kept.origin == Origin("192.0.2.1", "Firefox")
    database = place.authority.settings.data / "counterfoil.db"
    for path in database.parent.glob("counterfoil.db*"):
        assert code.reveal().encode() not in path.read_bytes()


@pytest.mark.anyio
async def test_there_is_one_grant_however_often_it_is_approved(place: Installation, person: Person):
    """S01, S09: one per person and client; S14: widened by what is allowed later."""
    await approve(place, person, READ)
    await approve(place, person, WRITE)
    store = place.authority.store
    (grant,) = await store.read(lambda tx: tx.grants.of_user(person.user_id))
    assert grant.access == READ.widened_by(WRITE)


@pytest.mark.anyio
async def test_what_is_not_chosen_any_more_is_taken_back(place: Installation, person: Person):
    """S10, S14: of what is asked again only what is chosen stands; what is not asked, stays."""
    email = Access(openid=frozenset({"openid", "email"}))
    await approve(place, person, BOTH)
    await approve(place, person, email)
    assert await decide(place, person, READ, BOTH)
    grant = await grant_of(place, person)
    assert grant is not None
    assert grant.access == READ.widened_by(email)


@pytest.mark.anyio
async def test_a_session_that_has_just_ended_allows_nothing(place: Installation, person: Person):
    """S44: ended between the form and the commit: no code, no event, no change of the grant."""
    await approve(place, person, READ)
    store = place.authority.store
    session = await session_of(place, person)
    await store.transact(lambda tx: tx.sessions.end(session.id, tx.now))
    before = await grant_of(place, person)
    (event,) = await store.read(lambda tx: tx.events.latest(1))
    assert await decide(place, person, BOTH, BOTH) is None
    assert await grant_of(place, person) == before
    assert await store.read(lambda tx: tx.events.latest(1)) == [event]


@pytest.mark.parametrize(
    ("redirect_uri", "begins"),
    [
        ("https://app.example/cb", "https://app.example/cb?code="),
        ("https://app.example/cb?a=b", "https://app.example/cb?a=b&code="),
        ("https://app.example/cb?", "https://app.example/cb?code="),
        ("https://app.example/cb?a=b&", "https://app.example/cb?a=b&code="),
        ("com.example.app:/cb", "com.example.app:/cb?code="),
    ],
)
def test_the_redirect_uri_stands_unchanged_before_the_answer(redirect_uri: str, begins: str):
    """RFC 6749 §3.1.2: a query is kept, and added to."""
    pending = replace(PENDING, redirect_uri=redirect_uri)
    url = approval.answer("https://id.example", pending, Secret("the-code"))
    assert url.startswith(begins + "the-code")


def query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query, keep_blank_values=True)


def test_the_answer_names_code_state_and_issuer():
    """OAuth 2.1 §4.1.2, RFC 9207 §2."""
    url = approval.answer("https://id.example", replace(PENDING, state="s"), Secret("the-code"))
    assert url.startswith(CALLBACK + "?")
    assert query_of(url) == {"code": ["the-code"], "state": ["s"], "iss": ["https://id.example"]}


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=40))
def test_any_state_comes_back_and_none_breaks_out(state: str):
    """RFC 6749 §4.1.2: exact; a state cannot add parameters or header lines."""
    error = OAuthError("access_denied", "No.")
    url = approval.refusal("https://id.example", CALLBACK + "?a=b", state, error)
    assert query_of(url)["state"] == [state]
    assert set(query_of(url)) == {"a", "error", "error_description", "state", "iss"}
    assert url.isascii()
    assert url.isprintable()
    assert urlsplit(url).fragment == ""


def request_now(place: Installation) -> Pending:
    """What an app asks at this moment."""
    return replace(PENDING, requested_at=int(place.clock()))


DAY = 86_400


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("span", "days"),
    [(Span.UNTIL_TAKEN_BACK, None), (Span.DAY, 1), (Span.WEEK, 7), (Span.MONTH, 30), ("year", 365)],
)
async def test_a_person_says_for_how_long(
    place: Installation, person: Person, span: str, days: int | None
):
    """S13: counted from the app's request; and it is written down with what was consented to."""
    asked = request_now(place)
    place.clock.turn(10)
    assert await answer(place, person, asked, span=Span(span))
    grant = await grant_of(place, person)
    assert grant is not None
    assert grant.ends_at == (None if days is None else asked.requested_at + days * DAY)
    (event,) = await place.authority.store.read(lambda tx: tx.events.latest(1))
    assert event.detail.get("until") == (str(grant.ends_at) if days else None)


@pytest.mark.anyio
async def test_as_before_keeps_the_end_date_and_gives_none_where_there_was_none(
    place: Installation, person: Person
):
    assert await answer(place, person, request_now(place), span=Span.AS_BEFORE) is None
    assert await grant_of(place, person) is None
    first = request_now(place)
    assert await answer(place, person, first, span=Span.WEEK)
    place.clock.turn(100)
    assert await answer(place, person, request_now(place), span=Span.AS_BEFORE)
    grant = await grant_of(place, person)
    assert grant is not None
    assert grant.ends_at == first.requested_at + 7 * DAY


@pytest.mark.anyio
async def test_a_permission_past_its_day_ends_before_a_new_one_begins(
    place: Installation, person: Person
):
    """S13: what it held comes not back with what is asked now."""
    first = request_now(place)
    assert await answer(place, person, replace(first, access=BOTH), chosen=BOTH, span=Span.DAY)
    before = await grant_of(place, person)
    place.clock.turn(DAY)
    assert await answer(place, person, request_now(place))
    grant = await grant_of(place, person)
    assert grant is not None
    assert before is not None
    assert grant.id != before.id
    assert (grant.access, grant.ends_at) == (READ, None)
