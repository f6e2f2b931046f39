"""Attacks on the admin API and the admin pages: whoever should not, does not."""

import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.server.app import ROUTES
from counterfoil.server.endpoints.api.table import OPERATIONS
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.web.reading import MAX_BODY
from tests.administration import (
    END,
    READ,
    SCOPES,
    WRITE,
    Administrator,
    administrator,
    person_token,
)
from tests.installation import NOTES, PASSWORD, Installation, Person, hidden_fields
from tests.proofs import App

pytestmark = pytest.mark.anyio
ABOVE_THE_STORE = pytest.mark.one_engine("who may come in is not asked of the engine")
EVERY = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def place(site: Installation) -> Installation:
    """The installation that is attacked."""
    return site


@pytest.fixture
async def person(place: Installation) -> AsyncIterator[Person]:
    """Somebody who administers nothing."""
    email = f"person-{secrets.token_hex(4)}@example.com"
    user = await place.add_user(email)
    async with place.browser() as browser:
        yield Person(place, browser, email, user.id)


@pytest.fixture
async def admin(place: Installation) -> Administrator:
    """A service that may do everything."""
    return await administrator(place)


@pytest.fixture
async def boss(place: Installation) -> AsyncIterator[Person]:
    """An administrator, signed in at a browser."""
    email = f"boss-{secrets.token_hex(4)}@example.com"
    user = await place.add_user(email, is_admin=True)
    async with place.browser() as browser:
        boss = Person(place, browser, email, user.id)
        await boss.sign_in(await browser.get("/sign-in"))
        yield boss


def address_of(path: str) -> str:
    return re.sub(r"\{\w+\}", "service", path)


async def why(place: Installation, operation: Any, **options: Any) -> tuple[int, str]:
    """Ask for an operation in any way; the status and the reason."""
    async with place.browser() as browser:
        path = address_of(operation.path)
        answer = await browser.request(operation.method, path, json={}, **options)
    return answer.status_code, answer.json().get("error_reason", answer.json().get("error"))


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


# Who may come in.


@ABOVE_THE_STORE
@EVERY
async def test_nothing_is_open_without_a_token(place: Installation, operation: Any) -> None:
    assert await why(place, operation) == (401, "missing")


@ABOVE_THE_STORE
@EVERY
async def test_a_token_for_another_api_opens_nothing(place: Installation, operation: Any) -> None:
    """Whatever else it may do."""
    token = await place.service_token()
    assert await why(place, operation, headers=bearer(token)) == (401, "wrong_audience")


@ABOVE_THE_STORE
@EVERY
async def test_every_operation_needs_its_own_scope(place: Installation, operation: Any) -> None:
    rest = sorted(set(SCOPES) - {operation.scope})
    token = (await administrator(place, *rest)).token
    assert await why(place, operation, headers=bearer(token)) == (403, "insufficient_scope")


@ABOVE_THE_STORE
@EVERY
async def test_a_cookie_is_no_token(boss: Person, operation: Any) -> None:
    """S95, CSRF: a browser that is signed in as an administrator is nobody to the API."""
    path = address_of(operation.path)
    answer = await boss.browser.request(operation.method, path, json={})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@ABOVE_THE_STORE
@EVERY
async def test_the_consent_of_somebody_who_is_no_administrator_opens_nothing(
    place: Installation, operation: Any
) -> None:
    email = f"mallory-{secrets.token_hex(4)}@example.com"
    user = await place.add_user(email)
    async with place.browser() as browser:
        token = await person_token(place, Person(place, browser, email, user.id))
    assert await why(place, operation, headers=bearer(token)) == (403, "not_permitted")


async def test_an_administrator_who_was_disabled_a_moment_ago_opens_nothing(
    place: Installation, boss: Person
) -> None:
    caller = Administrator(place, await person_token(place, boss))
    await caller.get("/api/clients")
    disable = partial(revocation.disable_user, user_id=boss.user_id, by=CLI)
    await place.authority.store.transact(disable)
    assert await caller.refused("GET", "/api/clients") == (401, "revoked")
    assert (await boss.browser.get("/admin/")).headers["location"] == "/sign-in"


