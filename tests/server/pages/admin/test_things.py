"""The page of one thing."""

import html
from urllib.parse import quote

import pytest

from counterfoil.oauth.delegation import GRANT_TYPE
from counterfoil.server.protocol.endings import Ends
from counterfoil.server.records.exchange_right import ExchangeRight
from tests.encryption import with_pair
from tests.installation import NOTES, Installation, Person

pytestmark = pytest.mark.anyio


async def test_a_client_with_its_secrets_and_grants(
    place: Installation, boss: Person, person: Person
) -> None:
    await person.tokens()
    page = html.unescape((await boss.browser.get("/admin/clients/app")).text)
    for told in ("https://app.example/callback", "authorization_code", "notes:read", "Secrets"):
        assert told in page
    assert person.email in page
    assert place.secrets["app"] not in page
    assert "/admin/end?kind=client&name=app" in page


async def test_for_whom_a_client_may_act_is_shown(place: Installation, boss: Person) -> None:
    """RFC 8693: from which API, to which, with which scopes."""
    right = ExchangeRight(NOTES, NOTES, "notes:read")
    await place.add_client("actor", grant_types=(GRANT_TYPE,), exchange_rights=(right,))
    page = (await boss.browser.get("/admin/clients/actor")).text
    assert f"{NOTES} → {NOTES}: notes:read" in page


async def test_an_api_with_its_scopes(boss: Person) -> None:
    page = html.unescape((await boss.browser.get(f"/admin/apis/named?uri={quote(NOTES)}")).text)
    assert "Read your notes" in page
    assert f"/admin/end?kind=api&name={quote(NOTES, safe='')}" in page


async def test_an_api_with_its_size_budget_and_who_is_beyond_it(
    place: Installation, boss: Person
) -> None:
    """S66."""
    uri = "https://sizes.example"
    await place.add_api(uri, "Sizes", {"sizes:read": "Read sizes"})
    await place.add_client("measured", scopes=frozenset({"sizes:read"}))
    address = f"/admin/apis/named?uri={quote(uri)}"
    before = html.unescape((await boss.browser.get(address)).text)
    assert "1,400 bytes" in before
    assert "Beyond the size budget" not in before
    await place.set_policy(uri, token_bytes=100)
    token = await place.service_token("measured", scope="sizes:read")
    page = html.unescape((await boss.browser.get(address)).text)
    for told in ("100 bytes", "Beyond the size budget", "/admin/clients/measured"):
        assert told in page
    assert f"{len(token):,} bytes" in page
    await place.set_policy(uri, token_bytes=100, over_budget="reference")
    page = html.unescape((await boss.browser.get(address)).text)
    assert "100 bytes, then a reference token" in page


async def test_an_api_with_what_its_tokens_are_encrypted_to(
    place: Installation, boss: Person
) -> None:
    """S68."""
    uri = "https://vault.example"
    await place.add_api(uri, "Vault", {"vault:open": "Open the vault"})
    address = f"/admin/apis/named?uri={quote(uri)}"
    assert "Encrypted to" not in (await boss.browser.get(address)).text
    pair = await with_pair(place, uri=uri)
    await place.set_policy(uri, encryption=True, claims="email name")
    page = html.unescape((await boss.browser.get(address)).text)
    for told in ("Encrypted to", pair.kid, "ECDH-ES", "active", "jwt, encrypted", "email name"):
        assert told in page, told


async def test_a_person_a_grant_and_a_session_lead_to_each_other(
    place: Installation, boss: Person, person: Person
) -> None:
    await person.tokens()
    (grant,) = await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))
    (family,) = await place.authority.store.read(lambda tx: tx.families.live_of_grant(grant.id))
    of_user = (await boss.browser.get(f"/admin/users/{person.user_id}")).text
    assert f"/admin/grants/{grant.id}" in of_user
    assert f"/admin/sessions/{family.session_id}" in of_user
    of_grant = html.unescape((await boss.browser.get(f"/admin/grants/{grant.id}")).text)
    assert f"/admin/users/{person.user_id}" in of_grant
    assert "/admin/clients/app" in of_grant
    assert f"/admin/end?kind=family&name={family.id}" in of_grant
    for kind in (Ends.GRANT, Ends.APP_SESSIONS):
        assert f"/admin/end?kind={kind.value}&name={grant.id}" in of_grant
    of_session = html.unescape(
        (await boss.browser.get(f"/admin/sessions/{family.session_id}")).text
    )
    assert f"/admin/users/{person.user_id}" in of_session
    assert f"/admin/end?kind=session&name={family.session_id}" in of_session


async def test_a_key_without_its_private_half(place: Installation, boss: Person) -> None:
    jwks = (await boss.browser.get("/jwks.json")).json()
    kid = jwks["keys"][0]["kid"]
    page = html.unescape((await boss.browser.get(f"/admin/keys/{kid}")).text)
    assert "active" in page
    assert f"/admin/end?kind=key&name={kid}" in page
