"""The map of the server: every route, every method, mounted anywhere."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from counterfoil.server.app import ROUTES, App
from counterfoil.server.assembly import build
from counterfoil.server.keys.keyring import NoSigningKey
from counterfoil.server.keys.master_key import MasterKeyError
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.settings import SettingsError, load
from counterfoil.server.web.server import Caller
from tests.installation import Installation, Person, installed

pytestmark = pytest.mark.anyio

PATHS = sorted({route.path for route in ROUTES})
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"}


def of(path: str) -> set[str]:
    return {method for route in ROUTES if route.path == path for method in route.methods}


def filled(path: str) -> str:
    return path.replace("{name}", "x").replace("{", "").replace("}", "")


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/api/clients/a", {"client_id": "a"}),
        ("/api/clients/a b.c+d", {"client_id": "a b.c+d"}),
        ("/api/clients/{client_id}", {"client_id": "{client_id}"}),
        ("/api/clients", {}),
        ("/api/clients/", None),
        ("/api/clients//", None),
        ("/api/clients/a/", None),
        ("/api/clients/a/nothing", None),
        ("/api/client/a", None),
        ("/apixclients/a", None),
        ("api/clients/a", None),
        ("//api/clients/a", None),
        ("/API/clients/a", None),
    ],
)
def test_a_name_in_a_path_is_one_whole_part_and_never_empty(
    path: str, names: dict[str, str] | None
):
    app = build(load({}, {}))
    place, found = app._find(path)
    assert (found if place.routes else None) == names


def test_every_path_with_names_leads_to_its_own_routes():
    """None stands in the way of another."""
    app = build(load({}, {}))
    for path in PATHS:
        place, names = app._find(path)
        assert {route.path for route in place.routes.values()} == {path}
        assert all(key == value.strip("{}") for key, value in names.items())


async def test_each_path_and_method_has_one_handler():
    pairs = [(route.path, method) for route in ROUTES for method in route.methods]
    assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_is_for_one_audience(path: str):
    """CORS and errors follow from it, so that it cannot depend on the method."""
    assert len({route.caller for route in ROUTES if route.path == path}) == 1


@pytest.mark.parametrize("path", PATHS)
async def test_head_goes_wherever_get_goes(path: str):
    """RFC 9110 §9.3.2."""
    assert ("GET" in of(path)) == ("HEAD" in of(path))


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/notices"])
async def test_head_is_answered_like_get(place: Installation, path: str):
    """RFC 9110 §9.3.2."""
    if "GET" not in of(path):
        return
    async with place.browser() as anyone:
        got = await anyone.get(filled(path))
        asked = await anyone.head(filled(path))
    assert asked.status_code == got.status_code
    assert asked.headers.get("content-type") == got.headers.get("content-type")
    assert asked.headers.get("cache-control") == got.headers.get("cache-control")


@pytest.mark.parametrize("path", PATHS)
async def test_other_methods_are_told_which_there_are(place: Installation, path: str):
    """RFC 9110 §15.5.6: 405 with Allow, and Allow tells the truth."""
    scripts = any(r.caller is Caller.SCRIPT for r in ROUTES if r.path == path)
    allowed = of(path) | ({"OPTIONS"} if scripts else set())
    async with place.browser() as anyone:
        for method in sorted(METHODS - allowed):
            answer = await anyone.request(method, filled(path))
            assert answer.status_code == 405
            assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/nothing", "/token/", "//token", "/TOKEN", "/token%2f", "/a/b"])
async def test_what_is_not_on_the_map_is_a_page_for_people_and_json_for_programs(
    place: Installation, path: str
):
    async with place.browser() as anyone:
        for method in ("GET", "POST", "OPTIONS"):
            asked = method, f"{place.issuer}{path}"
            answer = await anyone.request(*asked, headers={"accept": "text/html,*/*;q=0.8"})
            assert answer.status_code == 404
            assert "There is nothing here" in answer.text
            assert answer.headers["content-security-policy"]
            answer = await anyone.request(*asked)
            assert answer.status_code == 404
            assert answer.json()["error"] == "not_found"


@pytest.mark.parametrize("error", [StoreUnavailable("disk"), NoSigningKey("none")])
async def test_when_the_store_cannot_answer_it_is_503(
    place: Installation, error: Exception, monkeypatch: pytest.MonkeyPatch
):
    """RFC 6749 §4.1.2.1: temporarily_unavailable, never a made-up answer."""
    store = place.authority.store

    async def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(type(store), "read", lambda self, work, **_: fail(work))
    answer = await place.post("/token", "service", grant_type="client_credentials")
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers.get_list("retry-after") == ["5"]
    async with place.browser() as anyone:
        page = await anyone.get("/authorize?client_id=app")
    assert page.status_code == 503
    assert "disk" not in page.text


async def half_sent(app: App, path: str) -> tuple[asyncio.Task[None], list[dict[str, Any]]]:
    """A request whose body does not come: its handler waits. Gives the task, and what it sends."""
    waiting, sent = asyncio.Event(), list[dict[str, Any]]()
    form = (b"content-type", b"application/x-www-form-urlencoded")
    scope = {"type": "http", "method": "POST", "path": path, "headers": [form]}

    async def receive() -> dict[str, Any]:
        waiting.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody answers this")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope |= {"query_string": b"", "client": ("127.0.0.1", 1)}
    task = asyncio.create_task(app(scope, receive, send))
    await waiting.wait()
    return task, sent


@pytest.mark.parametrize(
    ("path", "answer"),
    [("/token", b"temporarily_unavailable"), ("/revoke", b"request_id"), ("/sign-in", b"<h1>")],
)
async def test_what_is_cancelled_because_the_server_ends_is_answered(
    tmp_path: Path, path: str, answer: bytes
):
    """503 and when to come back, never 500 or a broken connection; for scripts, readable."""
    async with installed(tmp_path) as place:
        task, sent = await half_sent(place.app, path)
        place.app.end_streams()
        task.cancel()
        await task
    start, body = sent
    headers = dict(start["headers"])
    assert (start["status"], headers[b"retry-after"]) == (503, b"5")
    assert (b"access-control-allow-origin" in headers) == (path != "/sign-in")
    assert answer in body["body"]


async def test_what_is_cancelled_while_the_server_goes_on_is_not_answered(place: Installation):
    """By a host that sees that nobody listens any more."""
    task, sent = await half_sent(place.app, "/token")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sent == []


async def test_who_waits_in_line_when_there_is_no_time_left_is_asked_to_come_back(
    tmp_path: Path,
):
    async with installed(tmp_path) as place, place.browser() as browser:
        page = await Person(place, browser).open()
        place.app.end_waiting()
        answer = await Person(place, browser).sign_in(page)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_a_mistake_of_ours_is_500_and_says_nothing(
    place: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: object) -> None:
        raise RuntimeError("an inner detail")

    monkeypatch.setattr(type(place.authority.hub), "catch_up", fail)
    async with place.browser() as anyone:
        answer = await anyone.get("/jwks.json")
    assert answer.status_code == 500
    assert answer.json()["error"] == "server_error"
    assert "inner detail" not in answer.text
    assert "inner detail" in caplog.text


async def test_an_error_page_has_a_reference_that_the_log_knows(
    place: Installation, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    async with place.browser() as anyone:
        page = await anyone.get("/authorize?client_id=nobody")
    reference = page.text.partition('class="serial">')[2].partition("<")[0]
    assert len(reference) == 8
    assert reference in caplog.text


async def test_pages_are_protected_wherever_they_come_from(place: Installation):
    """S103."""
    async with place.browser() as anyone:
        for path in ("/", "/sign-in", "/signed-out", "/authorize", "/nothing"):
            answer = await anyone.get(path, headers={"accept": "text/html"})
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["cache-control"] == "no-store"


async def test_over_https_browsers_are_told_to_stay_there(tmp_path: Path):
    """S94, S103: HSTS and Secure cookies in production."""
    async with installed(tmp_path, issuer="https://id.example") as place, place.browser() as anyone:
        cookie = (await anyone.get("/sign-in")).headers["set-cookie"]
        for path in ("/sign-in", "/jwks.json", "/nothing"):
            answer = await anyone.get(path)
            assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
        assert cookie.startswith("__Host-counterfoil_browser=")
        assert "Secure" in cookie


async def test_in_development_nobody_is_told_so(place: Installation):
    async with place.browser() as anyone:
        answer = await anyone.get("/sign-in")
    assert "strict-transport-security" not in answer.headers


async def test_it_can_be_mounted_below_a_path(tmp_path: Path):
    """The issuer's path, the mount's path and every link agree."""
    async with installed(tmp_path, issuer="https://id.example/auth") as place:
        outer = Starlette(routes=[Mount("/auth", place.app)])
        place.app = outer
        async with place.browser(follow_redirects=False) as browser:
            browser.base_url = "https://id.example"
            person = Person(place, browser)
            url = person.authorization_url()
            start = await browser.get(f"/auth{url}")
            assert start.headers["location"].startswith("/auth/sign-in?")
            page = await browser.get(start.headers["location"])
            assert 'action="/auth/sign-in"' in page.text
            assert 'href="/auth/static/' in page.text
            document = (await browser.get("/auth/.well-known/openid-configuration")).json()
            assert document["issuer"] == "https://id.example/auth"
            assert document["token_endpoint"] == "https://id.example/auth/token"


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/openid-configuration",
        "/tenant/.well-known/oauth-authorization-server",
    ],
)
async def test_an_issuer_with_a_path_is_described_where_clients_look(tmp_path: Path, path: str):
    """RFC 8414 §3.1: the path stands after the well-known part; OpenID Discovery §4: before it."""
    async with (
        installed(tmp_path, issuer="https://id.example/tenant") as place,
        place.browser() as anyone,
    ):
        answer = await anyone.get(f"https://id.example{path}")
    assert answer.json()["issuer"] == "https://id.example/tenant"


async def test_before_its_lifespan_it_serves_nothing(tmp_path: Path):
    app = build(load({}, {"data": str(tmp_path)}))
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1:8000"
    ) as client:
        with pytest.raises(RuntimeError, match="lifespan"):
            await client.get("/health/live")


async def lifespan(app: App) -> list[str]:
    sent: list[str] = []
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> dict[str, str]:
        return messages.pop(0)

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    return sent


async def test_a_setting_that_cannot_be_used_is_said_without_a_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    app = build(load({}, {"data": str(tmp_path), "breached_passwords_file": "/nowhere"}))
    with pytest.raises(SettingsError):
        await lifespan(app)
    (said,) = [each for each in caplog.records if "could not start" in each.message]
    assert "breached_passwords_file: /nowhere cannot be read" in said.message
    assert said.exc_info is None


async def test_it_follows_the_lifespan_of_its_host(tmp_path: Path):
    """ASGI lifespan protocol."""
    app = build(load({}, {"data": str(tmp_path)}))
    assert await lifespan(app) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_failed_start_is_said(tmp_path: Path):
    (tmp_path / "master.key").write_text("this is no key")
    app = build(load({}, {"data": str(tmp_path)}))
    sent: list[dict[str, str]] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, str]) -> None:
        sent.append(message)

    with pytest.raises(MasterKeyError):
        await app({"type": "lifespan"}, receive, send)
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert sent[0]["message"]


async def test_a_websocket_is_closed(place: Installation):
    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await place.app({"type": "websocket", "path": "/"}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1000}]