async def test_whoever_is_no_administrator_any_more_opens_nothing(
    place: Installation, boss: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked anew at every request: neither token nor session remembers it."""
    from counterfoil.server.storage.statements.users import UserStatements

    caller = Administrator(place, await person_token(place, boss))
    await caller.get("/api/clients")
    find = UserStatements.find

    async def demoted(self: Any, user_id: str) -> Any:
        return replace(await find(self, user_id), is_admin=False)

    monkeypatch.setattr(UserStatements, "find", demoted)
    assert await caller.refused("GET", "/api/clients") == (403, "not_permitted")
    assert (await boss.browser.get("/admin/")).status_code == 403


async def test_an_ended_token_is_refused_by_the_next_request(
    place: Installation, boss: Person
) -> None:
    caller = Administrator(place, await person_token(place, boss))
    (family,) = await place.authority.store.read(lambda tx: tx.families.live_of_user(boss.user_id))
    await caller.get("/api/clients")

    async def end(tx: Transaction) -> None:
        await revocation.end_family(tx, family.id, "test", CLI)

    await place.authority.store.transact(end)
    assert await caller.refused("GET", "/api/clients") == (401, "revoked")


async def test_a_disabled_service_opens_nothing(place: Installation) -> None:
    caller = await administrator(place)
    client_id = place.authority.reader.genuine(caller.token, place.clock()).token.client_id
    disable = partial(revocation.disable_client, client_id=client_id, by=CLI)
    await place.authority.store.transact(disable)
    assert await caller.refused("GET", "/api/clients") == (401, "revoked")


async def test_a_token_comes_in_the_header_once_and_nowhere_else(admin: Administrator) -> None:
    async with admin.place.browser() as browser:
        token = admin.token
        twice = [("authorization", f"Bearer {token}")] * 2
        for status, answer in (
            (400, await browser.get("/api/clients", params={"access_token": token})),
            (401, await browser.get("/api/clients", headers={"cookie": f"access_token={token}"})),
            (401, await browser.post("/api/clients", data={"access_token": token})),
            (401, await browser.get("/api/clients", headers=twice)),
            (401, await browser.get("/api/clients", headers={"authorization": f"Basic {token}"})),
            (401, await browser.get("/api/clients", headers={"authorization": "Bearer " * 9000})),
        ):
            assert answer.status_code == status
            assert token not in answer.text


async def test_a_token_that_is_bound_needs_the_proof_of_its_key_for_this_very_request(
    place: Installation,
) -> None:
    """RFC 9449 §7: stolen without its key it opens nothing; a proof is for one request, once."""
    client_id = f"bound-{secrets.token_hex(4)}"
    await place.add_client(client_id, scopes=frozenset(SCOPES))
    app, thief = App(place, client_id), App(place, client_id)
    form = {"grant_type": "client_credentials"}
    token = (await app.send(app.proof(), **form)).json()["access_token"]

    async def ask(proof: str | None, scheme: str = "DPoP") -> tuple[int, str]:
        headers = {"authorization": f"{scheme} {token}"} | ({"dpop": proof} if proof else {})
        async with place.browser() as browser:
            answer = await browser.get("/api/clients/service", headers=headers)
        return answer.status_code, answer.json().get("error_reason", "")

    def proof(of: App, path: str = "/api/clients/service", method: str = "GET") -> str:
        return of.proof(path, method, token=token)

    once = proof(app)
    assert await ask(once) == (200, "")
    for attempt, reason in (
        (ask(once), "proof_replayed"),
        (ask(None), "proof_missing"),
        (ask(None, "Bearer"), "wrong_binding"),
        (ask(proof(app), "Bearer"), "wrong_binding"),
        (ask(proof(thief)), "wrong_binding"),
        (ask(proof(app, "/api/clients")), "proof_mismatch"),
        (ask(proof(app, method="PATCH")), "proof_mismatch"),
    ):
        assert await attempt == (401, reason)


async def test_a_proof_is_used_up_though_the_request_is_refused(place: Installation) -> None:
    """RFC 9449 §11.1: it cannot be sent again when the other reason has gone."""
    client_id = f"bound-{secrets.token_hex(4)}"
    await place.add_client(client_id, scopes=frozenset(SCOPES))
    app = App(place, client_id)
    token = (await app.send(app.proof(), grant_type="client_credentials")).json()["access_token"]
    registered = await place.authority.store.read(lambda tx: tx.clients.find(client_id))
    assert registered is not None

    async def registered_for(access: Access) -> None:
        changed = replace(registered, access=access)
        await place.authority.store.transact(lambda tx: tx.clients.update(changed))

    async def reason(proof: str) -> str:
        headers = {"authorization": f"DPoP {token}", "dpop": proof}
        async with place.browser() as browser:
            answer = await browser.get("/api/clients/service", headers=headers)
        return str(answer.json().get("error_reason", ""))

    once = app.proof("/api/clients/service", "GET", token=token)
    await registered_for(Access())
    assert await reason(once) == "insufficient_scope"
    await registered_for(registered.access)
    assert await reason(once) == "proof_replayed"
    assert await reason(app.proof("/api/clients/service", "GET", token=token)) == ""


async def test_a_client_cannot_be_named_like_a_person(
    place: Installation, admin: Administrator, boss: Person
) -> None:
    """RFC 9068 §5: a service's tokens have its name for their subject. Whoever may register one
    must not become Ada at every API that goes by the subject."""
    body = {"client_name": "X", "client_id": boss.user_id, "grant_types": ["client_credentials"]}
    refused = await admin.refused("POST", "/api/clients", json=body | {"scope": "notes:read"})
    assert refused == (409, "conflict")
    with pytest.raises(Conflict):
        await place.add_client(boss.user_id)


async def test_a_client_that_is_named_like_a_person_is_no_person(
    place: Installation, boss: Person
) -> None:
    """Were there one: a token's subject is the client there; it may what it was given."""
    await place.add_client("twin", scopes=frozenset({"notes:read", READ}))

    async def renamed(tx: Transaction) -> None:
        twin = await tx.clients.find("twin")
        (secret,) = await tx.clients.secrets_of("twin")
        assert twin is not None
        await tx.clients.add(replace(twin, client_id=boss.user_id))
        await tx.clients.add_secret(replace(secret, id="twins", client_id=boss.user_id))

    await place.authority.store.transact(renamed)
    place.secrets[boss.user_id] = place.secrets["twin"]
    caller = Administrator(place, await place.service_token(boss.user_id, scope=READ))
    assert await caller.refused("POST", "/api/users", json={}) == (403, "insufficient_scope")
    found = await caller.get("/api/clients", limit=1)
    assert found["clients"]


async def test_a_slash_in_a_name_reaches_no_other_operation(
    place: Installation, admin: Administrator
) -> None:
    """What a proxy sees as a name must not be read as a name and a verb."""
    async with place.browser() as browser:
        for slash in ("%2F", "%2f"):
            path = f"/api/clients/service{slash}disable"
            answer = await browser.post(path, headers=bearer(admin.token))
            assert answer.status_code == 404
    assert (await admin.get("/api/clients/service"))["disabled_at"] is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/apis", {"uri": "x:\n", "name": "X", "scopes": {"x:read": "Read"}}),
        ("/api/apis", {"uri": "x:y", "name": "X", "scopes": {"x:read": "a\x00<script>"}}),
        ("/api/users", {"email": "b\nc@example.com"}),
    ],
)
async def test_what_cannot_be_printed_is_no_name(
    admin: Administrator, path: str, body: dict[str, Any]
) -> None:
    """It would stand in the log for ever."""
    assert (await admin.refused("POST", path, json=body))[0] == 400


