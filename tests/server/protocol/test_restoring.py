"""Beginning anew: every kind of token dies, by its key and by its generation, for long enough."""

import msgspec
import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.access import Access
from counterfoil.oauth.revocations import Ended, Notice, notice_from
from counterfoil.server.protocol import restoring
from counterfoil.server.protocol.restoring import Beginning, Cause, generation_after
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import SKEW
from counterfoil.server.records.policy import AccessSeconds
from counterfoil.server.records.signing_key import MOST_LIFETIME, Purpose
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings.table import SETTINGS
from tests.flows.test_restore import add_desk, is_active, refreshed, userinfo
from tests.installation import MAIL, NOTES, Installation, Person, installed

pytestmark = pytest.mark.anyio

LISTED = "https://listed.example"
CAUSE = Cause(EventKind.DATABASE_RESTORED, "restored", {"made_at": "1"})


@pytest.fixture
async def alone(tmp_path):
    """An installation of this test's own: all in it ends."""
    async with installed(tmp_path) as place:
        await add_desk(place)
        yield place


async def begin_anew(place: Installation) -> Beginning:
    authority = place.authority

    async def work(tx: Transaction) -> Beginning:
        return await restoring.begin_anew(tx, authority.rotation, authority.issuer, CAUSE)

    beginning = await authority.store.transact(work)
    await authority.hub.catch_up()
    return beginning


async def test_every_kind_of_token_and_code_dies_and_new_ones_are_issued(alone: Installation):
    """JWTs, opaque tokens, registered and listed ones, of people and of services, and userinfo's.

    Of these some have no key and some no family: none is left over.
    """
    await alone.add_api(MAIL, "Mail", {"mail:read": "Read"})
    await alone.set_policy(MAIL, token_format="reference")
    async with alone.browser() as browser:
        person = Person(alone, browser)
        jwt = await person.tokens(scope="openid offline_access notes:read")
        own = await person.tokens(scope="openid")
        code = await person.code()
    await alone.add_api(LISTED, "Listed", {"listed:read": "Read"})
    await alone.set_policy(LISTED, status_list=True, registry=True)
    await alone.add_client("mailer", scopes=frozenset({"mail:read", "listed:read"}))
    opaque = await alone.service_token("mailer", resource=MAIL)
    listed = await alone.service_token("mailer", resource=LISTED)
    held = [jwt["access_token"], own["access_token"], listed, opaque]
    assert [await is_active(alone, token) for token in held] == [True] * 4
    lists = await alone.authority.store.read(lambda tx: tx.issued_tokens.lists("", 9))
    assert len(lists) == 1
    await begin_anew(alone)
    assert [await is_active(alone, token) for token in held] == [False] * 4
    assert await userinfo(alone, own["access_token"]) == 401
    assert (await refreshed(alone, jwt["refresh_token"])).status_code == 400
    assert (await person.exchange(code)).status_code == 400
    async with alone.browser() as browser:
        assert (await browser.get(f"/status-lists/{lists[0]}")).status_code == 404
        new = await Person(alone, browser).tokens()
    for token in (new["access_token"], await alone.service_token("mailer", resource=MAIL)):
        assert await is_active(alone, token)
    said = await alone.authority.store.read(lambda tx: tx.families.find(fam_of(jwt)))
    assert said is not None
    assert said.ended_why == "restored"


def fam_of(tokens: dict[str, str]) -> str:
    return str(unverified_claims(tokens["access_token"])["fam"])


async def test_guards_are_told_of_every_key_and_every_generation(alone: Installation):
    """A token of a key that is not known here is told of by what it is for, and by whose it is."""
    authority = alone.authority
    before = {
        key.kid
        for purpose in Purpose
        for key in await authority.store.read(lambda tx, p=purpose: tx.signing_keys.every(p))
    }
    old = authority.hub.position
    beginning = await begin_anew(alone)
    assert authority.hub.position.epoch == beginning.epoch != old.epoch
    assert beginning.keys == len(before) == 2, "no API asks for more"

    async def look(tx: Transaction) -> tuple[list[Notice], set[str], set[int]]:
        rows = await tx.notices.after(old.number, 100)
        clients, apis = await tx.clients.every(), await tx.apis.every()
        names = {each.client_id for each in clients} | {each.uri for each in apis}
        generations = {each.generation for each in (*clients, *apis)}
        return [notice_from(text) for _, text in rows], names, generations

    notices, names, generations = await authority.store.read(look)
    dead = {each.name for each in notices if each.kind is Ended.KEY}
    assert dead == before
    limited = {each.name for each in notices if each.kind in (Ended.CLIENT, Ended.API)}
    assert limited == names | {authority.issuer}
    (generation,) = generations
    assert {each.generation for each in notices if each.name in limited} == {generation}
    until = int(alone.clock()) + MOST_LIFETIME + SKEW
    assert {each.until for each in notices if each.kind is not Ended.KEYS_CHANGED} == {until}


async def test_the_log_tells_of_it_and_stays_whole(alone: Installation):
    beginning = await begin_anew(alone)
    (event,) = await alone.authority.store.read(lambda tx: tx.events.latest(1))
    assert (event.kind, event.subject) == (EventKind.DATABASE_RESTORED, beginning.epoch)
    assert event.detail["made_at"] == "1"
    assert {"sessions", "grants", "families", "codes"} <= set(event.detail)


async def test_permissions_are_asked_for_again(alone: Installation):
    """One may have been taken back: whoever is signed in anew is not let through in silence."""
    async with alone.browser() as browser:
        person = Person(alone, browser)
        await person.tokens()
        grants = await alone.authority.store.read(lambda tx: tx.grants.every())
        assert [each.access for each in grants] == [
            Access({NOTES: frozenset({"notes:read"})}, frozenset({"openid"}))
        ]
        await begin_anew(alone)
        page = await person.sign_in(await person.open())
        assert "permission" in page.text


def test_a_generation_is_above_all_that_were_drawn_before():
    """One for each ending, and no clock that runs backwards: that is refused before."""
    now = 1_800_000_000
    lowest, highest = generation_after(now, bytes(3)), generation_after(now, b"\xff" * 3)
    assert lowest <= highest < generation_after(now + 1, bytes(3))
    assert generation_after(now + 60, bytes(3)) - highest > 60_000_000
    assert highest < 2**53, "JSON carries it everywhere"
    assert generation_after(2**32, b"\xff" * 3) < 2**53
    assert generation_after(now, bytes(3)) != generation_after(now, b"\0\0\1")


def test_no_token_lives_longer_than_its_notice():
    (meta,) = AccessSeconds.__metadata__
    assert meta.le == MOST_LIFETIME
    for name in ("access_token_lifetime", "id_token_lifetime"):
        described = msgspec.inspect.type_info(SETTINGS[name].type)
        if isinstance(described, msgspec.inspect.Metadata):
            described = described.type
        assert isinstance(described, msgspec.inspect.IntType)
        assert described.le == MOST_LIFETIME
