"""What can be registered, and what cannot."""

from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.registration import NewUser
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import MOST_SECRETS, Client
from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.policy import ApiPolicy, ClientPolicy
from counterfoil.server.records.signing_key import LONGEST_LIFETIME
from counterfoil.server.records.store import Transaction
from tests.installation import CALLBACK, NOTES, PASSWORD, Installation

pytestmark = pytest.mark.anyio

PAPERS = "https://papers.example"
UNROTATED = ClientPolicy(refresh_rotation=False)
WEB = {"grant_types": ("authorization_code",), "redirect_uris": (CALLBACK,)}


async def test_a_confidential_client_gets_its_secret_once(place: Installation):
    """S77: stored is its SHA-256 alone."""
    secret = await place.add_client("fresh")
    assert secret is not None
    assert is_spelled(Kind.CLIENT_SECRET, secret)
    (kept,) = await place.authority.store.read(lambda tx: tx.clients.secrets_of("fresh"))
    assert secret not in repr(kept)
    (event, *_) = await place.authority.store.read(lambda tx: tx.events.latest(1))
    assert event.kind is EventKind.CLIENT_SECRET_ADDED
    assert event.actor == "cli"


async def test_a_public_client_gets_none(place: Installation):
    assert await place.add_client("open", public=True, **WEB) is None


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"grant_types": ()}, "invalid_request"),
        ({"grant_types": ("password",)}, "invalid_request"),
        ({"grant_types": ("authorization_code",)}, "invalid_request"),
        ({"redirect_uris": (CALLBACK,)}, "invalid_request"),
        ({"grant_types": ("refresh_token",)}, "invalid_request"),
        ({"public": True}, "invalid_request"),
        ({**WEB, "redirect_uris": ("http://app.example/cb",)}, "invalid_request"),
        ({**WEB, "post_logout_redirect_uris": ("javascript:x",)}, "invalid_request"),
        ({"scopes": frozenset({"unknown"})}, "invalid_scope"),
        ({"scopes": frozenset({'a"b'})}, "invalid_scope"),
        ({"client_name": " "}, "invalid_request"),
        ({"client_name": "a\nb"}, "invalid_request"),
        ({"client_name": "x" * 201}, "invalid_request"),
        ({**WEB, "public": True, "policy": UNROTATED}, "invalid_request"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    place: Installation, members: dict[str, Any], error: str
):
    """RFC 7591 §3.2.2 in spirit: a sentence says what is wrong; nothing is stored."""
    with pytest.raises(OAuthError) as refused:
        await place.add_client("odd", **members)
    assert refused.value.error == error
    assert refused.value.description.endswith(".")
    assert await place.authority.store.read(lambda tx: tx.clients.find("odd")) is None


async def test_a_name_is_given_once(place: Installation):
    with pytest.raises(Conflict):
        await place.add_client("service")
    with pytest.raises(Conflict):
        await place.add_api(NOTES, "Again", {"x": "y"})
    with pytest.raises(Conflict):
        await place.add_user("ADA@example.com ")


async def rotate(place: Installation, client_id: str, overlap: int):
    return await place.authority.store.transact(
        lambda tx: registration.rotate_secret(tx, client_id, overlap, CLI)
    )


async def test_two_secrets_at_most_live_at_once(place: Installation):
    await place.add_client("busy")
    for _ in range(4):
        assert await rotate(place, "busy", 1000) is not None
        kept = await place.authority.store.read(lambda tx: tx.clients.secrets_of("busy"))
        now = int(place.clock())
        live = [secret for secret in kept if secret.is_live(now)]
        assert len(live) == MOST_SECRETS == 2
        assert live[0].expires_at == now + 1000
        assert live[1].expires_at is None
        place.clock.turn(1)


async def test_without_an_overlap_the_old_secret_ends_now(place: Installation):
    """S38: a leaked secret is replaced at once."""
    await place.add_client("leaked")
    new = await rotate(place, "leaked", 0)
    answer = await place.post("/token", "leaked", grant_type="client_credentials")
    assert answer.status_code == 401
    assert new is not None
    place.secrets["leaked"] = new.reveal()
    await place.service_token("leaked")


async def test_there_is_nothing_to_rotate_at_a_public_or_unknown_client(place: Installation):
    assert await rotate(place, "spa", 0) is None
    assert await rotate(place, "nobody", 0) is None