# What may be asked.


@pytest.mark.parametrize("extra", ["generation", "disabled_at", "created_at", "access", "secrets"])
async def test_what_is_the_servers_to_say_cannot_be_sent_along(
    admin: Administrator, extra: str
) -> None:
    """Mass assignment: a field that is not offered is refused, and nothing is made."""
    body = {"client_name": "X", "client_id": f"sent-{extra}", extra: 1}
    assert await admin.refused("POST", "/api/clients", json=body) == (400, "invalid_request")
    change = {"client_name": "X", extra: 1}
    refused = await admin.refused("PATCH", "/api/clients/service", json=change)
    assert refused == (400, "invalid_request")
    assert await admin.refused("GET", f"/api/clients/sent-{extra}") == (404, "not_found")


@pytest.mark.parametrize("extra", ["is_admin", "id", "password_hash", "locked_until"])
async def test_nobody_is_made_an_administrator_by_the_api(admin: Administrator, extra: str) -> None:
    email = f"{secrets.token_hex(4)}@example.com"
    body = {"email": email, extra: True}
    assert await admin.refused("POST", "/api/users", json=body) == (400, "invalid_request")
    made = await admin.post("/api/users", {"email": email}, 201)
    assert made["is_admin"] is False


@pytest.mark.parametrize("extra", ["public", "client_id", "token_endpoint_auth_method"])
async def test_what_a_client_is_does_not_change(admin: Administrator, extra: str) -> None:
    change = {extra: "none"}
    refused = await admin.refused("PATCH", "/api/clients/service", json=change)
    assert refused == (400, "invalid_request")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"client_name": "\xff"}',
        b"[" * 30_000,
        b'{"client_name":' * 4_000,
        b'{"client_name": "x", "policy": ' + b'{"a":' * 9_000,
        b'{"client_name": 1e999}',
        b'{"client_name": "' + b"x" * (MAX_BODY + 1) + b'"}',
        b"\x00" * 100,
    ],
    ids=lambda content: str(content[:12]),
)
async def test_bodies_that_are_none_are_refused_in_one_form(
    admin: Administrator, content: bytes
) -> None:
    """Of the wrong type, too large, too deep, cut off."""
    headers = {"content-type": "application/json"}
    answer = await admin.ask("POST", "/api/clients", content=content, headers=headers)
    assert answer.status_code == 400
    assert len(answer.content) < 1000


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_is_json_or_nothing(admin: Administrator, kind: str) -> None:
    headers = {"content-type": kind}
    body = b'{"client_name": "X"}'
    answer = await admin.ask("POST", "/api/clients", content=body, headers=headers)
    assert answer.status_code == 400


