"""Personal tokens, used where they are not good: widened, mixed up, moved, guessed (S11, S75)."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from counterfoil.guard import Credentials, Guard, Issuer
from counterfoil.guard.asgi import GuardMiddleware
from counterfoil.oauth.opaque import Kind, spell
from counterfoil.oauth.personal_token import CLIENT_ID
from tests.exchanging import exchanged, furnish_exchange, refused
from tests.flows.serving import fresh, served
from tests.installation import CALLBACK, MAIL, NOTES, Installation, token_request
from tests.server.protocol.test_personal_tokens import make

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("what is decided asks no engine")]


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("data")) as place:
        await place.set_policy(NOTES, personal_tokens=True)
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        yield place


AS_ANOTHER_KIND = {
    "a refresh token": {"grant_type": "refresh_token", "refresh_token": "{token}"},
    "a code": {
        "grant_type": "authorization_code",
        "code": "{token}",
        "redirect_uri": CALLBACK,
        "code_verifier": "v" * 43,
    },
    "a device code": {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "{token}",
    },
    "a subject token": {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "{token}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
    },
}


@pytest.mark.parametrize("kind", AS_ANOTHER_KIND)
async def test_the_token_endpoint_takes_it_for_nothing(place: Installation, kind: str):
    """S75: it becomes no other token, which would live on after it has ended."""
    text = (await make(place)).secret.reveal()
    form = {name: value.format(token=text) for name, value in AS_ANOTHER_KIND[kind].items()}
    answer = await token_request(place, "app", **form)
    assert answer.status_code == 400
    assert "access_token" not in answer.json()
    assert text not in answer.text


async def test_whoever_may_act_for_callers_gets_nothing_for_one(place: Installation):
    """RFC 8693: what came of it would live on when the notice of its end is forgotten."""
    await furnish_exchange(place)
    made = await make(place, networks=("192.0.2.0/24",))
    answer = await exchanged(place, "notes-api", made.secret.reveal(), resource=MAIL)
    assert refused(answer) == ("invalid_request", "wrong_type")
    ordinary = await place.service_token()
    answer = await exchanged(place, "notes-api", ordinary, resource=MAIL)
    assert answer.status_code == 200


async def test_it_is_no_secret_of_a_client_and_no_cookie(place: Installation):
    text = (await make(place)).secret.reveal()
    async with place.browser() as browser:
        answer = await browser.post(
            "/token", data={"grant_type": "client_credentials"}, auth=(CLIENT_ID, text)
        )
        assert answer.status_code == 401
        answer = await browser.post(
            "/token", data={"grant_type": "client_credentials"}, auth=("service", text)
        )
        assert answer.status_code == 401
        for name in ("__Host-session", "session", "__Host-cf-session"):
            browser.cookies.set(name, text)
        assert (await browser.get("/account/apps")).status_code == 303


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.PERSONAL_TOKEN}))
async def test_no_other_secret_becomes_one_by_its_spelling(place: Installation, kind: Kind):
    """S75: the same bytes under another prefix have another digest, and another checksum."""
    made = await make(place)
    renamed = made.secret.reveal().replace("cfpt_", f"{kind}_")
    for shown in (renamed, spell(kind, bytes(32)).reveal()):
        answer = await place.post("/introspect", "guard", token=shown)
        assert answer.json() == {"active": False}


async def test_the_server_itself_is_not_opened_by_one(place: Installation):
    text = (await make(place)).secret.reveal()
    headers = {"authorization": f"Bearer {text}"}
    async with place.browser() as browser:
        for path in ("/api/users", "/userinfo"):
            answer = await browser.get(path, headers=headers)
            assert answer.status_code in (401, 403), path


async def test_who_does_not_enforce_its_networks_is_told_nothing(place: Installation):
    """A server of others would take it from anywhere."""
    text = (await make(place, networks=("192.0.2.0/24",))).secret.reveal()
    for known in ({}, {"known_types": "url-bound-at+jwt"}, {"known_types": "personal-tokens"}):
        answer = await place.post("/introspect", "guard", token=text, **known)
        assert answer.json() == {"active": False}
    answer = await place.post("/introspect", "guard", token=text, known_types="personal-token")
    assert answer.json()["networks"] == ["192.0.2.0/24"]


async def test_clients_without_the_right_learn_nothing_and_end_nothing(place: Installation):
    """Nobody's client owns it: neither introspection nor revocation knows it for theirs."""
    text = (await make(place)).secret.reveal()
    assert (await place.post("/introspect", "service", token=text)).json() == {"active": False}
    answer = await place.post("/revoke", "service", token=text)
    assert answer.json()["error"] == "unauthorized_client"
    assert (await place.post("/introspect", "guard", token=text)).json()["active"] is True


