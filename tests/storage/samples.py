"""Records to store, whole and plausible; a test names only the fields that it is about."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from counterfoil.oauth.access import Access
from counterfoil.oauth.binding import Binding
from counterfoil.oauth.feed import first_digest, next_digest
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.audit.verification import verify
from counterfoil.server.records.api import Api
from counterfoil.server.records.authorization import Authorization
from counterfoil.server.records.client import Client, ClientSecret
from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.records.family import Family
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.signing_key import Purpose, SigningKey
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.storage.bounded_queue import Bounds

PATIENT: Final = Bounds(seconds=60)
"""For tests in which many write at once, on machines that have other things to do."""
NOW = 1_800_000_000
NOTES = "https://api.example/notes"
READ = Access({NOTES: frozenset({"notes:read"})}, frozenset({"openid"}))
WRITE = Access({NOTES: frozenset({"notes:write"})}, frozenset({"openid", "email"}))
LAPTOP = Origin("203.0.113.7", "Mozilla/5.0 (X11; Linux) – “Firefox”")


def user(**fields: Any) -> User:
    whole = User(id="ada", email="Ada@Example.org", created_at=NOW, password_hash="$argon2id$")
    return msgspec.structs.replace(whole, **fields)


def session(**fields: Any) -> Session:
    whole = Session(
        id="sid-1",
        digest=b"\x01" * 32,
        user_id="ada",
        auth_time=NOW,
        amr=("pwd", "otp", "mfa"),
        last_used_at=NOW,
        expires_at=NOW + 86_400,
        origin=LAPTOP,
    )
    return msgspec.structs.replace(whole, **fields)


def client(**fields: Any) -> Client:
    whole = Client(
        client_id="notes-web",
        client_name="Notes",
        created_at=NOW,
        grant_types=("authorization_code", "refresh_token"),
        scopes=frozenset({"notes:read", "notes:write"}),
        redirect_uris=("https://notes.example/callback", "com.example.notes:/callback"),
        post_logout_redirect_uris=("https://notes.example/",),
        backchannel_logout_uri="https://notes.example/logged-out",
        backchannel_logout_session_required=True,
    )
    return msgspec.structs.replace(whole, **fields)


def client_secret(**fields: Any) -> ClientSecret:
    whole = ClientSecret("secret-1", "notes-web", b"\x02" * 32, NOW)
    return msgspec.structs.replace(whole, **fields)


def api(**fields: Any) -> Api:
    whole = Api(uri=NOTES, name="Notes", created_at=NOW, scopes={"notes:read": "Read your notes"})
    return msgspec.structs.replace(whole, **fields)


def grant(**fields: Any) -> Grant:
    whole = Grant(
        id="grant-1",
        user_id="ada",
        client_id="notes-web",
        access=READ,
        created_at=NOW,
        updated_at=NOW,
    )
    return msgspec.structs.replace(whole, **fields)


def authorization(**fields: Any) -> Authorization:
    whole = Authorization(
        digest=b"\x03" * 32,
        client_id="notes-web",
        user_id="ada",
        grant_id="grant-1",
        session_id="sid-1",
        redirect_uri="https://notes.example/callback",
        code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        access=READ,
        auth_time=NOW,
        amr=("pwd", "otp", "mfa"),
        expires_at=NOW + 60,
        origin=LAPTOP,
        nonce="n-0S6_WzA2Mj",
    )
    return msgspec.structs.replace(whole, **fields)


def family(**fields: Any) -> Family:
    whole = Family(
        id="family-1",
        grant_id="grant-1",
        client_id="notes-web",
        user_id="ada",
        session_id="sid-1",
        access=READ,
        auth_time=NOW,
        amr=("pwd", "otp", "mfa"),
        created_at=NOW,
        last_used_at=NOW,
        access_expires_at=NOW + 300,
        origin=LAPTOP,
        binding=Binding("jkt", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
        refresh_digest=b"\x04" * 32,
        refresh_expires_at=NOW + 3_600,
        absolute_expires_at=NOW + 86_400,
        rotated_at=NOW,
    )
    return msgspec.structs.replace(whole, **fields)


def signing_key(**fields: Any) -> SigningKey:
    whole = SigningKey(
        kid="key-1",
        purpose=Purpose.TOKENS,
        algorithm="ES256",
        public_jwk='{"kty":"EC"}',
        sealed=b"\x05sealed",
        created_at=NOW,
        active_from=NOW,
    )
    return msgspec.structs.replace(whole, **fields)


def event(**fields: Any) -> Event:
    whole = Event(
        kind=EventKind.SIGNED_IN,
        at=NOW,
        actor="user:ada",
        subject="session:sid-1",
        proof="password",
        address="203.0.113.7",
        user_agent="curl",
        detail={"why": "asked"},
    )
    return msgspec.structs.replace(whole, **fields)


def notice(name: str, until: int = NOW + 360) -> Notice:
    return Notice(Ended.FAMILY, name, until)


async def add_people(tx: Transaction) -> None:
    """What everything else hangs under: a user, a client and a grant."""
    await tx.users.add(user())
    await tx.clients.add(client())
    await tx.grants.allow(grant())


async def feed_is_whole(tx: Transaction) -> int:
    """Check numbers and chain of a feed that was never swept; gives the last number."""
    position, digest = await tx.notices.head()
    stored = await tx.notices.after(0, 1_000_000)
    assert [number for number, _ in stored] == list(range(1, position.number + 1))
    assert digest == chained(position.epoch, (text for _, text in stored))
    return position.number


async def log_is_whole(tx: Transaction) -> int:
    """Walk the audit log from its beginning; gives the last number."""
    found = await verify(tx, [], [])
    assert found.faults == ()
    assert found.lines == found.end.number
    return found.end.number


def chained(epoch: str, texts: Iterable[bytes]) -> str:
    digest = first_digest(epoch)
    for text in texts:
        digest = next_digest(digest, text)
    return digest