async def test_a_complaint_repeats_little_of_what_a_stranger_sent(admin: Administrator) -> None:
    answer = await admin.ask("POST", "/api/clients", json={"client_name": "X", "y" * 50_000: 1})
    assert answer.status_code == 400
    assert len(answer.content) < 1000
    answer = await admin.ask("POST", "/api/clients", json={"client_name": "X", "\x1b[31m": 1})
    assert "\x1b" not in answer.json()["error_description"]


@pytest.mark.parametrize("header", ["x-http-method-override", "x-method-override", "x-http-method"])
async def test_a_method_cannot_be_overridden(admin: Administrator, header: str) -> None:
    answer = await admin.ask("GET", "/api/clients/service", headers={header: "PATCH"})
    assert answer.json()["client_id"] == "service"
    answer = await admin.ask("POST", "/api/clients/service", headers={header: "DELETE"})
    assert answer.status_code == 405
    answer = await admin.ask("GET", "/api/clients", params={"_method": "POST"})
    assert answer.status_code == 400


NAMES = (
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "'%20OR%201=1--",
    "service%00",
    "%ff%fe",
    "x" * 5000,
    "service%2fdisable",
    "named",
)


@pytest.mark.parametrize("noun", ["clients", "users", "grants", "sessions", "families", "keys"])
@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:12])
async def test_an_id_from_outside_is_data_and_no_more(
    admin: Administrator, noun: str, name: str
) -> None:
    """Paths, SQL, bytes that are no text: there is no such thing."""
    async with admin.place.browser() as browser:
        answer = await browser.get(f"/api/{noun}/{name}", headers=bearer(admin.token))
    assert answer.status_code in {404, 405}, "405: a slash, however spelled, is a slash"


CURSORS = (
    "x",
    "x" * 1024,
    urlsafe_b64encode(b"-1 x").decode(),
    urlsafe_b64encode(b"9" * 16 + b" x").decode(),
    urlsafe_b64encode(b"1 x' OR '1'='1").decode(),
    urlsafe_b64encode(b"1 \xff").decode(),
    urlsafe_b64encode(b"1").decode(),
)


