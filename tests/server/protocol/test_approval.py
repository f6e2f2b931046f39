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
from counterfoil.server.protocol.approval import Decision
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.records.session import Origin, Session
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


async def approve(place: Installation, person: Person, access: Access = READ) -> Secret:
    session = Session(
        id="session-of-" + person.user_id,
        digest=b"",
        user_id=person.user_id,
        auth_time=123,
        last_used_at=123,
        expires_at=10**10,
        origin=Origin(),
    )
    decision = Decision(session, access, Origin("192.0.2.1", "Firefox"), asked=True)
    authority = place.authority
    pending = replace(PENDING, access=access)
    return await authority.store.transact(
        lambda tx: approval.approve(authority, tx, pending, decision)
    )


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