async def add_api(place: Installation, **members: Any) -> None:
    given = {"uri": "https://x.example", "name": "X", "created_at": 1, "scopes": {"a": "A"}}
    api = Api(**(given | members))
    await place.authority.store.transact(lambda tx: registration.add_api(tx, api, CLI))


@pytest.mark.parametrize(
    "members",
    [
        {"uri": "x"},
        {"uri": "https://x.example#y"},
        {"uri": "https://x .example"},
        {"uri": "https://é.example"},
        {"name": ""},
        {"scopes": {}},
        {"scopes": {"openid": "Mine"}},
        {"scopes": {"introspect": "Mine"}},
        {"scopes": {"a b": "Two"}},
        {"scopes": {'a"': "Odd"}},
        {"policy": ApiPolicy(token_format="reference", status_list=True)},
    ],
)
async def test_an_api_needs_an_identifier_and_scopes_of_its_own(
    place: Installation, members: dict[str, Any]
):
    """RFC 8707 §2: an absolute URI without fragment."""
    with pytest.raises(OAuthError):
        await add_api(place, **members)


async def test_a_long_lifetime_is_remembered_for_good(place: Installation):
    """Notices and keys must outlive every token that was ever issued under them (S41)."""
    await add_api(place, uri="https://long.example", token_lifetime=9 * 86400)
    mark = await place.authority.store.transact(lambda tx: tx.sealed.raise_to(LONGEST_LIFETIME, 0))
    assert mark == 9 * 86400


@pytest.mark.parametrize(
    "email", ["", "ada", "@example.com", "ada@", "a b@example.com", "a" * 200 + "@x.example"]
)
async def test_what_is_no_email_is_refused(place: Installation, email: str):
    with pytest.raises(OAuthError):
        await place.authority.store.transact(
            lambda tx: registration.add_user(tx, NewUser(email, "x"), CLI)
        )


async def change(place: Installation, client_id: str, **members: Any) -> Client | None:
    async def work(tx: Transaction) -> Client | None:
        found = await tx.clients.find(client_id)
        assert found is not None
        wanted = replace(found, **members)
        return await registration.update_client(tx, wanted, CLI, development=True)

    return await place.authority.store.transact(work)


async def latest(place: Installation) -> Event:
    return (await place.authority.store.read(lambda tx: tx.events.latest(1)))[0]


async def test_a_change_is_an_event_that_names_the_fields_and_no_values(place: Installation):
    """S111: what was changed and by whom; the values stand in the row."""
    changed = await change(place, "app", client_name="Renamed", policy=UNROTATED)
    assert changed is not None
    assert (changed.client_name, changed.policy) == ("Renamed", UNROTATED)
    assert await place.authority.store.read(lambda tx: tx.clients.find("app")) == changed
    event = await latest(place)
    assert (event.kind, event.subject, event.actor) == (EventKind.CLIENT_CHANGED, "app", "cli")
    assert event.detail == {"changed": "client_name refresh_rotation"}


async def test_what_stays_as_it_was_is_no_event(place: Installation):
    before = await latest(place)
    await change(place, "app")
    assert await latest(place) == before


async def test_kind_state_and_generation_are_not_changed_in_passing(place: Installation):
    before = await place.authority.store.read(lambda tx: tx.clients.find("spa"))
    changed = await change(place, "spa", public=False, generation=9, disabled_at=1)
    assert changed == before


@pytest.mark.parametrize(
    "members",
    [
        {"client_name": ""},
        {"grant_types": ("password",)},
        {"redirect_uris": ("http://app.example/",)},
        {"redirect_uris": ()},
        {"scopes": frozenset({"unknown"})},
        {"policy": ClientPolicy(refresh_rotation=False)},
    ],
)
async def test_a_change_obeys_what_a_registration_obeys(
    place: Installation, members: dict[str, Any]
):
    before = await place.authority.store.read(lambda tx: tx.clients.find("spa"))
    with pytest.raises(OAuthError):
        await change(place, "spa", **members)
    assert await place.authority.store.read(lambda tx: tx.clients.find("spa")) == before


