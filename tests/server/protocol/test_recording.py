"""Tokens that are written down: what a row holds, and that plain tokens cost none."""

from functools import partial
from typing import Any

import pytest

from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.oauth.access_token import AccessToken
from counterfoil.oauth.opaque import Kind, fingerprint, is_spelled
from counterfoil.oauth.registry import digest_of
from counterfoil.server.protocol import recording
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.family import SKEW
from counterfoil.server.records.issued_token import LIST_SIZE, IssuedToken
from counterfoil.server.records.store import Transaction
from tests.installation import MAIL, NOTES, Installation, Person, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Any) -> Any:
    async with installed(tmp_path) as place:
        place.user = await place.add_user("grace@example.com", name="Grace")
        yield place


@pytest.fixture
async def person(place: Installation) -> Any:
    async with place.browser() as browser:
        yield Person(place, browser, "grace@example.com")


async def row_of(place: Installation, digest: bytes) -> IssuedToken | None:
    return await place.authority.store.read(lambda tx: tx.issued_tokens.find(digest))


async def rows(place: Installation) -> int:
    found = [
        await place.authority.store.read(partial(_all_of, uri))
        for uri in (NOTES, MAIL, place.issuer)
    ]
    return sum(found)


async def _all_of(uri: str, tx: Transaction) -> int:
    return len(await tx.issued_tokens.after(uri, 0, 10_000))


async def test_a_plain_token_costs_no_row_and_no_commit(place: Installation):
    """Rows grow with live grants, never with issued tokens; whatever other APIs want."""
    await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    await place.set_policy(MAIL, registry=True, status_list=True)
    version = await place.authority.store.version_now()
    await place.service_token()
    assert await place.authority.store.version_now() == version
    assert await rows(place) == 0


async def test_a_registered_token_is_known_by_what_was_signed(place: Installation):
    """S43: its digest, its marks, and when it expires; not the token itself."""
    await place.set_policy(NOTES, registry=True)
    token = await place.service_token()
    row = await row_of(place, digest_of(token))
    assert row is not None
    claims = unverified_claims(token)
    assert row.marks.jti == claims["jti"]
    assert row.marks.kid == unverified_header(token)["kid"]
    assert (row.marks.client_id, row.marks.audience) == ("service", NOTES)
    assert row.expires_at == claims["exp"]
    assert row.kept_until >= claims["exp"] + SKEW
    assert (row.claims, row.place) == (None, None)
    assert "status" not in claims


async def test_a_reference_token_is_a_text_of_its_own(place: Installation, person: Person):
    """S49, S64, S85: random for each; the server keeps its hash, and what it stands for."""
    await place.set_policy(NOTES, token_format="reference")
    answer = await person.tokens(scope="openid notes:read")
    again = (await place.service_token(), await place.service_token())
    assert len({answer["access_token"], *again}) == 3
    for token in (answer["access_token"], *again):
        assert is_spelled(Kind.ACCESS_TOKEN, token)
    row = await row_of(place, fingerprint(answer["access_token"]))
    assert row is not None
    assert isinstance(row.claims, AccessToken)
    assert row.claims.sub == person.user_id
    assert row.claims.scopes == {"openid", "notes:read"}
    assert row.claims.exp - row.claims.iat == answer["expires_in"]
    assert row.marks == row.claims.marks("")
    assert unverified_claims(answer["id_token"])["sub"] == person.user_id


async def test_a_listed_token_says_where_its_bit_stands(place: Installation):
    """draft-ietf-oauth-status-list §6.1."""
    await place.set_policy(NOTES, status_list=True)
    tokens = [await place.service_token() for _ in range(30)]
    references = [unverified_claims(token)["status"]["status_list"] for token in tokens]
    assert len({each["uri"] for each in references}) == 1
    assert references[0]["uri"].startswith(f"{place.issuer}/status-lists/")
    places = [each["idx"] for each in references]
    assert len(set(places)) == 30
    assert all(0 <= each < LIST_SIZE for each in places)
    assert max(places) - min(places) > 30
    assert places != sorted(places)
    row = await row_of(place, digest_of(tokens[0]))
    assert row is not None
    assert row.place is not None
    assert row.place.index == places[0]


async def test_each_api_has_lists_of_its_own(place: Installation):
    await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    await place.add_client("courier", scopes=frozenset({"mail:read"}))
    for uri in (NOTES, MAIL):
        await place.set_policy(uri, status_list=True)
    tokens = [await place.service_token(), await place.service_token("courier")]
    uris = {unverified_claims(token)["status"]["status_list"]["uri"] for token in tokens}
    assert len(uris) == 2


async def test_an_opaque_token_stands_in_no_list(place: Installation):
    """Nobody but us could read where."""
    await place.set_policy(NOTES, token_format="reference", status_list=True)
    row = await row_of(place, fingerprint(await place.service_token()))
    assert row is not None
    assert row.place is None
    assert row.claims is not None
    assert row.claims.status is None


async def test_a_token_for_userinfo_alone_stays_plain(place: Installation, person: Person):
    for policy in ({"token_format": "reference"}, {"registry": True}):
        await place.set_policy(NOTES, **policy)
        tokens = await person.tokens(scope="openid email")
        assert unverified_claims(tokens["access_token"])["aud"] == place.issuer
    assert await rows(place) == 0


async def test_no_token_leaves_that_was_not_written_down(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    """The answer waits for the commit; where that fails, nobody holds a token."""
    await place.set_policy(NOTES, registry=True)

    async def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(place.authority.store, "transact", fail)
    answer = await place.post("/token", "service", grant_type="client_credentials")
    assert answer.status_code == 503
    assert "access_token" not in answer.text


async def test_every_grant_type_writes_its_tokens_down(place: Installation, person: Person):
    await place.set_policy(NOTES, registry=True)
    tokens = await person.tokens()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refreshed = (await place.post("/token", "app", **form)).json()
    for token in (tokens["access_token"], refreshed["access_token"], await place.service_token()):
        assert await row_of(place, digest_of(token)) is not None
    assert await rows(place) == 3


async def test_a_list_that_gives_no_place_is_no_endless_search(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    await place.set_policy(NOTES, status_list=True)
    monkeypatch.setattr(recording, "LIST_SIZE", 1)
    await place.service_token()
    answer = await place.post("/token", "service", grant_type="client_credentials")
    assert answer.status_code == 500
