"""Whether what stands behind a token still stands (S33)."""

from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.standing import Standing, what_stands
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.store import Transaction
from tests.installation import NOTES, Installation, installed

pytestmark = pytest.mark.anyio


OPENID = Access(openid=frozenset({"openid"}))
OFFLINE = Access(openid=frozenset({"offline_access"}))
READ = Access({NOTES: frozenset({"notes:read"})})


class Resting(Struct, frozen=True):
    user_id: str
    grant_id: str = "g"
    auth_time: int = 1_800_000_000
    session_id: str | None = "s"
    access: Access = OPENID


@pytest.fixture
async def place(tmp_path: Path):
    async with installed(tmp_path) as place:
        await place.authority.store.transact(lambda tx: begin(tx, place.user.id))
        yield place


async def begin(tx: Transaction, user_id: str) -> None:
    times = {"auth_time": tx.now, "last_used_at": tx.now, "expires_at": tx.now + 1000}
    await tx.sessions.add(Session(id="s", digest=b"d", user_id=user_id, origin=Origin(), **times))
    await tx.grants.allow(
        Grant(
            id="g",
            user_id=user_id,
            client_id="app",
            access=OPENID.widened_by(OFFLINE),
            created_at=tx.now,
            updated_at=tx.now,
        )
    )


async def ask(place: Installation, resting: Resting) -> str:
    return (await standing_of(place, resting)).user.id


async def standing_of(place: Installation, resting: Resting) -> Standing:
    async def work(tx: Transaction) -> Standing:
        client = await tx.clients.find("app")
        assert client is not None
        return await what_stands(place.authority, tx, client, resting)

    return await place.authority.store.read(work)


async def test_the_person_is_given_while_all_stands(place: Installation):
    assert await ask(place, Resting(place.user.id)) == place.user.id


@pytest.mark.parametrize(
    ("what", "sentence"),
    [("user", "person has gone"), ("grant", "taken the permission back"), ("session", "session")],
)
async def test_what_has_gone_is_named(place: Installation, what: str, sentence: str):
    """S33: invalid_grant, with a sentence that says why (S109)."""

    async def work(tx: Transaction) -> None:
        match what:
            case "user":
                await tx.users.disable(place.user.id, tx.now)
            case "grant":
                await tx.grants.end("g", tx.now)
            case "session":
                await tx.sessions.end("s", tx.now)

    await place.authority.store.transact(work)
    with pytest.raises(OAuthError, match=sentence) as refused:
        await ask(place, Resting(place.user.id))
    assert (refused.value.error, refused.value.reason) == ("invalid_grant", Reason.REVOKED)


async def test_an_expired_session_has_gone(place: Installation):
    place.clock.turn(1000)
    with pytest.raises(OAuthError, match="session"):
        await ask(place, Resting(place.user.id))


async def test_who_is_offline_needs_no_session(place: Installation):
    place.clock.turn(1000)
    offline = Resting(place.user.id, session_id=None, access=OFFLINE)
    assert await ask(place, offline) == place.user.id


async def test_no_more_is_given_than_the_grant_still_holds(place: Installation):
    """S14: what the person has taken back since stands in no new token."""
    wider = Resting(place.user.id, access=OPENID.widened_by(READ))
    assert (await standing_of(place, wider)).access == OPENID


async def test_where_nothing_is_left_nothing_stands(place: Installation):
    with pytest.raises(OAuthError, match="all that was allowed") as refused:
        await ask(place, Resting(place.user.id, access=READ))
    assert refused.value.error == "invalid_grant"


async def change(place: Installation, *scopes: str) -> None:
    async def work(tx: Transaction) -> None:
        client = await tx.clients.find("app")
        assert client is not None
        changed = replace(client, scopes=frozenset(scopes))
        await registration.update_client(tx, changed, CLI, development=True)

    await place.authority.store.transact(work)


async def test_no_more_is_given_than_the_client_may_still_ask_for(place: Installation):
    """S33: a scope that an administrator took from the client stands in no new token."""
    await change(place, "openid")
    wider = Resting(place.user.id, access=OPENID.widened_by(OFFLINE))
    assert (await standing_of(place, wider)).access == OPENID
    offline = Resting(place.user.id, session_id=None, access=OPENID.widened_by(OFFLINE))
    with pytest.raises(OAuthError, match="while the person is away"):
        await ask(place, offline)
    await change(place, "notes:read")
    with pytest.raises(OAuthError, match="client may no longer") as refused:
        await ask(place, wider)
    assert refused.value.error == "invalid_grant"


async def test_nobody_is_offline_without_the_permission(place: Installation):
    """OpenID Connect Core §11: to go on while the person is away is a permission as any other."""
    with pytest.raises(OAuthError, match="while the person is away") as refused:
        await ask(place, Resting(place.user.id, session_id=None))
    assert refused.value.error == "invalid_grant"


@pytest.mark.parametrize(
    "resting", [Resting("nobody"), Resting("", "g"), Resting("", "g", session_id="nothing")]
)
async def test_what_never_was_does_not_stand(place: Installation, resting: Resting):
    with pytest.raises(OAuthError):
        await ask(place, resting)


async def test_a_grant_that_never_was_does_not_stand(place: Installation):
    with pytest.raises(OAuthError, match="permission"):
        await ask(place, Resting(place.user.id, "other"))


async def test_a_permission_with_an_end_date_ends_on_it(place: Installation):
    """S13: whatever rests on it ends there too, at the latest."""
    end = int(place.clock()) + 100
    await place.authority.store.transact(lambda tx: tx.grants.limit("g", end, tx.now))
    assert (await standing_of(place, Resting(place.user.id))).until == end
    place.clock.turn(99)
    assert (await standing_of(place, Resting(place.user.id))).until == end
    place.clock.turn(1)
    with pytest.raises(OAuthError, match="until a day that has passed") as refused:
        await ask(place, Resting(place.user.id))
    assert refused.value.error == "invalid_grant"


async def test_who_has_to_sign_in_again_is_told(place: Installation):
    """S30: for this client after a minute; S31: then nothing stands but a new sign-in."""
    await limit_proof(place, 60)
    signed_in = int(place.clock())
    offline = Resting(place.user.id, session_id=None, access=OFFLINE, auth_time=signed_in)
    place.clock.turn(59)
    assert (await standing_of(place, offline)).until == signed_in + 60
    place.clock.turn(1)
    with pytest.raises(OAuthError, match="sign in again") as refused:
        await ask(place, offline)
    assert refused.value.error == "invalid_grant"
    again = replace(offline, auth_time=signed_in + 60)
    assert (await standing_of(place, again)).until == signed_in + 120


async def limit_proof(place: Installation, seconds: int) -> None:
    async def work(tx: Transaction) -> None:
        app = await tx.clients.find("app")
        assert app is not None
        await tx.clients.update(replace(app, policy=ClientPolicy(reproof_interval=seconds)))

    await place.authority.store.transact(work)