async def test_a_scope_stays_at_the_apis_that_it_was_registered_for(place: Installation):
    """Another API has taken the same name since: nobody said that it is meant too."""
    await place.add_client("early", scopes=frozenset({"notes:read", "notes:write"}))
    await place.add_api("https://late.example", "Late", {"notes:read": "Mine", "late": "Late"})
    renamed = await change(place, "early", client_name="Renamed")
    assert renamed is not None
    assert set(renamed.access.apis) == {NOTES}
    more = await change(place, "early", scopes=frozenset({"notes:read", "late"}))
    assert more is not None
    assert more.access.apis == {
        NOTES: frozenset({"notes:read"}),
        "https://late.example": frozenset({"late"}),
    }


async def test_nobody_is_changed_where_nobody_is(place: Installation):
    async def work(tx: Transaction) -> object:
        app = await tx.clients.find("app")
        api = await tx.apis.find(NOTES)
        assert app is not None
        assert api is not None
        client = replace(app, client_id="nobody")
        return (
            await registration.update_client(tx, client, CLI, development=True),
            await registration.update_api(tx, replace(api, uri="https://no.example"), CLI),
        )

    assert await place.authority.store.transact(work) == (None, None)


async def change_api(place: Installation, uri: str, **members: Any) -> Api | None:
    async def work(tx: Transaction) -> Api | None:
        found = await tx.apis.find(uri)
        assert found is not None
        return await registration.update_api(tx, replace(found, **members), CLI)

    return await place.authority.store.transact(work)


async def test_an_api_is_changed(place: Installation):
    """S41: the mark of the longest lifetime rises with it; only the registry draws a generation."""
    await place.add_api(PAPERS, "Papers", {"papers:read": "Read papers"})
    members = {"name": "Maps", "policy": ApiPolicy(registry=True), "token_lifetime": 10 * 86400}
    changed = await change_api(place, PAPERS, **members, generation=7, created_at=1)
    assert changed is not None
    assert (changed.name, changed.policy, changed.generation) == ("Maps", members["policy"], 2)
    assert await place.authority.store.read(lambda tx: tx.apis.find(PAPERS)) == changed
    event = await latest(place)
    assert (event.kind, event.subject) == (EventKind.API_CHANGED, PAPERS)
    assert event.detail == {"changed": "name token_lifetime registry"}
    mark = await place.authority.store.transact(lambda tx: tx.sealed.raise_to(LONGEST_LIFETIME, 0))
    assert mark == 10 * 86400


@pytest.mark.parametrize(
    "members",
    [
        {"name": " "},
        {"scopes": {}},
        {"scopes": {"openid": "Mine"}},
        {"policy": ApiPolicy(token_format="reference", status_list=True)},
    ],
)
async def test_a_changed_api_obeys_what_a_new_one_obeys(
    place: Installation, members: dict[str, Any]
):
    with pytest.raises(OAuthError):
        await change_api(place, NOTES, **members)


@pytest.mark.parametrize("name", ["Ada\u202eecalevoL", "A\x1b[2Jda", "x" * 101])
async def test_a_name_that_cannot_be_shown_is_nobodys(place: Installation, name: str):
    """Whoever adds them, by command line or API: the rule is that of the page."""
    with pytest.raises(OAuthError, match="A name"):
        await place.add_user("shown@example.com", name=name)


async def test_a_name_is_tidied_as_on_the_page(place: Installation):
    assert (
        await place.add_user("tidy@example.com", name="  Ada\n Lovelace ")
    ).name == "Ada Lovelace"
    assert (await place.add_user("bare@example.com", name=" ")).name is None


async def test_a_password_that_is_ended_leaves_an_account_that_is_in_use(place: Installation):
    """Whoever could invite its owner anew could choose their password."""
    user = place.user
    assert user is not None
    await place.authority.store.transact(lambda tx: registration.end_password(tx, user.id, CLI))
    after = await place.authority.store.read(lambda tx: tx.users.find(user.id))
    assert after is not None
    assert after.password_hash not in (None, user.password_hash)
    for password in ("", after.password_hash or "", PASSWORD):
        assert not await place.server.passwords.verify(password, after.password_hash)
    assert (await latest(place)).kind == EventKind.PASSWORD_ENDED


async def test_where_there_is_no_password_none_is_ended(place: Installation):
    async def work(tx: Transaction) -> tuple[bool, bool]:
        user = await registration.add_user(tx, NewUser("none@example.com"), CLI)
        ends = [await registration.end_password(tx, each, CLI) for each in (user.id, "nobody")]
        return ends[0].ended, ends[1].ended

    assert await place.authority.store.transact(work) == (False, False)
