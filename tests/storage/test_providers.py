"""Conformance, on every engine: providers, whom they know, and the sessions they began (S112)."""

from typing import Any

import msgspec
import pytest

from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.linked_identity import LinkedIdentity, UpstreamSession
from counterfoil.server.records.provider import Provider, ProviderKind, ProviderPolicy
from counterfoil.server.records.store import Store
from tests.storage.conftest import Clock
from tests.storage.samples import NOW, user

pytestmark = pytest.mark.anyio

ISSUER = "https://accounts.example"


def provider(**fields: Any) -> Provider:
    whole = Provider(
        id="example",
        kind=ProviderKind.OIDC,
        name="Example",
        issuer=ISSUER,
        client_id="us",
        sealed_secret=b"\x01sealed",
        created_at=NOW,
        policy=ProviderPolicy(trusts_email=True, mfa_words="mfa hwk", silent=True),
    )
    return msgspec.structs.replace(whole, **fields)


def identity(**fields: Any) -> LinkedIdentity:
    whole = LinkedIdentity(
        id="i1",
        provider_id="example",
        issuer=ISSUER,
        subject="248289761001",
        user_id="ada",
        label="ada@accounts.example",
        linked_at=NOW,
        last_used_at=NOW,
    )
    return msgspec.structs.replace(whole, **fields)


@pytest.fixture
async def kept(store: Store) -> Store:
    await store.transact(lambda tx: tx.providers.add(provider()))
    await store.transact(lambda tx: tx.users.add(user()))
    await store.transact(lambda tx: tx.identities.add(identity()))
    return store


async def every(store: Store) -> list[Provider]:
    return await store.read(lambda tx: tx.providers.every())


async def found(store: Store, identity_id: str = "i1") -> LinkedIdentity | None:
    return await store.read(lambda tx: tx.identities.find(identity_id))


async def test_a_provider_is_kept_changed_and_removed_with_all_its_links(kept: Store) -> None:
    assert await every(kept) == [provider()]
    with pytest.raises(Conflict):
        await kept.transact(lambda tx: tx.providers.add(provider(issuer="https://other.example")))
    other = provider(name="New", client_id="we", policy=ProviderPolicy(), disabled_at=NOW + 1)
    assert await kept.transact(lambda tx: tx.providers.update(other))
    assert await kept.read(lambda tx: tx.providers.find("example")) == other
    assert not await kept.transact(lambda tx: tx.providers.update(provider(id="none")))
    session = UpstreamSession("sid-1", "i1", "theirs", NOW + 100)
    await kept.transact(lambda tx: tx.identities.note_session(session))
    assert await kept.transact(lambda tx: tx.providers.remove("example"))
    assert not await kept.transact(lambda tx: tx.providers.remove("example"))
    assert await found(kept) is None
    assert await kept.read(lambda tx: tx.identities.session("sid-1")) is None


async def test_a_subject_of_an_issuer_is_one_persons_alone(kept: Store) -> None:
    """The same subject elsewhere, or of another tenant, is somebody else."""
    with pytest.raises(Conflict):
        await kept.transact(lambda tx: tx.identities.add(identity(id="i2", user_id="grace")))
    tenant = identity(id="i3", issuer=f"{ISSUER}/2", user_id="grace")
    elsewhere = identity(id="i4", provider_id="other", user_id="grace", linked_at=NOW + 1)
    for each in (tenant, elsewhere):
        await kept.transact(lambda tx, each=each: tx.identities.add(each))
    read = kept.read
    by_subject = read(lambda tx: tx.identities.find_by_subject("example", ISSUER, "248289761001"))
    assert await by_subject == identity()
    unknown = read(lambda tx: tx.identities.find_by_subject("example", ISSUER, "248289761002"))
    assert await unknown is None
    assert await read(lambda tx: tx.identities.of_user("grace")) == [tenant, elsewhere]
    assert await read(lambda tx: tx.identities.count_of("example")) == 2


async def test_a_use_is_noted_and_an_identity_unlinked_once(kept: Store) -> None:
    assert await kept.transact(lambda tx: tx.identities.use("i1", "new@example", NOW + 9))
    assert await found(kept) == identity(label="new@example", last_used_at=NOW + 9)
    assert await kept.transact(lambda tx: tx.identities.remove("i1"))
    assert not await kept.transact(lambda tx: tx.identities.remove("i1"))
    assert not await kept.transact(lambda tx: tx.identities.use("i1", "new@example", NOW + 9))


