"""OAuth 2.0 Device Authorization Grant (RFC 8628), by section."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from counterfoil.oauth import user_code
from counterfoil.server.records.client import DEVICE_CODE
from tests.devices import Device, add_device_clients, decide, let_in, open_device_page, type_code
from tests.installation import CALLBACK, NOTES, Installation, Person, installed
from tests.shared import UNTHROTTLED

pytestmark = pytest.mark.anyio

MANY = {"device_rate_per_minute": 0, "device_tries_per_minute": 10_000}


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    data = tmp_path_factory.mktemp("data")
    async with installed(data, **UNTHROTTLED, **MANY) as place:
        await add_device_clients(place)
        yield place


@pytest.fixture(params=["tv", "box"])
async def device(place: Installation, request: pytest.FixtureRequest) -> Device:
    """A public one, and one with a secret."""
    return await Device(place, request.param).begin()


async def test_the_device_is_told_its_codes_where_to_send_the_person_and_how_often_to_ask(
    place: Installation,
) -> None:
    """§3.2."""
    answer = await Device(place).ask()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told["verification_uri"] == f"{place.issuer}/device"
    assert told["expires_in"] == 600
    assert told["interval"] == 5
    assert re.fullmatch(
        f"[{user_code.ALPHABET}]{{4}}-[{user_code.ALPHABET}]{{4}}", told["user_code"]
    )
    complete = f"{place.issuer}/device?user_code={told['user_code']}"
    assert told["verification_uri_complete"] == complete
    assert told["device_code"].startswith("cfdc_")


async def test_the_endpoint_is_in_the_metadata(place: Installation) -> None:
    """§4."""
    async with place.browser() as browser:
        metadata = (await browser.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["device_authorization_endpoint"] == f"{place.issuer}/device_authorization"
    assert DEVICE_CODE in metadata["grant_types_supported"]


async def test_a_client_must_be_registered_for_it(place: Installation) -> None:
    """§3.1."""
    answer = await Device(place, "app").ask()
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": "mail:send"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"dpop_jkt": "x"}, "invalid_request"),
        ({"client_id": "nobody"}, "invalid_client"),
    ],
    ids=str,
)
async def test_what_cannot_be_asked_is_said_at_once(
    place: Installation, form: dict[str, str], error: str
) -> None:
    """§3.2: errors as at the token endpoint (RFC 6749 §5.2)."""
    answer = await Device(place).ask(**form)
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] == error


async def test_the_device_waits_until_the_person_has_answered(
    device: Device, person: Person
) -> None:
    """§3.5: ``authorization_pending``, then tokens."""
    assert await device.error() == "authorization_pending"
    device.place.clock.turn(5)
    assert await device.error() == "authorization_pending"
    await let_in(person, device)
    device.place.clock.turn(5)
    tokens = await device.tokens()
    assert tokens["scope"] == "notes:read openid"
    assert {"access_token", "refresh_token", "id_token"} <= tokens.keys()


async def test_who_asks_too_soon_waits_for_five_seconds_longer_from_then_on(
    device: Device, person: Person
) -> None:
    """§3.5: ``slow_down``, for this and all later requests."""
    clock = device.place.clock
    assert await device.error() == "authorization_pending"
    clock.turn(1)
    assert await device.error() == "slow_down"
    clock.turn(5)
    assert await device.error() == "slow_down", "ten seconds are due now"
    clock.turn(15)
    assert await device.error() == "authorization_pending"
    await let_in(person, device)
    clock.turn(15)
    await device.tokens()


async def test_a_person_who_says_no_is_heard(device: Device, person: Person) -> None:
    """§3.5: ``access_denied``, and for good."""
    page = await open_device_page(person, device.link)
    assert "turned away" in (await decide(person, page, "deny")).text
    assert await device.error() == "access_denied"
    again = await decide(person, page, "allow")
    assert again.status_code == 400
    device.place.clock.turn(5)
    assert await device.error() == "access_denied"


async def test_a_code_expires(device: Device, person: Person) -> None:
    """§3.5: ``expired_token``."""
    page = await open_device_page(person, device.link)
    device.place.clock.turn(600)
    assert await device.error() == "expired_token"
    assert (await decide(person, page)).status_code == 400
    device.place.clock.turn(5)
    assert await device.error() == "expired_token"


async def test_a_code_that_was_allowed_expires_too(device: Device, person: Person) -> None:
    """§3.2: ``expires_in`` is for the device code as well."""
    await let_in(person, device)
    device.place.clock.turn(600)
    assert await device.error() == "expired_token"


async def test_a_code_works_once(device: Device, person: Person) -> None:
    """Shown again by its client, it ends what came of it, as an authorization code does."""
    await let_in(person, device)
    tokens = await device.tokens()
    device.place.clock.turn(5)
    again = await device.poll()
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert again.json()["error_reason"] == "used_up"
    refreshed = await device.post(
        "/token", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert refreshed.status_code == 400


async def test_a_link_with_the_code_in_it_still_asks(place: Installation, person: Person) -> None:
    """§3.3.1: the person compares the code, and confirms."""
    device = await Device(place, **{"user-agent": "curl/8.5"}).begin()
    page = await open_device_page(person, device.link)
    assert page.status_code == 200
    assert device.user_code in page.text
    assert "Only go on if you see this code on your own device" in page.text
    assert "Let <bdi>Tv</bdi> in?" in page.text
    assert "Read your notes" in page.text
    assert "curl" in page.text
    assert "just now" in page.text
    assert "<bdi>127.0.0.1</bdi>, as this browser does" in page.text
    assert await device.error() == "authorization_pending", "a look allows nothing"


@pytest.mark.parametrize(
    "spelled",
    [
        lambda code: code,
        lambda code: code.lower(),
        lambda code: code.replace("-", ""),
        lambda code: f" {code.replace('-', ' ')} ",
    ],
)
async def test_a_code_is_typed_as_people_type(
    place: Installation, person: Person, spelled: Any
) -> None:
    """§6.1: case and marks do not matter."""
    device = await Device(place).begin()
    page = await type_code(person, spelled(device.user_code))
    assert "connected" in (await decide(person, page)).text
    await device.tokens()


async def test_a_code_that_nothing_waits_under_is_said_to_be_unknown(person: Person) -> None:
    """§3.3: the person may type it again."""
    page = await type_code(person, "BCDF-GHJK")
    assert page.status_code == 400
    assert "No device waits under this code" in page.text
    assert 'name="user_code"' in page.text


async def test_what_was_not_chosen_is_not_given(place: Installation, person: Person) -> None:
    """The person may allow less, as with any app (S14)."""
    device = await Device(place).begin(scope="openid notes:read notes:write")
    page = await open_device_page(person, device.link)
    chosen = page.text.replace(f'value="{NOTES} notes:write"', 'value=""')
    await decide(person, type(page)(200, text=chosen))
    assert (await device.tokens())["scope"] == "notes:read openid"


async def test_it_makes_the_one_permission_of_this_app_which_can_be_taken_back(
    place: Installation, person: Person
) -> None:
    """A device is a session of the app like any other (S01, S03)."""
    device = await Device(place).begin(scope="openid offline_access notes:read")
    await let_in(person, device)
    tokens = await device.tokens()
    apps = (await person.browser.get("/account/apps")).text
    assert "Tv" in apps
    grants = await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))
    assert [grant.client_id for grant in grants] == ["tv"]
    page = await person.browser.get(f"/account/end/grant/{grants[0].id}")
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf is not None
    await person.browser.post(f"/account/end/grant/{grants[0].id}", data={"csrf": csrf[1]})
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await device.post("/token", **form)).status_code == 400


async def test_what_is_taken_back_before_it_was_fetched_is_not_given(
    place: Installation, person: Person
) -> None:
    device = await Device(place).begin()
    await let_in(person, device)
    grants = await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))
    await place.authority.store.transact(lambda tx: tx.grants.end(grants[0].id, tx.now))
    answer = await device.poll()
    assert (answer.json()["error"], answer.json()["error_reason"]) == ("invalid_grant", "revoked")


async def test_an_app_with_a_browser_may_have_both_ways(place: Installation) -> None:
    await place.add_client(
        "both",
        grant_types=("authorization_code", DEVICE_CODE),
        redirect_uris=(CALLBACK,),
        scopes=frozenset({"openid"}),
    )
    await Device(place, "both").begin(scope="openid")