@pytest.mark.parametrize("noun", ["clients", "apis", "users", "grants", "sessions", "events"])
@pytest.mark.parametrize("cursor", CURSORS, ids=range(len(CURSORS)))
async def test_a_forged_cursor_is_refused(
    admin: Administrator, boss: Person, noun: str, cursor: str
) -> None:
    refused = await admin.refused("GET", f"/api/{noun}", params={"cursor": cursor})
    assert refused == (400, "invalid_request")
    if noun != "apis":
        page = await boss.browser.get(f"/admin/{noun}", params={"cursor": cursor})
        assert page.status_code == 400


async def test_a_cursor_that_was_made_up_shows_nothing_that_is_not_in_the_list(
    admin: Administrator,
) -> None:
    """It holds a place, no power: from the end of time to its beginning."""
    for at in (b"0", b"9" * 15):
        cursor = urlsafe_b64encode(at + b" x").decode()
        page = await admin.get("/api/users", cursor=cursor, limit=200)
        every = await admin.get("/api/users", limit=200)
        assert page["users"] in ([], every["users"])


# What is told.


async def test_no_answer_holds_a_secret(place: Installation, admin: Administrator) -> None:
    """But the one that hands it over. Neither what was sent to be ended."""
    async with place.browser() as browser:
        email = f"told-{secrets.token_hex(4)}@example.com"
        user = await place.add_user(email)
        tokens = await Person(place, browser, email, user.id).tokens()
        cookies = [value for value in browser.cookies.values() if value]
    told = ""
    for operation in OPERATIONS:
        if operation.method == "GET" and "{" not in operation.path:
            path, query = operation.path, {"uri": NOTES} if "named" in operation.path else {}
            if path == "/api/limited-tokens":
                query = {"user_id": user.id, "client_id": "app"}
            told += str(await admin.get(path, **query))
    for client_id in ("app", "service"):
        told += str(await admin.get(f"/api/clients/{client_id}"))
    answer = await admin.ask("POST", "/api/endings", json={"token": tokens["refresh_token"]})
    told += answer.text
    for secret in (*place.secrets.values(), *cookies, PASSWORD, *tokens.values()):
        if len(str(secret)) > 20:
            assert str(secret) not in told
    assert "$argon2id$" not in told
    assert not re.search(r"'(digest|sealed|password_hash)':", told)


async def older_account(place: Installation, email: str) -> User:
    digest = await place.server.passwords.hash(PASSWORD)
    now = int(place.clock())
    made = User(
        id=f"old-{secrets.token_hex(8)}",
        email=email,
        created_at=now,
        password_hash=digest,
        name=MARKUP,
    )
    await place.authority.store.transact(lambda tx: tx.users.add(made))
    return made


async def test_names_that_strangers_chose_are_never_markup(
    place: Installation, admin: Administrator, boss: Person
) -> None:
    """XSS: a hostile client, API and person, on every page where they are shown."""
    client_id = f"hostile-{secrets.token_hex(4)}"
    uri = 'https://hostile.example/?"><script>alert(1)</script>'
    scope = f"hostile:{secrets.token_hex(4)}"
    await admin.post(
        "/api/apis",
        {"uri": uri.replace(" ", ""), "name": MARKUP, "scopes": {scope: MARKUP}},
        201,
    )
    body = {"client_name": MARKUP, "client_id": client_id, "scope": scope}
    await admin.post("/api/clients", body, 201)
    # No such address is taken any more; but an account may be older than that rule.
    email = f'"{MARKUP.replace(" ", "")}"@{secrets.token_hex(4)}.example'
    made = await older_account(place, email)
    async with place.browser(headers={"user-agent": MARKUP}) as browser:
        await Person(place, browser, email, made.id).tokens()
    (session,) = (await admin.get("/api/sessions", user_id=made.id))["sessions"]
    (grant,) = (await admin.get("/api/grants", user_id=made.id))["grants"]
    shown = 0
    for path, query in (
        *((f"/admin/{room}", {}) for room in ("clients", "apis", "users", "grants", "sessions")),
        ("/admin/events", {}),
        (f"/admin/clients/{client_id}", {}),
        ("/admin/apis/named", {"uri": uri}),
        (f"/admin/users/{made.id}", {}),
        (f"/admin/sessions/{session['id']}", {}),
        (f"/admin/grants/{grant['id']}", {}),
        ("/admin/end", {"kind": "client", "name": client_id}),
        ("/admin/end", {"kind": "api", "name": uri}),
        ("/admin/end", {"kind": "user", "name": made.id}),
        ("/admin/end", {"kind": "token", "name": MARKUP}),
        (f"/admin/clients/{MARKUP}", {}),
        ("/admin/grants", {"user_id": MARKUP, "cursor": MARKUP}),
    ):
        page = await boss.browser.get(path, params=query, headers={"accept": "text/html"})
        assert "<script" not in page.text, path
        assert "<img" not in page.text, path
        assert "script-src" not in page.headers["content-security-policy"]
        shown += "&lt;script&gt;" in page.text
    assert shown > 8, "the counter-proof: they are shown"
    answer = await admin.ask("GET", f"/api/clients/{client_id}")
    assert answer.headers["x-content-type-options"] == "nosniff"


