"""draft-parecki-oauth-global-token-revocation: another system ends everything of a person."""

from typing import Any

import httpx2
import pytest

from counterfoil.server.records.client import END_USERS
from counterfoil.server.records.event import EventKind
from tests.installation import Installation, Person, token_request

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(place: Installation) -> Installation:
    await place.add_client("security-desk", scopes=frozenset({END_USERS}))
    return place


async def ask(place: Installation, sub_id: Any, client_id: str = "security-desk"):
    async with place.browser() as browser:
        return await browser.post(
            "/global-token-revocation",
            json={"sub_id": sub_id},
            auth=(client_id, place.secrets[client_id]),
        )


def names_of(place: Installation, person: Person) -> dict[str, dict[str, str]]:
    return {
        "email": {"format": "email", "email": person.email.upper()},
        "opaque": {"format": "opaque", "id": person.user_id},
        "iss_sub": {"format": "iss_sub", "iss": place.issuer, "sub": person.user_id},
    }


@pytest.mark.parametrize("kind", ["email", "opaque", "iss_sub"])
async def test_everything_of_the_person_ends_and_the_account_stays(
    place: Installation, person: Person, visitor: Person, kind: str
):
    """§3.3, S47: refresh and access tokens, offline ones too; the person signs in anew."""
    offline = await person.tokens(scope="openid offline_access notes:read")
    online = await visitor.tokens()
    answer = await ask(place, names_of(place, person)[kind])
    assert (answer.status_code, answer.content) == (204, b"")
    for tokens in (offline, online):
        said = await place.post("/introspect", "app", token=tokens["access_token"])
        assert said.json() == {"active": False}
        shown = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await token_request(place, "app", **shown)).json()["error"] == "invalid_grant"
    page = await person.open()
    assert 'name="password"' in page.text, "§3.3: before new tokens the person signs in anew"
    assert (await person.sign_in(page)).status_code == 303, "the account and its permission stay"


async def test_the_answer_carries_the_receipt(place: Installation, person: Person):
    """Where the feed stands when all that has ended is in it."""
    await person.tokens()
    answer = await ask(place, names_of(place, person)["email"])
    assert answer.headers["counterfoil-notice"] == str(place.authority.hub.position)


async def test_it_is_written_down_with_the_client_as_actor(place: Installation, person: Person):
    """S111."""
    await person.tokens()
    await ask(place, names_of(place, person)["email"])
    events = await place.authority.store.read(lambda tx: tx.events.latest(3))
    assert {event.actor for event in events} == {"client:security-desk"}
    (own,) = [event for event in events if event.kind is EventKind.USER_SIGNED_OUT]
    assert (own.subject, own.address) == (person.user_id, "127.0.0.1")


async def test_a_second_request_is_good_and_ends_nothing(place: Installation, person: Person):
    await person.tokens()
    await ask(place, names_of(place, person)["email"])
    before = place.authority.hub.position
    assert (await ask(place, names_of(place, person)["email"])).status_code == 204
    assert place.authority.hub.position == before


@pytest.mark.parametrize(
    "sub_id",
    [
        {"format": "email", "email": "nobody@example.com"},
        {"format": "opaque", "id": "nobody"},
        {"format": "iss_sub", "iss": "https://other.example", "sub": "x"},
    ],
)
async def test_nobody_is_404(place: Installation, sub_id: dict[str, str]):
    """§3.4.2: told to those alone who may end everything of everybody (§6.2)."""
    assert (await ask(place, sub_id)).status_code == 404


async def test_the_sub_of_another_issuer_is_nobody_here(place: Installation, person: Person):
    """§3.2.3 of RFC 9493: a sub means something only beside its issuer."""
    await person.tokens()
    sub_id = {"format": "iss_sub", "iss": "https://other.example", "sub": person.user_id}
    assert (await ask(place, sub_id)).status_code == 404
    assert (await person.browser.get("/account/apps")).status_code == 200