async def test_tokens_are_replaced_only_where_those_stand_that_were_read(kept: Store) -> None:
    """S78: of two that refresh at once, the second's tokens are not lost under the first's."""

    async def keep(before: bytes | None, sealed: bytes) -> bool:
        return await kept.transact(lambda tx: tx.identities.keep_tokens("i1", before, sealed))

    assert await keep(None, b"one")
    assert not await keep(None, b"other")
    assert await keep(b"one", b"two")
    assert not await keep(b"one", b"three")
    kept_now = await found(kept)
    assert kept_now is not None
    assert kept_now.sealed_tokens == b"two"
    assert await kept.transact(lambda tx: tx.identities.forget_tokens("example")) == 1
    assert await kept.transact(lambda tx: tx.identities.forget_tokens("example")) == 0
    assert await found(kept) == identity()


async def test_tokens_are_refreshed_by_one_at_a_time(kept: Store, clock: Clock) -> None:
    """S78: a claim, which ends by itself where whoever made it is no more."""

    async def begin(before: bytes) -> bool:
        return await kept.transact(lambda tx: tx.identities.begin_refresh("i1", before, NOW + 30))

    async def keep(before: bytes | None, sealed: bytes) -> bool:
        return await kept.transact(lambda tx: tx.identities.keep_tokens("i1", before, sealed))

    assert await keep(None, b"one")
    assert not await begin(b"other")
    assert await begin(b"one")
    assert not await begin(b"one")
    assert await keep(b"one", b"two")
    assert await begin(b"two"), "what was new is nobody's"
    await kept.transact(lambda tx: tx.identities.leave_refresh("i1", b"two"))
    assert await begin(b"two")
    clock.now = NOW + 30
    assert await begin(b"two")


async def test_sessions_are_found_by_whoever_began_them_and_swept(
    kept: Store, clock: Clock
) -> None:
    first = UpstreamSession("sid-1", "i1", "theirs", NOW + 100)
    for each in (UpstreamSession("sid-1", "i2", "", NOW + 50), first):
        await kept.transact(lambda tx, each=each: tx.identities.note_session(each))
    assert await kept.read(lambda tx: tx.identities.session("sid-1")) == first
    assert await kept.read(lambda tx: tx.identities.sessions_of("i1")) == [first]
    assert await kept.read(lambda tx: tx.identities.sessions_of("i2")) == []
    clock.now = NOW + 100
    assert await kept.read(lambda tx: tx.identities.sessions_of("i1")) == []
    assert await kept.transact(lambda tx: tx.sweep(100)) == 1
    assert await kept.transact(lambda tx: tx.sweep(100)) == 0


async def test_sessions_are_found_by_their_name_at_the_issuer_that_gave_it(
    kept: Store, clock: Clock
) -> None:
    """Another issuer may have given the same name, and most give none."""
    own = UpstreamSession("sid-1", "i1", "theirs", NOW + 100)
    other = identity(id="i3", issuer=f"{ISSUER}/2", user_id="grace")
    await kept.transact(lambda tx: tx.identities.add(other))
    unnamed = UpstreamSession("sid-3", "i1", "", NOW + 100)
    for each in (own, UpstreamSession("sid-2", "i3", "theirs", NOW + 100), unnamed):
        await kept.transact(lambda tx, each=each: tx.identities.note_session(each))

    async def named(issuer: str, sid: str) -> list[UpstreamSession]:
        return await kept.read(lambda tx: tx.identities.sessions_named("example", issuer, sid))

    assert await named(ISSUER, "theirs") == [own]
    assert [each.session_id for each in await named(f"{ISSUER}/2", "theirs")] == ["sid-2"]
    assert await named(ISSUER, "") == []
    clock.now = NOW + 100
    assert await named(ISSUER, "theirs") == []


async def test_a_person_who_goes_is_linked_to_nothing(kept: Store) -> None:
    session = UpstreamSession("sid-1", "i1", "theirs", NOW + 100)
    await kept.transact(lambda tx: tx.identities.note_session(session))
    assert await kept.transact(lambda tx: tx.users.remove("ada"))
    assert await found(kept) is None
    assert await kept.read(lambda tx: tx.identities.session("sid-1")) is None