# The pages.


async def test_no_page_ends_anything_without_its_own_form(
    place: Installation, boss: Person, person: Person
) -> None:
    """CSRF: of nobody, of another's session, of another site, or by a link."""
    await person.tokens()
    (grant,) = await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))
    target = {"kind": "grant", "name": grant.id}
    own = hidden_fields((await boss.browser.get("/admin/end", params=target)).text)
    theirs = hidden_fields((await person.browser.get("/account/apps")).text)
    for form, headers in (
        (target, {}),
        ({**target, "csrf": "x"}, {}),
        ({**target, "csrf": theirs["csrf"]}, {}),
        (own, {"sec-fetch-site": "cross-site"}),
        (own, {"sec-fetch-site": "same-site"}),
    ):
        answer = await boss.browser.post("/admin/end", data=form, headers=headers)
        assert answer.status_code == 403
    assert (await boss.browser.get("/admin/end", params=own)).status_code == 200
    assert await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))


async def test_the_form_of_an_administrator_is_of_no_use_to_others(
    place: Installation, boss: Person, person: Person
) -> None:
    await person.tokens()
    own = hidden_fields(
        (await boss.browser.get("/admin/end", params={"kind": "user", "name": boss.user_id})).text
    )
    answer = await person.browser.post("/admin/end", data=own)
    assert answer.status_code == 403
    async with place.browser() as stranger:
        answer = await stranger.post("/admin/end", data=own)
        assert answer.headers["location"] == "/sign-in"


async def test_a_token_opens_no_page(place: Installation, admin: Administrator) -> None:
    async with place.browser() as browser:
        for route in ROUTES:
            if route.path.startswith("/admin"):
                path = address_of(route.path)
                answer = await browser.request(route.methods[0], path, headers=bearer(admin.token))
                assert answer.status_code == 303, path


async def test_scripts_of_any_origin_may_call_with_a_token_and_never_with_a_cookie(
    place: Installation, boss: Person
) -> None:
    """S96, S97: `*` without credentials, on refusals too, so that a script can read the reason."""
    for operation in OPERATIONS:
        path = address_of(operation.path)
        answer = await boss.browser.request(
            operation.method, path, headers={"origin": "https://evil.example"}
        )
        assert answer.status_code == 401
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        answer = await boss.browser.options(path, headers={"origin": "https://evil.example"})
        assert operation.method in answer.headers["access-control-allow-methods"]


async def test_the_scopes_mean_what_they_say() -> None:
    """Reading changes nothing; what ends what others have is what needs that scope, and no more."""
    by_scope = {scope: [each for each in OPERATIONS if each.scope == scope] for scope in SCOPES}
    assert {each.method for each in by_scope[READ]} == {"GET"}
    assert {each.method for each in by_scope[WRITE]} == {"POST", "PATCH"}
    withdraw = "/api/clients/{client_id}/mint-rights/{right_id}/withdraw"
    assert [each.path for each in by_scope[END]] == [withdraw, "/api/endings"]
