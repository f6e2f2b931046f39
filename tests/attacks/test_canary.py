"""The canary: every secret that is handed out is searched for wherever bytes are left (S77, S110).

All flows run, right and wrong, with logging at debug; then the output, the logs, the database
with its write-ahead log and the whole data directory are searched for each secret.
"""

import base64
import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import httpx2
import pytest

from counterfoil.oauth.parameters import Parameters
from counterfoil.server.assembly import build
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.settings import load
from tests.attacks.served import cli, said_in, served
from tests.engines import values_of
from tests.installation import (
    CALLBACK,
    EMAIL,
    PASSWORD,
    Installation,
    Person,
    endings_in,
    hidden_fields,
    installed,
)

pytestmark = pytest.mark.anyio

LOUD = {"COUNTERFOIL_LOG_LEVEL": "debug", "PYTHONASYNCIODEBUG": "1"}
WRONG_PASSWORD = "wr0ng-passw0rd-of-somebody"


class Canaries:
    """Everything secret that was seen, by name."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {"password": PASSWORD, "wrong password": WRONG_PASSWORD}

    def note(self, name: str, value: str | None) -> None:
        if value:
            self.known[f"{name} {len(self.known)}"] = value

    def note_page(self, page: httpx2.Response) -> None:
        for name, value in hidden_fields(page.text).items():
            if name != "back":  # the page's own path
                self.note(name, value)

    def note_tokens(self, answer: httpx2.Response) -> dict[str, Any]:
        body = dict(answer.json())
        for name in ("access_token", "refresh_token", "id_token"):
            self.note(name, body.get(name))
        return body

    def note_cookies(self, browser: httpx2.AsyncClient) -> None:
        for each in browser.cookies.jar:
            self.note(each.name, each.value)

    def spellings(self) -> Iterable[tuple[str, bytes]]:
        for name, value in self.known.items():
            spelled = {value, quote(value), quote_plus(value), value.encode().hex()}
            spelled.add(base64.b64encode(value.encode()).decode())
            if value.count(".") == 2:
                spelled.add(value.rpartition(".")[2])
            for each in spelled:
                yield name, each.encode()

    def found_in(self, content: bytes) -> list[str]:
        return sorted({name for name, spelled in self.spellings() if spelled in content})


async def run_all_flows(site: Installation, canaries: Canaries, base: str) -> None:
    """Every flow there is, and every way it fails that a stranger can bring about."""
    for name, secret in site.secrets.items():
        canaries.note(f"secret of {name}", secret)
        canaries.note("basic", base64.b64encode(f"{name}:{secret}".encode()).decode())
    async with httpx2.AsyncClient(base_url=base, timeout=20) as browser:
        person = Traveller(site, browser)
        page = await person.open(prompt="consent")
        canaries.note_page(page)
        wrong = hidden_fields(page.text) | {"email": EMAIL, "password": WRONG_PASSWORD}
        await browser.post("/sign-in", data=wrong)
        await browser.post("/sign-in", data=wrong | {"email": PASSWORD})
        page = await person.sign_in(page)
        canaries.note_page(page)
        canaries.note_cookies(browser)
        await browser.post("/consent", data=hidden_fields(page.text) | {"csrf": "forged"})
        code = person.code_in(await person.allow(page))
        await exchange_and_spend(site, canaries, person, code)
        await leave(canaries, person)


class Traveller(Person):
    """A person whose app talks to the same server over the same connection."""

    def code_in(self, answer: httpx2.Response) -> str:
        return httpx2.URL(answer.headers["location"]).params["code"]

    async def token(self, client_id: str = "app", **form: str) -> httpx2.Response:
        auth = (client_id, self.installation.secrets[client_id])
        return await self.browser.post("/token", data=form, auth=auth)


async def exchange_and_spend(
    site: Installation, canaries: Canaries, person: Traveller, code: str
) -> None:
    canaries.note("code", code)
    canaries.note("verifier", person.verifier)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    await person.token(**form, code_verifier="w" * 43)
    await person.token(**form, code_verifier=person.verifier, resource="nonsense")
    first = canaries.note_tokens(await person.token(**form, code_verifier=person.verifier))
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = canaries.note_tokens(await person.token(**again))
    await person.token(**again)
    await person.token(**again, scope="not granted")
    secret = site.secrets["app"]
    browser = person.browser
    for token in (*first.values(), *second.values(), secret, code):
        shown = {"token": str(token)}
        await browser.post("/introspect", data=shown, auth=("app", secret))
        await browser.get("/userinfo", headers={"authorization": f"Bearer {token}"})
        await browser.get(f"/{token}")
        await browser.get("/userinfo", params={"access_token": str(token)})
    await misuse(browser, secret, code)
    assert (await person.token(**form, code_verifier=person.verifier)).status_code == 400
    answer = await person.token("service", grant_type="client_credentials")
    service = canaries.note_tokens(answer)["access_token"]
    await browser.post(
        "/revoke", data={"token": service}, auth=("service", site.secrets["service"])
    )
    await browser.post("/revoke", data={"token": second["access_token"]}, auth=("service", "x"))


async def misuse(browser: httpx2.AsyncClient, secret: str, code: str) -> None:
    """Secrets in every place where they do not belong."""
    form = {"grant_type": "client_credentials"}
    await browser.post("/token", data=form, auth=(secret, "app"))
    await browser.post("/token", data=form | {"client_id": secret, "client_secret": "app"})
    await browser.post("/token", data=form | {"client_id": "app", "client_secret": secret + "x"})
    await browser.post("/token", data=form | {secret: secret, "client_id": "app"})
    await browser.post("/token", data={"grant_type": secret, "scope": code}, auth=("app", secret))
    await browser.post("/token", content=secret.encode())
    await browser.post(f"/token?client_secret={secret}&code={code}", data=form)
    await browser.get("/authorize", params={"client_id": secret, "state": secret})
    await browser.get("/authorize/continue", params={"flow": secret})
    await browser.get("/account/apps", headers={"cookie": f"counterfoil_session={secret}"})


async def leave(canaries: Canaries, person: Traveller) -> None:
    browser = person.browser
    tokens = canaries.note_tokens(await _second_device(canaries, person))
    page = await browser.get("/account/apps")
    canaries.note_page(page)
    verbs = endings_in(page.text)
    assert len(verbs) >= 3
    for verb in verbs:
        canaries.note_page(await browser.get(verb))
        answer = await browser.post(verb, data=hidden_fields(page.text))
        assert answer.status_code == 200
    page = await browser.get("/logout")
    canaries.note_page(page)
    await browser.get("/logout", params={"id_token_hint": tokens["id_token"] + "x"})
    answer = await browser.get("/logout", params={"id_token_hint": tokens["id_token"]})
    assert answer.headers["location"] == "/signed-out"


async def _second_device(canaries: Canaries, person: Traveller) -> httpx2.Response:
    code = person.code_in(await person.open())
    canaries.note("code", code)
    canaries.note("verifier", person.verifier)
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": person.verifier}
    return await person.token(**form)


def demand_silence(canaries: Canaries, places: dict[str, bytes]) -> None:
    assert len(canaries.known) > 20
    found = {place: canaries.found_in(content) for place, content in places.items()}
    assert {place: names for place, names in found.items() if names} == {}


def files_in(data: Path) -> dict[str, bytes]:
    """Every byte of the data directory, but for the master key itself."""
    return {
        path.name: path.read_bytes()
        for path in data.rglob("*")
        if path.is_file() and path.name != "master.key"
    }


@pytest.mark.timeout(180)
async def test_no_secret_reaches_output_log_or_database_of_a_real_server(tmp_path: Path) -> None:
    """S77, S110: a real process at log level debug; a dump of its disk holds nothing usable."""
    data, output = tmp_path / "data", tmp_path / "output"
    canaries = Canaries()
    async with installed(data) as site:
        secrets_of_site = site
    async with served(data, output, LOUD) as base:
        secrets_of_site.issuer = base
        await run_all_flows(secrets_of_site, canaries, base)
        while_running = {f"running {name}": each for name, each in files_in(data).items()}
        settings = site.authority.settings
        while_running["database"] = b"\n".join(await values_of(settings))
    if settings.database is None:
        assert any(name.endswith("-wal") and content for name, content in while_running.items())
    said = {
        " ".join(words): cli(data, *words)
        for words in (("client", "list"), ("session", "list"), ("grant", "list"), ("event", "list"))
    }
    places = {"output": said_in(output), **while_running, **files_in(data), **said}
    demand_silence(canaries, places)
    assert b"Traceback" not in places["output"]
    database = b"".join(while_running.values())
    assert EMAIL.encode() in database, "the counter-proof: what is no secret is found"
    assert b"/logout: invalid_request" in places["output"], "the counter-proof: it spoke"


async def test_no_secret_reaches_a_log_in_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """S110: every logger of every library at debug, whatever an operator may switch on."""
    caplog.set_level(logging.NOTSET)
    canaries = Canaries()
    site = None
    with suppress(StoreUnavailable):  # its store is closed below it, to see what it says then
        async with installed(tmp_path) as site, site.browser() as browser:
            await flows_in_process(site, canaries, browser)
    assert site is not None
    shown = repr(site.server) + repr(site.authority.settings) + repr(site.app)
    # The browser's own library tells which addresses it visits; it is not part of the server.
    ours = [record for record in caplog.records if not record.name.startswith("http")]
    said = "\n".join(map(_everything_in, ours))
    out, err = capfd.readouterr()
    places = {"log": said, "repr": shown, "stdout": out, "stderr": err}
    demand_silence(canaries, {name: text.encode() for name, text in places.items()})
    assert "/sign-in" in said or "/consent" in said, "the counter-proof: errors were logged"


async def flows_in_process(
    site: Installation, canaries: Canaries, browser: httpx2.AsyncClient
) -> None:
    for name, secret in site.secrets.items():
        canaries.note(f"secret of {name}", secret)
    person = Traveller(site, browser)
    page = await person.open(prompt="consent")
    canaries.note_page(page)
    page = await person.sign_in(page)
    canaries.note_page(page)
    canaries.note_cookies(browser)
    await browser.post("/consent", data=hidden_fields(page.text) | {"csrf": "forged"})
    code = person.code_in(await person.allow(page))
    await exchange_and_spend(site, canaries, person, code)
    await leave(canaries, person)
    await the_database_fails(site, person, canaries)


async def the_database_fails(site: Installation, person: Traveller, canaries: Canaries) -> None:
    """Errors of ours are logged with what the operator needs, and nothing more."""
    page = await person.open()
    await site.authority.store.close()
    form = {"grant_type": "refresh_token", "refresh_token": "cfrt_x", "client_secret": ""}
    assert (await person.token(**form)).status_code == 503
    secret = hidden_fields(page.text) | {"email": EMAIL, "password": PASSWORD}
    assert (await person.browser.post("/sign-in", data=secret)).status_code == 503
    canaries.note_page(page)


def _everything_in(record: logging.LogRecord) -> str:
    formatter = logging.Formatter()
    return f"{formatter.format(record)} {record.args!r} {record.__dict__!r}"


async def test_a_mistake_of_ours_is_told_without_what_was_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S110: an exception's traceback is logged; the parameters of the request are not."""
    caplog.set_level(logging.DEBUG)
    async with installed(tmp_path) as site:
        secret = site.secrets["service"]

        def broken(*_: object) -> None:
            raise RuntimeError("a mistake")

        monkeypatch.setattr(site.authority.keyring, "signer", broken)
        answer = await site.post("/token", "service", grant_type="client_credentials")
        assert answer.status_code == 500
        assert answer.json()["error"] == "server_error"
        assert "Traceback" not in answer.text
        assert "mistake in" not in answer.text
    said = "\n".join(_everything_in(record) for record in caplog.records)
    assert "a mistake" in said
    assert secret not in said


def test_parameters_do_not_show_their_values() -> None:
    """S110: whatever is printed, compared in a failing assertion, or named in an exception."""
    shown = repr(Parameters.parse(f"client_secret=s3cret&resource=s3cret&password={PASSWORD}"))
    assert shown == "Parameters(client_secret, password, resource)"


def test_the_master_key_does_not_show_itself(tmp_path: Path) -> None:
    """S77, S83: the one secret outside the database is in no description of the settings."""
    key = base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode()
    settings = load({"COUNTERFOIL_MASTER_KEY": key}, {"data": str(tmp_path)})
    from counterfoil.server.settings import describe

    assert key not in repr(settings) + str(describe(settings)) + repr(build(settings))