class Api:
    """An API behind a guard that believes one proxy."""

    def __init__(self, guard: Guard) -> None:
        app = Starlette(routes=[Route("/notes", lambda _: PlainTextResponse("notes"))])
        self._app = GuardMiddleware(app, guard, proxies=["198.51.100.1"])

    async def reason(self, token: str, peer: str, headers: list[tuple[str, str]]) -> str:
        transport = httpx2.ASGITransport(self._app, client=(peer, 4711))
        sent = [("authorization", f"Bearer {token}"), *headers]
        async with httpx2.AsyncClient(transport=transport, base_url=NOTES) as client:
            answer = await client.get("/notes", headers=sent)
        return "" if answer.status_code == 200 else str(answer.json()["error_reason"])


@pytest.fixture
async def api(place: Installation) -> AsyncIterator[Api]:
    credentials = Credentials("guard", place.secrets["guard"])
    trusted = Issuer(place.issuer, credentials=credentials, personal=True)
    with Guard(issuers=[trusted], audience=NOTES) as guard:
        await fresh(guard)
        yield Api(guard)
        await guard.aclose()


SECURE = ("x-forwarded-proto", "https")
SPOOFED = {
    "written by the client itself": ("203.0.113.7", [("x-forwarded-for", "192.0.2.9")]),
    "before the hop that the proxy adds": (
        "198.51.100.1",
        [SECURE, ("x-forwarded-for", "192.0.2.9, 203.0.113.7")],
    ),
    "in a header of its own before": (
        "198.51.100.1",
        [SECURE, ("x-forwarded-for", "192.0.2.9"), ("x-forwarded-for", "203.0.113.7")],
    ),
    "in another header": (
        "198.51.100.1",
        [SECURE, ("x-real-ip", "192.0.2.9"), ("x-forwarded-for", "203.0.113.7")],
    ),
    "in Forwarded": (
        "198.51.100.1",
        [SECURE, ("forwarded", "for=192.0.2.9;proto=https"), ("x-forwarded-for", "203.0.113.7")],
    ),
    "what is no address": ("198.51.100.1", [SECURE, ("x-forwarded-for", "192.0.2.9, unknown")]),
    "nothing at all": ("198.51.100.1", [SECURE]),
}


@pytest.mark.parametrize("way", SPOOFED)
async def test_an_address_that_is_only_said_opens_nothing(place: Installation, api: Api, way: str):
    text = (await make(place, networks=("192.0.2.0/24",))).secret.reveal()
    peer, headers = SPOOFED[way]
    assert await api.reason(text, peer, headers) == "wrong_address"
    assert await api.reason(text, "192.0.2.9", []) == ""
    assert await api.reason(text, peer, headers) == "wrong_address"


async def test_a_token_of_one_api_is_refused_at_another(place: Installation):
    text = (await make(place)).secret.reveal()
    credentials = Credentials("guard", place.secrets["guard"])
    trusted = Issuer(place.issuer, credentials=credentials, personal=True)
    with Guard(issuers=[trusted], audience="https://other.example") as guard:
        await fresh(guard)
        assert await Api(guard).reason(text, "203.0.113.7", []) == "wrong_audience"
        await guard.aclose()


async def test_it_is_never_taken_from_the_url(place: Installation, api: Api):
    text = (await make(place)).secret.reveal()
    transport = httpx2.ASGITransport(api._app, client=("203.0.113.7", 4711))
    async with httpx2.AsyncClient(transport=transport, base_url=NOTES) as client:
        answer = await client.get("/notes", params={"access_token": text})
    assert answer.status_code == 400
    assert text not in answer.text
