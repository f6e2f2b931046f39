"""More than one was given: other people's grants, other clients' tokens, wider scopes (ASVS V8)."""

import re
from typing import Any

import httpx2
import pytest

from counterfoil.server.records.signing_key import Purpose
from tests.installation import (
    CALLBACK,
    MAIL,
    NOTES,
    Installation,
    Person,
    answer_of,
    endings_in,
    hidden_fields,
    permissions_in,
    token_request,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def site(site: Installation) -> Installation:
    await site.add_api(MAIL, "Mail", {"mail:read": "Read your mail", "mail:send": "Send mail"})
    await site.add_client("mailer", scopes=frozenset({"mail:read", "mail:send"}))
    await site.add_client("observer", scopes=frozenset({"introspect"}))
    await site.add_user("mallory@example.com")
    scopes = frozenset({"openid", "notes:read", "mail:read"})
    await site.add_client(
        "both", grant_types=("authorization_code",), redirect_uris=(CALLBACK,), scopes=scopes
    )
    return site


async def is_active(site: Installation, token: str, asker: str = "app") -> bool:
    return bool((await site.post("/introspect", asker, token=token)).json()["active"])


@pytest.mark.parametrize(
    "scope",
    ["admin", "mail:read", "openid admin", "introspect", "notes:read mail:send", "*", "openid:"],
)
async def test_an_app_may_not_ask_for_more_than_it_registered(
    site: Installation, scope: str
) -> None:
    async with site.browser() as browser:
        answer = answer_of(await Person(site, browser).open(scope=scope))
    assert answer["error"] == "invalid_scope"


@pytest.mark.parametrize("scope", ["mail:read", "notes:read mail:read", "introspect", "openid"])
async def test_a_service_may_not_have_more_than_it_registered(
    site: Installation, scope: str
) -> None:
    """`introspect` is no scope of a token: it is a right of the client itself."""
    form = {"grant_type": "client_credentials", "scope": scope}
    for client_id in ("service", "observer"):
        answer = await token_request(site, client_id, **form)
        assert answer.json()["error"] in {"invalid_scope", "invalid_target"}


@pytest.mark.parametrize(
    "ticked",
    [
        ["openid", f"{NOTES} notes:read", f"{NOTES} notes:write"],
        ["openid", f"{NOTES} notes:read", f"{MAIL} mail:send", "offline_access", "email"],
        ["openid", f"{NOTES} notes:read", "admin", "", " ", "x" * 100],
    ],
)
async def test_a_form_cannot_tick_what_was_not_asked(site: Installation, ticked: list[str]) -> None:
    """S10: what the page did not offer cannot be allowed by writing it into the form."""
    async with site.browser() as browser:
        person = Person(site, browser)
        page = await person.sign_in(await person.open(prompt="consent"))
        code = answer_of(await person.allow(page, permissions=ticked))["code"]
        tokens = (await person.exchange(code)).json()
    assert tokens["scope"] == "notes:read openid"


async def test_what_was_not_ticked_is_not_given(site: Installation) -> None:
    """S10: neither in the token, nor at userinfo, nor by a later refresh."""
    async with site.browser() as browser:
        person = Person(site, browser)
        asked = {"scope": "openid email notes:read notes:write", "prompt": "consent"}
        page = await person.sign_in(await person.open(**asked))
        ticked = [
            each
            for each in permissions_in(page.text)
            if each not in {"email", f"{NOTES} notes:write"}
        ]
        code = answer_of(await person.allow(page, permissions=ticked))["code"]
        tokens = (await person.exchange(code)).json()
        assert tokens["scope"] == "notes:read openid"
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        assert "email" not in (await browser.get("/userinfo", headers=headers)).json()
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        answer = await token_request(site, "app", **form, scope="openid email")
        assert answer.json()["error"] == "invalid_scope"


async def test_a_token_is_for_one_api(site: Installation) -> None:
    """Audience confusion: no token is good at two APIs (RFC 8707, RFC 9700 §2.3)."""
    async with site.browser() as browser:
        person = Person(site, browser)
        asked = {"scope": "openid notes:read mail:read"}
        answer = answer_of(await person.open("both", **asked))
        assert answer["error"] == "invalid_target", "which API owns them all? none"
        url = person.authorization_url("both", **asked) + f"&resource={NOTES}&resource={MAIL}"
        page = await person.sign_in(await person.follow(await browser.get(url)))
        code = answer_of(await person.allow(page))["code"]
        assert (await person.exchange(code, "both")).json()["error"] == "invalid_target"
        refused = await person.exchange(code, "both", resource="https://other.example")
        assert refused.json()["error"] == "invalid_target"
        tokens = (await person.exchange(code, "both", resource=NOTES)).json()
    answer = (await site.post("/introspect", "both", token=tokens["access_token"])).json()
    assert answer["aud"] == NOTES
    assert answer["scope"] == "notes:read openid"


async def test_a_client_learns_nothing_of_another_s_tokens(site: Installation) -> None:
    """RFC 7662 §4: to whom it was not issued it is not active; whoever may see all must say so."""
    service = await site.service_token()
    async with site.browser() as browser:
        tokens = await Person(site, browser).tokens()
    for token in (service, tokens["access_token"], tokens["refresh_token"]):
        assert not await is_active(site, token, "mailer")
        assert await is_active(site, token, "observer")
    assert not await is_active(site, service, "app")


@pytest.mark.parametrize("thief", ["mailer", "observer", "spa"])
async def test_a_client_cannot_revoke_another_s_tokens(site: Installation, thief: str) -> None:
    """RFC 7009 §2.1."""
    async with site.browser() as browser:
        tokens = await Person(site, browser).tokens()
        for name in ("access_token", "refresh_token"):
            if thief in site.secrets:
                answer = await site.post("/revoke", thief, token=tokens[name])
            else:
                form = {"client_id": thief, "token": tokens[name]}
                answer = await browser.post("/revoke", data=form)
            assert answer.json()["error"] == "unauthorized_client"
            assert await is_active(site, tokens[name])


async def verbs_of(browser: httpx2.AsyncClient) -> list[str]:
    page = (await browser.get("/account/apps")).text
    return endings_in(page + (await browser.get("/account/devices")).text)


async def test_a_person_cannot_end_what_is_another_s(site: Installation) -> None:
    """Insecure direct object references: ids of others, guessed or seen, do nothing."""
    async with site.browser() as mine, site.browser() as victims:
        tokens = await Person(site, victims).tokens()
        theirs = await verbs_of(victims)
        assert len(theirs) >= 5
        mallory = Person(site, mine)
        page = await mallory.sign_in(await mine.get("/sign-in"), email="mallory@example.com")
        fields = hidden_fields((await mine.get("/account/apps")).text)
        assert page.status_code == 200
        for verb in theirs:
            nothing = verb.rpartition("/")[0] + "/nothing"
            for method in ("GET", "POST"):
                form = {"data": fields} if method == "POST" else {}
                said = [await mine.request(method, each, **form) for each in (verb, nothing)]
                assert [each.status_code for each in said] == [400, 400]
                texts = [told(each.text, verb) for each in said]
                assert texts[0] == texts[1], "nor does the answer tell whether they exist"
        for name in ("access_token", "refresh_token"):
            assert await is_active(site, tokens[name])
        assert await verbs_of(victims) == theirs


def told(page: str, verb: str) -> str:
    """What an error page says, without the name that was asked for and the reference."""
    name = verb.rpartition("/")[2]
    text = page.replace(name, "NAME").replace("nothing", "NAME")
    return re.sub(r'<code class="serial">[^<]*', "", text)


@pytest.mark.parametrize("kind", ["token", "client", "api", "key", "everything", "GRANT"])
async def test_a_person_ends_nothing_that_is_nobody_s(site: Installation, kind: str) -> None:
    """The kinds of administrators are none of the account's, whatever name is given."""
    token = await site.service_token()
    keys = await site.authority.store.read(lambda tx: tx.signing_keys.every(Purpose.TOKENS))
    names = {"client": "service", "api": NOTES.replace("/", "%2F"), "key": keys[0].kid}
    async with site.browser() as browser:
        await Person(site, browser).tokens()
        fields = hidden_fields((await browser.get("/account/apps")).text)
        path = f"/account/end/{kind}/{names.get(kind, 'J' * 22)}"
        assert (await browser.get(path)).status_code in {400, 404}
        assert (await browser.post(path, data=fields)).status_code in {400, 404}
    assert await is_active(site, token, "service")


async def test_the_account_is_closed_to_whoever_is_not_signed_in(site: Installation) -> None:
    async with site.browser() as browser:
        for method, path in (
            ("GET", "/account/apps"),
            ("GET", "/account/profile"),
            ("POST", "/account/profile"),
            ("GET", "/account/security"),
            ("GET", "/account/devices"),
            ("GET", "/account/devices/others"),
            ("POST", "/account/devices/others"),
            ("GET", "/account/activity"),
            ("GET", "/account/not-me?about=event:1"),
            ("POST", "/account/not-me"),
            ("GET", "/account/data"),
            ("POST", "/account/data"),
            ("GET", "/account/delete"),
            ("POST", "/account/delete"),
            ("GET", "/account/password"),
            ("POST", "/account/password"),
            ("GET", "/account/end/grant/x"),
            ("POST", "/account/end/grant/x"),
            ("POST", "/account/end/user/x"),
        ):
            answer = await browser.request(
                method, path, data={"csrf": "x"} if method == "POST" else None
            )
            room = path.rpartition("/")[2]
            back = f"?next={room}" if room in {"data", "delete", "others", "password"} else ""
            assert answer.headers["location"] == f"/sign-in{back}", (method, path)


async def test_a_disabled_person_is_out_at_once(own: Installation) -> None:
    """S33, S38: the session, the tokens, userinfo and refresh, all at the next request."""
    from functools import partial

    from counterfoil.server.protocol import revocation
    from counterfoil.server.protocol.events import CLI

    async with own.browser() as browser:
        person = Person(own, browser)
        tokens = await person.tokens(scope="openid offline_access notes:read")
        assert own.user is not None
        await own.authority.store.transact(
            partial(revocation.disable_user, user_id=own.user.id, by=CLI)
        )
        assert (await browser.get("/account/apps")).status_code == 303
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        assert (await browser.get("/userinfo", headers=headers)).status_code == 401
        form: dict[str, Any] = {
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
        }
        assert (await token_request(own, "app", **form)).json()["error"] == "invalid_grant"
        page = await person.sign_in(await browser.get("/sign-in"))
        assert page.status_code == 400