def told_in(answer: httpx2.Response) -> dict[str, str]:
    """All that was said but the name of the refusal, which is never the same."""
    return {name: said for name, said in answer.json().items() if name != "request_id"}


@pytest.mark.parametrize("client_id", ["service", "app"])
async def test_without_the_right_it_is_403_whoever_is_meant(
    place: Installation, person: Person, client_id: str
):
    """§3.4.2, §6.1, §6.2: a client that may do other things learns nothing, and ends nothing."""
    await person.tokens()
    nobody = {"format": "email", "email": "nobody@example.com"}
    said = [
        await ask(place, each, client_id) for each in (names_of(place, person)["email"], nobody)
    ]
    assert [each.status_code for each in said] == [403, 403]
    assert told_in(said[0]) == told_in(said[1])
    assert said[0].json()["error"] == "insufficient_scope"
    assert (await person.browser.get("/account/apps")).status_code == 200


@pytest.mark.parametrize(
    "auth", [None, ("security-desk", "wrong"), ("nobody", "x"), ("spa", "")], ids=str
)
async def test_who_is_not_authenticated_is_401(
    place: Installation, person: Person, auth: tuple[str, str] | None
):
    """§3.4.2."""
    async with place.browser() as browser:
        body = {"sub_id": names_of(place, person)["email"]}
        answer = await browser.post(
            "/global-token-revocation", json=body, **({"auth": auth} if auth else {})
        )
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"sub_id": "x"}',
        b'{"sub_id": {"format": "email"}}',
        b'{"sub_id": {"format": "email", "email": 5}}',
        b'{"sub_id": {"format": "phone_number", "phone_number": "+1"}}',
        b'{"sub_id": {"format": "aliases", "identifiers": []}}',
        b'{"sub_id": {"email": "a@b.example"}}',
        b'{"sub_id": {"format": "email", "email": "a@b.example", "id": "x"}}',
        b'{"sub_id": {"format": "email", "email": "a@b.example"}, "client_id": "x"}',
        b'{"sub_id": {"format": "email", "email": "a@b.example", "email": "c@d.example"}}',
        b'{"sub_id": {"format": "email", "email": "\xff"}}',
        b'{"sub_id":' * 40 + b"1" + b"}" * 40,
        b'{"sub_id": {"format": "email", "email": "' + b"x" * 70_000 + b'"}}',
    ],
)
async def test_a_malformed_request_is_400(place: Installation, body: bytes):
    """§3.4.2: an unknown format, more than it names, or nothing that is JSON."""
    assert (await post(place, body, "application/json")).status_code == 400


async def test_a_form_is_no_request(place: Installation):
    """§3.1."""
    answer = await post(place, b"sub_id=x", "application/x-www-form-urlencoded")
    assert answer.status_code == 400


async def post(place: Installation, body: bytes, content_type: str) -> httpx2.Response:
    async with place.browser() as browser:
        return await browser.post(
            "/global-token-revocation",
            content=body,
            headers={"content-type": content_type},
            auth=("security-desk", place.secrets["security-desk"]),
        )


async def test_the_metadata_names_the_endpoint(place: Installation):
    """§5."""
    async with place.browser() as browser:
        said = (await browser.get("/.well-known/oauth-authorization-server")).json()
    assert said["global_token_revocation_endpoint"] == f"{place.issuer}/global-token-revocation"
    assert said["global_token_revocation_endpoint_auth_methods_supported"] == [
        "client_secret_basic",
        "private_key_jwt",
    ]


async def test_the_right_stands_in_no_token(place: Installation):
    """§6.1: whoever steals a token of the client's cannot end anything with it."""
    await place.add_client("both", scopes=frozenset({END_USERS, "notes:read"}))
    answer = await place.post("/token", "both", grant_type="client_credentials")
    assert answer.json()["scope"] == "notes:read"
    refused = await place.post(
        "/token", "both", grant_type="client_credentials", scope=f"notes:read {END_USERS}"
    )
    assert refused.json()["error"] == "invalid_scope"
